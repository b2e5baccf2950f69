"""The client of a directory: it reads and writes accounts as the directory can, in bulk or alone (SPEC section 3)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote

import requests

from sims_sync.directory.bulk import Request, answers, batches, body
from sims_sync.directory.discovery import SYNC_REPORT, Capabilities
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import NoJson, memory_of, number, read_json
from sims_sync.directory.listing import QueryRefused, TooManyAccounts, everybody, list_accounts
from sims_sync.directory.looking_up import LookUp
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.places import ENTRIES, Names
from sims_sync.directory.scim_answers import document
from sims_sync.directory.session import REFUSED_LOGIN, Endpoint, check_login, send
from sims_sync.directory.writes import Create, Write, Written, failed, outcome, request_for
from sims_sync.model.errors import PermissionMissing, TransientFault, UnexpectedAnswer

log = logging.getLogger(__name__)

MAX_LISTED = 768 * 2**20
"""What the accounts of one listing may take in memory, in bytes."""

_PROGRESS = 500
_OF_A_LIST = dict.fromkeys(("totalResults", "startIndex", "itemsPerPage", "nextCursor"))
_NO_LIST = frozenset({400, 403, 404, 422, 500, 501})
"""Statuses that a parameter of the query may be the reason of."""


class Directory:
    """The accounts of one school's directory.

    :param capabilities: what it offers (``discovery.discover``).
    :param mapping: where our values stand in its accounts.
    """

    def __init__(self, endpoint: Endpoint, capabilities: Capabilities, mapping: AccountMapping) -> None:
        self.capabilities = capabilities
        self.mapping = mapping
        self._endpoint = endpoint
        self._connection_name = endpoint.connection_name
        self._list_names: Names = {**_OF_A_LIST, "Resources": {ENTRIES: mapping.names}}
        self._listed = 0
        self._asked_for = {"attributes": mapping.asked_for} if capabilities.on_request else {}
        self._page_size = min(filter(None, (mapping.settings.page_size, capabilities.max_results)), default=None)
        self._look_up = LookUp(
            lambda: everybody(
                self._search,
                sorted_by_id=capabilities.sort,
                page_size=self._page_size,
                has_totals="totals" not in mapping.settings.without,
            )
        )

    @property
    def base_url(self) -> str:
        """The SCIM base URL."""
        return self._endpoint.base_url

    def list_accounts(self) -> list[dict[str, Any]]:
        """All accounts with the marker, and all that are linked to a person."""
        return list_accounts(
            self._search,
            self.mapping,
            sorted_by_id=self.capabilities.sort,
            page_size=self._page_size,
        )

    def read(self, account_id: str) -> dict[str, Any] | None:
        """An account as it is now, none when it is gone."""
        response = self._send("GET", f"/Users/{quote(account_id, safe='')}", params=self._asked_for)
        if response.status_code == requests.codes.not_found:
            return None
        return as_rfc(document(response, connection_name=self._connection_name), self.mapping.names)

    def find_by_user_name(self, user_name: str) -> dict[str, Any] | None:
        """The account that holds a user name (compared without case), none when nobody does."""
        return self._look_up.holder(user_name)

    def send_report(self, report: dict[str, Any]) -> None:
        """Send a ``SyncReport`` to the endpoint that takes it."""
        message = {"schemas": [SYNC_REPORT], **report}
        response = self._send("POST", self.capabilities.sync_reports or "", message)
        document(response, connection_name=self._connection_name)

    def write(self, writes: Iterable[Write]) -> Iterator[Written]:
        """Write; one result for each, in any order. One that is refused does not stop the others.

        :raises CredentialsRefused: the login is refused; nothing more can be written.
        :raises PermissionMissing: the login may not write; nothing more can be written.
        :raises UnexpectedAnswer: what answers is no SCIM server.
        """
        settled: list[Written] = []
        done = 0
        for batch in batches(self._prepared(writes, settled), self.capabilities.bulk):
            for written in self._in_bulk(batch) if len(batch) > 1 else map(self._alone, batch):
                done += 1
                if done % _PROGRESS == 0:
                    log.info("%d accounts written", done)
                yield written
            while settled:
                yield settled.pop(0)
        yield from settled

    def _prepared(self, writes: Iterable[Write], settled: list[Written]) -> Iterator[Request]:
        """What to send, each made only when it is asked for. What needs no request gets into ``settled``."""
        for write in writes:
            try:
                request = self._prepare(write)
            except TransientFault as fault:
                request = failed(write, fault)
            if isinstance(request, Written):
                settled.append(request)
            else:
                yield request

    def _prepare(self, write: Write) -> Request | Written:
        """What to send for a write, after a look at the account where the directory has no versions."""
        if isinstance(write, Create):
            return Request(write.key, "POST", write.resource)
        if not write.values.keys() & self.mapping.places.keys():
            return Written(write.key, "changed", write.account_id)
        version = write.version if self.capabilities.etag else None
        account = write.account
        if version is None or not self.capabilities.patch:
            now = self.read(write.account_id)
            if now is None:
                return self._not_found(write.key, write.account_id)
            if self.mapping.managed(now) != write.account:
                return Written(write.key, "stale", write.account_id)
            account = now
        request = request_for(write, account, self.mapping, version=version, patch=self.capabilities.patch)
        return request or Written(write.key, "changed", write.account_id)

    def _in_bulk(self, batch: list[Request]) -> Iterator[Written]:
        try:
            response = self._send("POST", "/Bulk", body(batch))
        except TransientFault as fault:
            yield from (failed(request, fault) for request in batch)
            return
        if response.status_code == requests.codes.request_entity_too_large:
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                yield from self._in_bulk(half) if len(half) > 1 else map(self._alone, half)
            return
        operations = document(response, connection_name=self._connection_name).get("Operations") or []
        told = list(zip(batch, answers(batch, operations if isinstance(operations, list) else []), strict=True))
        # A refused login ends the writing: first what became of the others.
        for request, answer in sorted(told, key=lambda each: _status(each[1]) in REFUSED_LOGIN):
            location = str(answer.get("location") or "")
            yield self._written(request, _status(answer), answer.get("response") or {}, location)

    def _alone(self, request: Request) -> Written:
        headers = {"If-Match": request.version} if request.version is not None else {}
        try:
            response = self._send(request.method, request.path, request.data, headers=headers)
        except TransientFault as fault:
            return failed(request, fault)
        answer: Any = {}
        if response.ok and response.content:  # a login page, say, answers 200 too
            answer = document(response, connection_name=self._connection_name)
        elif response.content:
            with suppress(NoJson):
                answer = read_json(response.content)
        return self._written(request, response.status_code, answer, response.headers.get("Location", ""))

    def _written(self, request: Request, status: int, answer: Any, location: str) -> Written:
        """What an answer to a write means.

        :param answer: the account, or the error.
        :param location: of a new account that is not in the answer.
        """
        answer = as_rfc(answer, self.mapping.names) if isinstance(answer, dict) else {}
        if status == requests.codes.not_found and request.account_id is not None:
            return self._not_found(request.key, request.account_id)
        if not 200 <= status < 300:
            check_login(status, request.method, connection_name=self._connection_name)
        written = outcome(request, status, answer, unquote(location.rpartition("/")[2]), self.mapping)
        if written.status == "created":
            self._look_up.add({**request.data, "id": written.account_id})
        return written

    def _not_found(self, key: str, account_id: str) -> Written:
        """What became of an account that the server does not find: one that it lists all the same is not gone."""
        try:
            listed = self._look_up.is_listed(account_id)
        except TransientFault as fault:
            return Written(key, "failed", account_id, fault.message, retry_after=fault.retry_after)
        except UnexpectedAnswer as fault:
            return Written(key, "failed", account_id, fault.message)
        if listed:
            return Written(key, "failed", account_id, "the directory lists the account, but does not find it")
        return Written(key, "missing", account_id)

    def _search(self, query: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._send("GET", "/Users", params={**query, **self._asked_for})
        except PermissionMissing as fault:
            raise QueryRefused(fault) from None
        except TransientFault as fault:
            if fault.status in _NO_LIST:
                raise QueryRefused(fault) from None
            raise
        self._listed = memory_of(response.content) + (self._listed if query.get("startIndex") != 1 else 0)
        if self._listed > MAX_LISTED:
            raise TooManyAccounts
        try:
            answer = document(response, connection_name=self._connection_name)
        except UnexpectedAnswer as fault:
            if response.status_code in _NO_LIST:
                raise QueryRefused(fault) from None
            raise
        return as_rfc(answer, self._list_names)

    def _send(self, method: str, path: str, content: Any = None, **options: Any) -> requests.Response:
        url = f"{self._endpoint.base_url}{path}"
        return send(self._endpoint.session, method, url, connection_name=self._connection_name, body=content, **options)


def _status(answer: dict[str, Any]) -> int:
    """The status of an operation of a bulk answer, 0 where it has none."""
    return number(answer.get("status"))
