"""Writing accounts, as the directory can: PATCH or PUT, bulk or single, ETags or a re-read (SPEC section 3)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import requests

from sims_sync.directory.accounts import managed
from sims_sync.directory.discovery import Capabilities
from sims_sync.directory.editing import PATCH_SCHEMA, merged, patch_operations
from sims_sync.directory.listing import list_accounts
from sims_sync.directory.session import document, scrubbed, send
from sims_sync.errors import TransientFault

log = logging.getLogger(__name__)

_BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_ENVELOPE = 200  # bytes of a bulk request beside its operations
_PROGRESS = 500


@dataclass(frozen=True)
class Create:
    """An account to create. ``key`` names it in the results."""

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
    """

    key: str
    status: Status
    account_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class _Request:
    """One operation, as a request of its own or as a part of a bulk request (RFC 7644 section 3.7)."""

    write: Write
    method: str
    path: str
    data: dict[str, Any]
    version: str | None = None

    def operation(self) -> dict[str, Any]:
        operation = {"method": self.method, "path": self.path, "data": self.data}
        if self.method == "POST":
            operation["bulkId"] = self.write.key
        if self.version is not None:
            operation["version"] = self.version
        return operation


class Directory:
    """The accounts of one school's directory.

    :param session: has the login and a transport of ``session.scim_adapter``.
    :param connection_name: named in messages.
    """

    def __init__(
        self, session: requests.Session, base_url: str, capabilities: Capabilities, *, connection_name: str
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.capabilities = capabilities
        self._session = session
        self._connection_name = connection_name

    def list_accounts(self) -> list[dict[str, Any]]:
        """All accounts with the role ``student``, and all that are linked to a person."""
        return list_accounts(self._search, filtered=self.capabilities.filter, sorted_by_id=self.capabilities.sort)

    def read(self, account_id: str) -> dict[str, Any] | None:
        """An account as it is now, none when it is gone."""
        response = self._send("GET", f"/Users/{quote(account_id, safe='')}")
        if response.status_code == requests.codes.not_found:
            return None
        return document(response, connection_name=self._connection_name)

    def find_by_user_name(self, user_name: str) -> dict[str, Any] | None:
        """The account that holds a user name (compared without case), none when nobody does."""
        if self.capabilities.filter:
            accounts = self._search({"filter": f"userName eq {json.dumps(user_name)}"}).get("Resources") or []
        else:
            accounts = self._everyone()
        wanted = user_name.casefold()
        return next((each for each in accounts if str(each.get("userName", "")).casefold() == wanted), None)

    def send_report(self, report: dict[str, Any]) -> None:
        """Send a ``SyncReport`` to the endpoint that takes it."""
        body = {"schemas": ["urn:sims-sync:scim:schemas:core:1.0:SyncReport"], **report}
        document(self._send("POST", self.capabilities.sync_reports or "", body), connection_name=self._connection_name)

    def write(self, writes: Iterable[Write]) -> Iterator[Written]:
        """Write; one result for each, in any order. One that is refused does not stop the others.

        :raises CredentialsRefused: :raises PermissionMissing: nothing more can be written.
        """
        prepared: list[_Request] = []
        for write in writes:
            request = self._prepare(write)
            if isinstance(request, Written):
                yield request
            else:
                prepared.append(request)
        done = 0
        for batch in self._batches(prepared):
            for written in self._in_bulk(batch) if len(batch) > 1 else map(self._alone, batch):
                done += 1
                if done % _PROGRESS == 0:
                    log.info("%d of %d accounts written", done, len(prepared))
                yield written

    def _prepare(self, write: Write) -> _Request | Written:
        """What to send for a write, after a look at the account where the directory has no versions."""
        if isinstance(write, Create):
            return _Request(write, "POST", "/Users", write.resource)
        if not write.values:
            return Written(write.key, "changed", write.account_id)
        path = f"/Users/{quote(write.account_id, safe='')}"
        version = write.version if self.capabilities.etag else None
        account = write.account
        if version is None or not self.capabilities.patch:
            now = self.read(write.account_id)
            if now is None:
                return Written(write.key, "missing", write.account_id)
            if managed(now) != write.account:
                return Written(write.key, "stale", write.account_id)
            account = now
        if not self.capabilities.patch:
            return _Request(write, "PUT", path, merged(account, write.values), version)
        operations = patch_operations(account, write.values)
        if not operations:
            return Written(write.key, "changed", write.account_id)
        return _Request(write, "PATCH", path, {"schemas": [PATCH_SCHEMA], "Operations": operations}, version)

    def _batches(self, prepared: list[_Request]) -> Iterator[list[_Request]]:
        """The requests by what one bulk request takes; each alone where the directory has no bulk."""
        if self.capabilities.bulk is None:
            yield from ([request] for request in prepared)
            return
        most_operations, most_bytes = self.capabilities.bulk
        batch: list[_Request] = []
        size = _ENVELOPE
        for request in prepared:
            length = len(json.dumps(request.operation()).encode()) + 2
            if batch and (len(batch) >= most_operations or size + length > most_bytes):
                yield batch
                batch, size = [], _ENVELOPE
            batch.append(request)
            size += length
        if batch:
            yield batch

    def _in_bulk(self, batch: list[_Request]) -> Iterator[Written]:
        body = {"schemas": [_BULK_REQUEST], "Operations": [request.operation() for request in batch]}
        try:
            response = self._send("POST", "/Bulk", body)
        except TransientFault as fault:
            yield from (Written(request.write.key, "failed", _account_id(request), fault.message) for request in batch)
            return
        if response.status_code == requests.codes.request_entity_too_large and len(batch) > 1:
            middle = len(batch) // 2
            yield from self._in_bulk(batch[:middle])
            yield from self._in_bulk(batch[middle:])
            return
        answers = document(response, connection_name=self._connection_name).get("Operations") or []
        for request, answer in zip(batch, [*answers, *[{}] * len(batch)], strict=False):
            status = str(answer.get("status") or "0")
            created = str(answer.get("location", "")).rpartition("/")[2] or None
            yield _written(request, int(status) if status.isdecimal() else 0, answer.get("response") or {}, created)

    def _alone(self, request: _Request) -> Written:
        headers = {"If-Match": request.version} if request.version is not None else {}
        try:
            response = self._send(request.method, request.path, request.data, headers=headers)
        except TransientFault as fault:
            return Written(request.write.key, "failed", _account_id(request), fault.message)
        try:
            body = response.json() if response.content else {}
        except ValueError:
            body = {}
        answer = body if isinstance(body, dict) else {}
        return _written(request, response.status_code, answer, answer.get("id"))

    def _everyone(self) -> list[dict[str, Any]]:
        accounts: list[dict[str, Any]] = []
        while True:
            page = self._search({"startIndex": len(accounts) + 1})
            accounts += page.get("Resources") or []
            if not page.get("Resources") or len(accounts) >= page.get("totalResults", 0):
                return accounts

    def _search(self, query: dict[str, Any]) -> dict[str, Any]:
        return document(self._send("GET", "/Users", params=query), connection_name=self._connection_name)

    def _send(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        url = f"{self.base_url}{path}"
        return send(self._session, method, url, connection_name=self._connection_name, body=body, **options)


_STATUSES: dict[int, Status] = {404: "missing", 409: "conflict", 412: "stale"}


def _written(request: _Request, status: int, answer: dict[str, Any], account_id: str | None) -> Written:
    key, known_id = request.write.key, _account_id(request)
    if 200 <= status < 300:
        return Written(key, "created" if known_id is None else "changed", known_id or account_id)
    values = [request.write.resource] if isinstance(request.write, Create) else [request.write.values]
    scim_type = str(answer.get("scimType") or "")
    detail = ": ".join(part for part in (scim_type, scrubbed(answer.get("detail"), values)) if part) or None
    if status == requests.codes.too_many_requests or status >= 500 or status == 0:
        return Written(key, "failed", known_id, detail)
    return Written(key, _STATUSES.get(status, "refused"), known_id, detail)


def _account_id(request: _Request) -> str | None:
    return request.write.account_id if isinstance(request.write, AccountChange) else None
