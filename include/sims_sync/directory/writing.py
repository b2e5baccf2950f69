"""Writing to a directory, in the forms that it takes: in bulk, then alone; PATCH of the value's path, of the whole
attribute, then PUT of the whole account (SPEC section 3). A form that it cannot take is not tried again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import unquote

import requests

from sims_sync.directory.bulk import Request, answers, batches, body, status_of
from sims_sync.directory.discovery import Capabilities
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import NoJson, read_json
from sims_sync.directory.learnt import LADDER, Form, Learnt
from sims_sync.directory.looking_up import LookUp
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.scim_answers import document
from sims_sync.directory.session import REFUSED_LOGIN, check_login
from sims_sync.directory.writes import AccountChange, Create, Write, Written, failed, outcome, request_for, restoring
from sims_sync.model.errors import TransientFault, UnexpectedAnswer

log = logging.getLogger(__name__)

_PROGRESS = 500
_SEVERAL = 2
"""So many writes that one form failed and the next one did, and the first is not tried again."""

_BULK_UNKNOWN = frozenset({400, 404, 405, 500, 501})
"""Statuses of a server that takes no bulk requests, or not in this form."""


_SHARED = "the directory made one account of two people's"


class Readable(Protocol):
    """What is needed of ``scim_client.Directory``."""

    capabilities: Capabilities
    mapping: AccountMapping
    learnt: Learnt
    connection_name: str
    look_up: LookUp

    @property
    def form(self) -> Form: ...
    def read(self, account_id: str) -> dict[str, Any] | None: ...
    def send(self, method: str, path: str, content: Any = None, **options: Any) -> requests.Response: ...


class Writer:
    """Writes to one directory, and keeps in ``directory.learnt`` what it takes."""

    def __init__(self, directory: Readable) -> None:
        self._directory = directory
        self._mapping = directory.mapping
        self._under_way: dict[str, Write] = {}
        self._done: Counter[str] = Counter()
        self._lower: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def write(self, writes: Iterable[Write]) -> Iterator[Written]:
        """Write; one result for each, in any order. One that is refused does not stop the others.

        :raises CredentialsRefused: the login is refused; nothing more can be written.
        :raises PermissionMissing: the login may not write; nothing more can be written.
        :raises UnexpectedAnswer: what answers is no SCIM server.
        """
        settled: list[Written] = []
        done = 0
        limits = self._directory.capabilities.bulk if self._directory.learnt.bulk else None
        for batch in batches(self._prepared(writes, settled), limits):
            together = len(batch) > 1 and self._directory.learnt.bulk
            for written in self._in_bulk(batch) if together else map(self._by_ladder, batch):
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
            self._under_way[write.key] = write
            request = self._prepare(write, self._directory.form)
            if isinstance(request, Written):
                settled.append(request)
            else:
                yield request

    def _prepare(self, write: Write, form: Form) -> Request | Written:
        """What to send for a write, after a look at the account where the directory has no versions."""
        if isinstance(write, Create):
            return Request(write.key, "POST", write.resource)
        if not write.values.keys() & self._mapping.places.keys():
            return Written(write.key, "changed", write.account_id)
        version = write.version if self._directory.capabilities.etag else None
        account = write.account
        if version is None or form == "put":
            try:
                now = self._directory.read(write.account_id)
            except TransientFault as fault:
                return failed(write, fault)
            if now is None:
                return self._not_found(write.key, write.account_id)
            if self._mapping.managed(now) != write.account:
                return Written(write.key, "stale", write.account_id)
            account = now
        request = request_for(write, account, self._mapping, version=version, form=form)
        return request or Written(write.key, "changed", write.account_id)

    def _in_bulk(self, batch: list[Request]) -> Iterator[Written]:
        try:
            response = self._directory.send("POST", "/Bulk", body(batch))
        except TransientFault as fault:
            yield from self._after_a_fault(batch, fault)
            return
        if response.status_code == requests.codes.request_entity_too_large:
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                yield from self._in_bulk(half) if len(half) > 1 else map(self._by_ladder, half)
            return
        if response.status_code in _BULK_UNKNOWN:
            yield from self._without_bulk(batch)
            return
        if self._directory.learnt.bulk_faults:
            self._learn(bulk_faults=0)
        yield from self._told_in_bulk(batch, response)

    def _told_in_bulk(self, batch: list[Request], response: requests.Response) -> Iterator[Written]:
        """What became of each write of a bulk request. One that was not taken in this form is sent alone."""
        operations = document(response, connection_name=self._directory.connection_name).get("Operations") or []
        told = list(zip(batch, answers(batch, operations if isinstance(operations, list) else []), strict=True))
        changes = [status_of(answer) for request, answer in told if request.account_id is not None]
        takes_none = len(changes) >= _SEVERAL and set(changes) == {requests.codes.server_error}
        taken = alone = 0
        # A refused login ends the writing: first what became of the others.
        for request, answer in sorted(told, key=lambda each: status_of(each[1]) in REFUSED_LOGIN):
            location = str(answer.get("location") or "")
            written = self._written(request, status_of(answer), answer.get("response") or {}, location)
            if _goes_on_alone(request, written, answer) or (takes_none and request.account_id is not None):
                written = self._by_ladder(request)
                alone += written.status == "changed"
            else:
                taken += written.status in ("created", "changed")
            yield written
        if alone >= _SEVERAL and not taken:
            self._learn(bulk=False)

    def _after_a_fault(self, batch: list[Request], fault: TransientFault) -> Iterator[Written]:
        """A server that cannot take bulk requests may take one write; one that is not well takes none.

        One status of 500 may be a matter of the moment: the next try of the task sends a bulk request again.
        """
        if fault.status == requests.codes.server_error:
            self._learn(bulk_faults=self._directory.learnt.bulk_faults + 1)
        passes = fault.status == requests.codes.server_error and self._directory.learnt.bulk_faults < _SEVERAL
        if fault.status not in _BULK_UNKNOWN or passes:
            yield from (failed(request, fault) for request in batch)
            return
        (first,) = self._without_bulk(batch[:1])
        yield first
        if first.status == "failed":
            yield from (failed(request, fault) for request in batch[1:])
        else:
            yield from self._without_bulk(batch[1:])

    def _without_bulk(self, batch: list[Request]) -> Iterator[Written]:
        """Each write alone, where the bulk request was not taken. An account that it created all the same is found."""
        self._directory.look_up.forget()
        fine = 0
        for request in batch:
            write = self._under_way[request.key]
            if isinstance(write, Create) and self._is_there(write):
                yield Written(request.key, "conflict")
                continue
            written = self._by_ladder(request)
            fine += written.status in ("created", "changed")
            yield written
        if fine:
            self._learn(bulk=False)

    def _is_there(self, write: Create) -> bool:
        """Whether an account has the user name already; where nobody can tell, the directory will."""
        with suppress(TransientFault, UnexpectedAnswer):
            return self._directory.look_up.holder(str(write.resource.get("userName", ""))) is not None
        return False

    def _by_ladder(self, request: Request) -> Written:
        """Send a write alone; where the directory cannot take its form, in the next one."""
        first = written = self._counted(request, self._alone(request))
        write = self._under_way[request.key]
        sent = request
        while written.unfit and isinstance(write, AccountChange) and (form := _below(sent.form)):
            again = self._prepare(write, form)
            if isinstance(again, Written):
                return again
            if again.data == sent.data:
                sent = again
                continue
            sent, written = again, self._counted(again, self._alone(again))
        if written.unfit:
            return first
        if written.status in ("created", "changed"):
            self._took(request, sent, first.unfit)
        return written

    def _counted(self, request: Request, written: Written) -> Written:
        """An error of the server's own may be one of the form, where several PATCH have met it and no create has."""
        self._faults[request.method] += written.is_fault
        several = self._faults["PATCH"] >= _SEVERAL and not self._faults["POST"] and not self._done[request.form]
        if written.is_fault and written.unfit is None and several:
            return replace(written, unfit=requests.codes.server_error)
        return written

    def _took(self, request: Request, sent: Request, unfit: int | None) -> None:
        """Learn from a write that was done: in its own form, or in a lower one.

        A status of 500 may be a matter of the moment: it must be several, and none that went well.
        """
        if sent.form == request.form:
            self._done[request.form] += 1
            return
        self._lower[request.form] += 1
        once = unfit != requests.codes.server_error
        if once or (self._lower[request.form] >= _SEVERAL and not self._done[request.form]):
            self._learn(form=sent.form)

    def _learn(self, **what: Any) -> None:
        self._directory.learnt = self._directory.learnt.model_copy(update=what)

    def _alone(self, request: Request) -> Written:
        headers = {"If-Match": request.version} if request.version is not None else {}
        try:
            response = self._directory.send(request.method, request.path, request.data, headers=headers)
        except TransientFault as fault:
            return failed(request, fault)
        answer: Any = {}
        if response.ok and response.content:  # a login page, say, answers 200 too
            answer = document(response, connection_name=self._directory.connection_name)
        elif response.content:
            with suppress(NoJson):
                answer = read_json(response.content)
        return self._written(request, response.status_code, answer, response.headers.get("Location", ""))

    def _written(self, request: Request, status: int, answer: Any, location: str) -> Written:
        """What an answer to a write means.

        :param answer: the account, or the error.
        :param location: of a new account that is not in the answer.
        """
        answer = as_rfc(answer, self._mapping.names) if isinstance(answer, dict) else {}
        if status == requests.codes.not_found and request.account_id is not None:
            return self._not_found(request.key, request.account_id)
        if not 200 <= status < 300:
            check_login(status, request.method, connection_name=self._directory.connection_name)
        written = outcome(request, status, answer, unquote(location.rpartition("/")[2]), self._mapping)
        if written.status == "created" and written.account_id is not None:
            if self._directory.look_up.account(written.account_id):
                return replace(written, status="shared", detail=_SHARED)
            self._directory.look_up.add({**request.data, "id": written.account_id})
        return written

    def restore(self, account_id: str) -> bool:
        """Write an account back as it was listed, or created before; whether it is that person's again."""
        before, now = self._directory.look_up.account(account_id), self._directory.read(account_id)
        if before is None or now is None:
            return False
        for form in LADDER[LADDER.index(max(self._directory.form, "attribute", key=LADDER.index)) :]:
            request = restoring(account_id, now, before, self._mapping, form=form)
            if self._alone(request).status == "changed":
                break
        back = self._directory.read(account_id)
        return back is not None and _who(back, self._mapping) == _who(before, self._mapping)

    def _not_found(self, key: str, account_id: str) -> Written:
        """What became of an account that the server does not find: one that it lists all the same is not gone."""
        try:
            listed = self._directory.look_up.is_listed(account_id)
        except TransientFault as fault:
            return Written(key, "failed", account_id, fault.message, retry_after=fault.retry_after)
        except UnexpectedAnswer as fault:
            return Written(key, "failed", account_id, fault.message)
        if listed:
            return Written(key, "failed", account_id, "the directory lists the account, but does not find it")
        return Written(key, "missing", account_id)


def _who(account: dict[str, Any], mapping: AccountMapping) -> tuple[Any, ...]:
    """Whose an account is."""
    return mapping.person_id(account), account.get("userName"), mapping.marker.get(account)


def _below(form: Form) -> Form | None:
    return next(iter(LADDER[LADDER.index(form) + 1 :]), None)


def _goes_on_alone(request: Request, written: Written, answer: dict[str, Any]) -> bool:
    """Whether a write that a bulk request did not do is sent alone. Of a create whose answer tells nothing, or a fault
    of the server, nobody knows whether it got through."""
    if request.account_id is not None and written.status == "failed" and not status_of(answer):
        return True
    return written.unfit is not None
