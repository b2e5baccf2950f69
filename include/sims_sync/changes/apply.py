"""From planned changes to writes, repeatable: a run killed at any point and run again ends in the same state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.checking import ReadableDirectory, check_first_create, creates_badly
from sims_sync.changes.leavers import plan_leavers
from sims_sync.changes.linking import replan_link
from sims_sync.changes.on_roll import plan_students
from sims_sync.changes.plan import PlanOptions, rejected
from sims_sync.changes.refusals_as_such import RefusalsAsSuch
from sims_sync.changes.result import Result
from sims_sync.directory.editing import new_account
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.present import account_table
from sims_sync.directory.writes import AccountChange, Create, Write, Written
from sims_sync.model.errors import TransientFault

_ROUNDS = 3
"""How often an account that changes under our hands is planned afresh in one try of the task."""


class WritableDirectory(ReadableDirectory, Protocol):
    """What is needed of ``directory.scim_client.Directory``."""

    def find_by_user_name(self, user_name: str) -> dict[str, Any] | None: ...
    def know_everybody(self) -> None: ...
    def restore(self, account_id: str) -> bool: ...
    def has_email(self, emails: Collection[str]) -> bool: ...


@dataclass(frozen=True)
class Replanned:
    """An account planned afresh, alone: a change, or nothing left to do, or a code that rejects the record."""

    change: Change | None = None
    code: str | None = None
    detail: str | None = None


_NOT_READABLE = Replanned(code="account_not_readable")

Replan = Callable[[Change, dict[str, Any] | None], Replanned]
"""Plans one change afresh from the account as it is now (none: it is gone)."""


def apply_changes(
    directory: WritableDirectory,
    changes: Sequence[Change],
    replan: Replan,
    may_write: Callable[[], None] = lambda: None,
    refusals: RefusalsAsSuch | None = None,
) -> Iterator[Result]:
    """Write planned changes; one result for each.

    An account is written only if it is still what the plan saw; one that changed in between is planned afresh, alone. A
    user name that is taken is looked into: where the holder has this Person ID, an earlier attempt got through. The
    first create is sent alone, and must come back.

    :param may_write: called before each write; raises when no more must be written.
    :param refusals: knows which records were refused in the last applied run; those are written last.
    :raises PermanentFault: the directory refuses records as such, or does not keep what is created. What was sent has
        its result.
    :raises SyncError: authentication fails, or the directory cannot be spoken to at all.
    :raises TransientFault: the breaker: too many writes failed for the server's reasons. What was sent has its result.
    """
    breaker, refusals = Breaker(), refusals or RefusalsAsSuch()
    changes = sorted(changes, key=lambda change: change.person_id in refusals.before)

    def writes(pending: dict[str, Change]) -> Iterator[Write]:
        for key, each in pending.items():  # made only when the directory's client asks for it, right before it is sent
            breaker.check()
            refusals.check()
            may_write()
            yield _write(key, each, directory.mapping)

    def written(some: Sequence[Change]) -> Iterator[Result]:
        for result in _rounds(directory, some, replan, writes):
            breaker.count(result)
            refusals.count(result)
            yield result

    creates = [change for change in changes if change.kind == "create"]
    if creates and directory.learnt.creates_badly:
        raise creates_badly(directory.learnt.creates_badly)
    if creates:
        directory.know_everybody()
    alone = set()
    for change in creates:
        alone.add(change.person_id)
        (result,) = written([change])
        yield result
        if result.result == "done":
            check_first_create(directory, change, result.account_id)
            break
    yield from written([each for each in changes if each.kind != "create" or each.person_id not in alone])
    refusals.check_end()


@dataclass
class Breaker:
    """Stops a task whose writes fail for the server's reasons: 20 % of at least 10 (SPEC section 7)."""

    written: int = 0
    failed: int = 0
    retry_after: float | None = None

    def count(self, result: Result) -> None:
        """Count what became of a write; a refused record is no failure."""
        self.written += 1
        self.failed += result.result == "failed"
        self.retry_after = max(self.retry_after or 0, result.retry_after or 0) or None

    def check(self) -> None:
        """:raises TransientFault: too many writes failed."""
        if self.written >= 10 and self.failed * 5 >= self.written:
            raise TransientFault(
                "Stopped: a fifth of the writes, or more, failed for the directory's reasons.",
                advice="What was written stays. When the directory is well again, clear the task: it writes the rest.",
                retry_after=self.retry_after,
            )


