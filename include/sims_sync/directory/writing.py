"""Writing accounts, as the directory can: PATCH or PUT, bulk or single, ETags or a re-read (SPEC section 3)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, unquote

import requests

from sims_sync.directory.bulk import Request, answers, batches, body
from sims_sync.directory.discovery import SYNC_REPORT, Capabilities
from sims_sync.directory.editing import PATCH_SCHEMA, merged, patch_operations
from sims_sync.directory.listing import FilterRefused, list_accounts
from sims_sync.directory.looking_up import LookUp
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.session import REFUSED_LOGIN, check_login, document, scrubbed, send
from sims_sync.errors import TransientFault

log = logging.getLogger(__name__)

_PROGRESS = 500


@dataclass(frozen=True)
class Create:
    """An account to create.

    :param key: names it in the results.
    :param resource: as it is sent.
    """

    key: str
    resource: dict[str, Any]


@dataclass(frozen=True)
class AccountChange:
    """Values to write into an account.

    :param version: the account's version as it was seen, if the directory has versions.
    :param account: what the sync manages of the account, as it was seen.
    :param values: by attribute name; none clears.
    """

    key: str
    account_id: str
    version: str | None
    account: dict[str, Any]
    values: dict[str, Any]


Write = Create | AccountChange

Status = Literal["created", "changed", "conflict", "stale", "missing", "refused", "failed"]


@dataclass(frozen=True)
class Written:
    """What became of a write.

    :param status: ``created``, ``changed``; ``conflict`` (a unique value is taken), ``stale`` (the account is not what
        was seen), ``missing`` (it is gone), ``refused`` (the directory does not want the record), ``failed`` (for the
        server's reasons; whether it got through is not known).
    :param detail: the directory's words, scrubbed of values.
    :param retry_after: seconds that the server asked to wait, if it did.
    """

    key: str
    status: Status
    account_id: str | None = None
    detail: str | None = None
    retry_after: float | None = None


class Directory:
    """The accounts of one school's directory.

    :param session: has the login and a transport of ``session.scim_adapter``.
    :param mapping: where our values stand in its accounts.
    :param connection_name: named in messages.
    """

    def __init__(
        self,
        session: requests.Session,
        base_url: str,
        capabilities: Capabilities,
        mapping: AccountMapping,
        *,
        connection_name: str,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.capabilities = capabilities
        self.mapping = mapping
        self._session = session
        self._connection_name = connection_name
        self._look_up = LookUp(self._search, filtered=capabilities.filter, sorted_by_id=capabilities.sort)

    def list_accounts(self) -> list[dict[str, Any]]:
        """All accounts with the role ``student``, and all that are linked to a person."""
        return list_accounts(
            self._search, self.mapping, filtered=self.capabilities.filter, sorted_by_id=self.capabilities.sort
        )

    def read(self, account_id: str) -> dict[str, Any] | None:
        """An account as it is now, none when it is gone."""
        response = self._send("GET", f"/Users/{quote(account_id, safe='')}")
        if response.status_code == requests.codes.not_found:
            return None
        return document(response, connection_name=self._connection_name)

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

        :raises CredentialsRefused: :raises PermissionMissing: nothing more can be written.
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
                account_id = write.account_id if isinstance(write, AccountChange) else None
                request = Written(write.key, "failed", account_id, fault.message, fault.retry_after)
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
        if not self.capabilities.patch:
            return Request(write.key, "PUT", merged(account, write.values, self.mapping), write.account_id, version)
        operations = patch_operations(account, write.values, self.mapping)
        if not operations:
            return Written(write.key, "changed", write.account_id)
        patch = {"schemas": [PATCH_SCHEMA], "Operations": operations}
        return Request(write.key, "PATCH", patch, write.account_id, version)

    def _in_bulk(self, batch: list[Request]) -> Iterator[Written]:
        try:
            response = self._send("POST", "/Bulk", body(batch))
        except TransientFault as fault:
            yield from (_failed(request, fault) for request in batch)
            return
        if response.status_code == requests.codes.request_entity_too_large:
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                yield from self._in_bulk(half) if len(half) > 1 else map(self._alone, half)
            return
        operations = document(response, connection_name=self._connection_name).get("Operations") or []
        told = list(zip(batch, answers(batch, operations), strict=True))
        # A refused login ends the writing: first what became of the others.
        for request, answer in sorted(told, key=lambda each: _status(each[1]) in REFUSED_LOGIN):
            location = str(answer.get("location") or "")
            yield self._written(request, _status(answer), answer.get("response") or {}, location)

    def _alone(self, request: Request) -> Written:
        headers = {"If-Match": request.version} if request.version is not None else {}
        try:
            response = self._send(request.method, request.path, request.data, headers=headers)
        except TransientFault as fault:
            return _failed(request, fault)
        answer: Any = {}
        if response.ok and response.content:  # a login page, say, answers 200 too
            answer = document(response, connection_name=self._connection_name)
        elif response.content:
            try:
                answer = response.json()
            except ValueError:
                answer = {}
        return self._written(request, response.status_code, answer, response.headers.get("Location", ""))

    def _written(self, request: Request, status: int, answer: Any, location: str) -> Written:
        """What an answer to a write means.

        :param answer: the account, or the error. :param location: of a new account that is not in the answer.
        """
        answer = answer if isinstance(answer, dict) else {}
        if 200 <= status < 300:
            if request.account_id is not None:
                return Written(request.key, "changed", request.account_id)
            account_id = str(answer.get("id") or unquote(location.rpartition("/")[2])) or None
            if account_id is None:
                return Written(request.key, "failed")
            self._look_up.add({**request.data, "id": account_id})
            return Written(request.key, "created", account_id)
        if status == requests.codes.not_found and request.account_id is not None:
            return self._not_found(request.key, request.account_id)
        check_login(status, request.method, connection_name=self._connection_name)
        parts = [str(part) for part in (answer.get("scimType"), answer.get("detail")) if part]
        detail = scrubbed(": ".join(parts), [request.data]) or None
        if status == requests.codes.too_many_requests or status >= 500 or status == 0:
            return Written(request.key, "failed", request.account_id, detail)
        statuses = _STATUSES_OF_A_CREATE if request.account_id is None else _STATUSES_OF_A_CHANGE
        return Written(request.key, statuses.get(status, "refused"), request.account_id, detail)

    def _not_found(self, key: str, account_id: str) -> Written:
        """What became of an account that the server does not find: one that it lists all the same is not gone."""
        try:
            listed = self._look_up.is_listed(account_id)
        except TransientFault as fault:
            return Written(key, "failed", account_id, fault.message, fault.retry_after)
        if listed:
            return Written(key, "failed", account_id, "the directory lists the account, but does not find it")
        return Written(key, "missing", account_id)

    def _search(self, query: dict[str, Any]) -> dict[str, Any]:
        response = self._send("GET", "/Users", params=query)
        if response.status_code == requests.codes.bad_request and "filter" in query:
            raise FilterRefused
        return document(response, connection_name=self._connection_name)

    def _send(self, method: str, path: str, content: Any = None, **options: Any) -> requests.Response:
        url = f"{self.base_url}{path}"
        return send(self._session, method, url, connection_name=self._connection_name, body=content, **options)


def _status(answer: dict[str, Any]) -> int:
    """The status of an operation of a bulk answer, 0 where it has none."""
    status = str(answer.get("status") or "0")
    return int(status) if status.isdecimal() else 0


def _failed(request: Request, fault: TransientFault) -> Written:
    return Written(request.key, "failed", request.account_id, fault.message, fault.retry_after)


_STATUSES_OF_A_CREATE: dict[int, Status] = {409: "conflict"}
_STATUSES_OF_A_CHANGE: dict[int, Status] = {409: "conflict", 412: "stale"}