def _rounds(
    directory: WritableDirectory,
    changes: Sequence[Change],
    replan: Replan,
    writes: Callable[[dict[str, Change]], Iterator[Write]],
) -> Iterator[Result]:
    pending = {str(position): change for position, change in enumerate(changes)}
    for _ in range(_ROUNDS):
        again: dict[str, Change] = {}
        for written in directory.write(writes(pending)):
            change = pending[written.key]
            replanned = _look_again(directory, change, written, replan)
            if replanned is None:
                yield _result(change, written)
            elif replanned.code is not None:
                yield replace(_result(change, written, result="rejected", code=replanned.code), detail=replanned.detail)
            elif replanned.change is None:
                yield _result(change, written, result="done")
            else:
                again[written.key] = _again(change, replanned.change)
        pending = again
        if not pending:
            return
    for change in pending.values():
        yield Result(
            change.kind,
            change.person_id,
            change.school_identifier,
            change.account_id,
            "failed",
            detail="the account keeps changing while it is written",
        )


def _of_nobody_listed(directory: WritableDirectory, change: Change, told: str) -> Replanned | None:
    """Who holds a user name that is taken, and by no account that is listed: some directories hide those that are
    inactive. Where it is an email that is taken, the refusal stands, and says so.

    :param told: what the directory said, in words of ours.
    """
    emails = {str(value).casefold() for name, value in change.values.items() if name.startswith("emails[")}
    if "emails" in told or directory.has_email(emails):
        return Replanned(code="rejected_by_directory", detail=f"{told}; another account has an email of the student")
    return Replanned(code="username_in_use") if "uniqueness" in told else None


def _again(change: Change, replanned: Change) -> Change:
    """What is written in the next round. Where the version that did not match is still the same, the server compares
    weak tags as strong ones (RFC 9110 section 13.1.1): none is sent then, and the account is compared right before.
    """
    version = None if replanned.version == change.version else replanned.version
    return replace(replanned, kind=change.kind, version=version)


def replan_student(should: pd.DataFrame, options: PlanOptions) -> Replan:
    """How a change of ``load`` is planned afresh.

    :param should: accounts as they should be.
    """
    by_person = should.set_index("person_id", drop=False)

    def replan(change: Change, account: dict[str, Any] | None) -> Replanned:
        accounts = account_table([account] if account else [], options.mapping)
        if not accounts["readable"].all():
            return _NOT_READABLE
        student = by_person.loc[[change.person_id]].reset_index(drop=True)
        if change.kind == "link":
            plan = replan_link(change, student, accounts, options.mapping)
        else:
            plan = plan_students(student, accounts, options.mapping, options.learnt)
        codes = rejected(plan.findings)["code"].tolist()
        return Replanned(change=next(iter(plan.changes), None), code=next(iter(codes), None))

    return replan


def replan_leaver(roll: pd.DataFrame, roll_emails: pd.DataFrame, options: PlanOptions) -> Replan:
    """How a change of ``disable_leavers`` is planned afresh."""

    def replan(_: Change, account: dict[str, Any] | None) -> Replanned:
        accounts = account_table([account] if account else [], options.mapping)
        if not accounts["readable"].all():
            return _NOT_READABLE
        changes, _warnings = plan_leavers(
            accounts,
            roll,
            roll_emails,
            disable_unlinked=options.disable_unlinked,
            ignored_roles=options.ignored_roles,
            marker_name=options.mapping.marker_name,
        )
        return Replanned(change=next(iter(changes), None))

    return replan


def _write(key: str, change: Change, mapping: AccountMapping) -> Write:
    if change.account_id is None:
        return Create(key, new_account(str(change.person_id), change.values, mapping))
    return AccountChange(key, change.account_id, change.version, change.account or {}, change.values)


def _look_again(directory: WritableDirectory, change: Change, written: Written, replan: Replan) -> Replanned | None:
    """Plan afresh what could not be written as planned; none where the write's own status stands."""
    if written.status in ("stale", "missing"):
        account = directory.read(change.account_id) if change.account_id and written.status == "stale" else None
        return replan(change, account)
    if written.status == "shared" and written.account_id is not None and directory.restore(written.account_id):
        return Replanned(code="account_shared")
    if written.status == "conflict" and change.kind == "create":
        holder = directory.find_by_user_name(str(change.values["userName"]))
        if holder is None:
            return _of_nobody_listed(directory, change, written.detail or "")
        if directory.mapping.person_id(holder) != change.person_id:
            return Replanned(code="username_in_use")
        return replan(change, holder)
    return None


_STATUS_RESULTS: dict[str, tuple[Literal["done", "rejected", "failed"], str | None]] = {
    "created": ("done", None),
    "changed": ("done", None),
    "conflict": ("rejected", "rejected_by_directory"),
    "refused": ("rejected", "rejected_by_directory"),
    "failed": ("failed", None),
}


def _result(
    change: Change,
    written: Written,
    *,
    result: Literal["done", "rejected", "failed"] | None = None,
    code: str | None = None,
) -> Result:
    status, status_code = _STATUS_RESULTS.get(written.status, ("failed", None))
    return Result(
        kind=change.kind,
        person_id=change.person_id,
        school_identifier=change.school_identifier,
        account_id=written.account_id or change.account_id,
        result=result or status,
        code=code if result else status_code,
        detail=None if result else written.detail,
        prose=None if result else written.prose,
        retry_after=written.retry_after,
    )
