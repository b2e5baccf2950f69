"""What was written is looked at again: a green run means that what was planned has happened (SPEC section 3)."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.differences import Difference, differences
from sims_sync.changes.kept_forms import KeptForms, with_kept
from sims_sync.changes.result import Result
from sims_sync.directory.discovery import Capabilities
from sims_sync.directory.learnt import Form, Learnt
from sims_sync.directory.mapping import ACTIVE, AccountMapping, is_active
from sims_sync.directory.places import Account
from sims_sync.directory.present import account_table
from sims_sync.directory.writes import AccountChange, Write, Written
from sims_sync.model.errors import PermanentFault

log = logging.getLogger(__name__)

PAUSES = (0.0, 10.0, 20.0)
"""Seconds before each look at what a directory answered success to: some are slow to show it."""

_FEW = 20
"""So many accounts are read one by one; more are listed."""

LEFT_AS_IT_WAS = "the directory answered success, and left the account active, or its role"
NOT_KEPT = "the directory answered success, and did not keep it"


class ReadableDirectory(Protocol):
    """What is needed of ``directory.scim_client.Directory``."""

    learnt: Learnt
    capabilities: Capabilities

    @property
    def mapping(self) -> AccountMapping: ...
    @property
    def form(self) -> Form: ...
    def read(self, account_id: str) -> Account | None: ...
    def find(self, account_id: str | None, person_id: str, user_name: str) -> Account | None: ...
    def list_accounts(self) -> list[Account]: ...
    def list_everybody(self) -> list[Account]: ...
    def write(self, writes: Iterable[Write]) -> Iterator[Written]: ...


def check_first_create(directory: ReadableDirectory, change: Change, account_id: str | None) -> None:
    """Whether the first account of a run came back with marker and key, and is listed with them if it is listed yet:
    without them nobody would find it again.

    :raises PermanentFault: it did not; the directory's ``learnt`` then says so, and no other account is created there.
    """
    lost = "it was not found again"
    for pause in PAUSES:
        time.sleep(pause)
        account = directory.find(account_id, str(change.person_id), str(change.values.get("userName", "")))
        if account is None:
            continue
        if missing := _missing(directory.mapping, change, account):
            lost = f"it came back without {missing}"
        elif missing := _missing(directory.mapping, change, _as_listed(directory, account)):
            lost = f"the list of accounts shows it without {missing}"
        else:
            return
    directory.learnt = directory.learnt.model_copy(update={"creates_badly": lost})
    raise creates_badly(lost)


def _as_listed(directory: ReadableDirectory, account: Account) -> Account:
    """An account as the list shows it; as it is, where it is not listed yet."""
    return next((each for each in directory.list_everybody() if str(each["id"]) == str(account.get("id"))), account)


def _missing(mapping: AccountMapping, change: Change, account: Account) -> str:
    """What an account lacks of marker and key, in words; empty where it has both."""
    missing = [
        *([] if mapping.marker.get(account) else [mapping.marker_name]),
        *([] if mapping.person_id(account) == change.person_id else [mapping.settings.key]),
    ]
    return " and ".join(f"`{name}`" for name in missing)


def creates_badly(lost: str) -> PermanentFault:
    """Why no account is created in a directory any more."""
    return PermanentFault(
        f"The directory answered success to the first account that was created, but {lost}. No other is created.",
        advice="Choose under `directory` in schools.yaml a marker and a key that it keeps (`students`, `key`); or, "
        "when it is mended, have this forgotten: `airflow sims-sync forget <school>`.",
    )


def read_back(
    directory: ReadableDirectory, changes: Sequence[Change], results: Sequence[Result], may_write: Callable[[], None]
) -> list[Result]:
    """The results as they stand after a look at each account that was disabled, or lost the role: one that was left as
    it was, though the answer was success, is written once more, and has failed if it stays so (SPEC section 6).

    :param may_write: called before each write; raises when no more must be written.
    :raises SyncError: the directory cannot be read.
    """
    values = {change.account_id: change.values for change in changes}
    left = {each.account_id: each for each in results if each.result == "done" and each.account_id is not None}
    for pause in PAUSES if left else ():
        time.sleep(pause)
        left = {account_id: each for account_id, each in left.items() if _was_left(directory, each)}
        if not left:
            break
    if left:
        again = [_Again(account_id, values[account_id]) for account_id in left]
        _write_again(directory, again, lambda each: _was_left(directory, left[each.account_id]), may_write)
        left = {account_id: each for account_id, each in left.items() if _was_left(directory, each)}
    return [
        replace(each, result="failed", detail=LEFT_AS_IT_WAS) if each.account_id in left else each for each in results
    ]


@dataclass(frozen=True)
class _Again:
    """Values of an account that were not found as they were written.

    :param values: by attribute name; none clears.
    """

    account_id: str
    values: Mapping[str, Any]


def _write_again(
    directory: ReadableDirectory,
    again: Sequence[_Again],
    is_left: Callable[[_Again], bool],
    may_write: Callable[[], None],
) -> None:
    """Write once more, in a lower form where that helps: a server may answer success to one that it does not take.

    What helps is tried on a few: those that are still so when each is looked at alone, for a list may be slow, or hide
    what the account has.

    :param is_left: whether an account still is as it was.
    """
    few = [each for each in again[:_FEW] if is_left(each)]
    for step in _steps(directory) if few else ():
        known = directory.learnt
        directory.learnt = known.model_copy(update=step)
        _send(directory, few, may_write)
        few_left = [each for each in few if is_left(each)]
        if len(few_left) == len(few):
            directory.learnt = known
        few = few_left
        if not few:
            break
    _send(directory, again[_FEW:], may_write)


def _steps(directory: ReadableDirectory) -> list[dict[str, Any]]:
    """What can be done otherwise than before: alone, then the next form."""
    lower: Mapping[Form, Form] = {"value_path": "attribute"}
    form = directory.form
    return [
        *([{"bulk": False}] if directory.capabilities.bulk and directory.learnt.bulk else []),
        *([{"form": lower[form]}] if form in lower else []),
    ] or [{}]


def _send(directory: ReadableDirectory, again: Iterable[_Again], may_write: Callable[[], None]) -> None:
    """Whatever is answered: what is found then is what counts."""

    def writes() -> Iterator[Write]:
        for each in again:
            account = directory.read(each.account_id)
            if account is not None:
                may_write()
                version = (account.get("meta") or {}).get("version")
                known = directory.mapping.managed(account)
                yield AccountChange(each.account_id, each.account_id, version, known, dict(each.values))

    for _ in directory.write(writes()):
        pass


@dataclass(frozen=True)
class _Written:
    """A change that was done, and the account as it is now (none: it was not found)."""

    change: Change
    result: Result
    account: Account | None = None

    def is_kept(self, mapping: AccountMapping) -> bool:
        """Whether the account is the student's, and works if it was to be enabled."""
        if self.account is None:  # an account that is inactive may be hidden
            return self.change.kind == "update"
        linked = mapping.person_id(self.account) == self.change.person_id and mapping.marker.get(self.account)
        return linked and (self.change.values.get(ACTIVE) is not True or is_active(self.account))


def check_written(
    directory: ReadableDirectory,
    changes: Sequence[Change],
    results: Sequence[Result],
    should: pd.DataFrame,
    may_write: Callable[[], None],
) -> list[Result]:
    """The results as they stand after a look at each account that was written for a student.

    A value that is found otherwise is written once more; what is found then is how the directory keeps it, and its
    ``learnt`` says so.

    :param should: accounts as they should be.
    :param may_write: called before each write; raises when no more must be written.
    :raises SyncError: the directory cannot be read.
    """
    by_person = {change.person_id: change for change in changes}
    done = [_Written(by_person[each.person_id], each) for each in results if each.result == "done"]
    done = _look_until_kept(directory, done)
    lost = {each.result.person_id for each in done if not each.is_kept(directory.mapping)}
    fine = [each for each in done if each.account is not None and each.result.person_id not in lost]
    _settle(directory, fine, should, may_write)
    _learn_what_the_list_hides(directory, [each for each in fine if each.change.account_id is not None], should)
    return [
        replace(each, result="failed", detail=NOT_KEPT) if each.result == "done" and each.person_id in lost else each
        for each in results
    ]


def _look_until_kept(directory: ReadableDirectory, done: list[_Written]) -> list[_Written]:
    found: dict[str | None, _Written] = {each.change.person_id: each for each in done}
    pending = done
    for pause in PAUSES:
        time.sleep(pause)
        looked = _look(directory, pending)
        found |= {each.change.person_id: each for each in looked}
        pending = [each for each in looked if not each.is_kept(directory.mapping)]
        if not pending:
            break
    return list(found.values())


def _look(directory: ReadableDirectory, done: Sequence[_Written]) -> list[_Written]:
    """Each with its account as it is now."""
    listed: Mapping[str | None, Account] = {}
    if len(done) > _FEW:
        listed = {directory.mapping.person_id(each): each for each in directory.list_accounts()}
    return [replace(each, account=listed.get(each.change.person_id) or _read(directory, each)) for each in done]


def _read(directory: ReadableDirectory, written: _Written) -> Account | None:
    account_id, change = written.result.account_id, written.change
    if account_id is not None:
        return directory.read(account_id)
    return directory.find(None, str(change.person_id), str(change.values.get("userName", "")))


def _settle(
    directory: ReadableDirectory, written: Sequence[_Written], should: pd.DataFrame, may_write: Callable[[], None]
) -> None:
    """Write once more what is found otherwise, and learn what stays so."""
    otherwise = _found_otherwise(directory, written, should)
    found = {str(each.account["id"]): (each, row) for each, row in otherwise if each.account}
    again = [
        _Again(account_id, {each.attribute.name: each.value for each in row})
        for account_id, (_, row) in found.items()
        if row
    ]
    if not again:
        return
    told = sum(not all(each.attribute.special for each in row) for _, row in found.values() if row)
    if told:
        log.info("%d accounts were found otherwise than they were written, and are written once more", told)

    def stayed(some: Sequence[_Again]) -> list[Difference]:
        looked = _look(directory, [found[each.account_id][0] for each in some])
        there = [each for each in looked if each.account is not None]
        return [difference for _, row in _found_otherwise(directory, there, should) for difference in row]

    _write_again(directory, again, lambda each: len(stayed([each])) == len(each.values), may_write)
    _learn_kept(directory, written, stayed(again))


def _learn_what_the_list_hides(directory: ReadableDirectory, changed: Sequence[_Written], should: pd.DataFrame) -> None:
    """Learn what lists leave out of an account that has it: compared with them, it would be written every night."""
    if not changed:
        return
    listed = {directory.mapping.person_id(each): each for each in directory.list_accounts()}
    seen = [replace(each, account=listed[each.change.person_id]) for each in changed if each.change.person_id in listed]
    hidden = [difference for _, row in _found_otherwise(directory, seen, should) for difference in row]
    directory.learnt = with_kept(directory.learnt, hidden)


def _learn_kept(directory: ReadableDirectory, written: Sequence[_Written], stayed: Sequence[Difference]) -> None:
    tried = Counter(name for each in written for name in each.change.values)
    special = Counter(each.attribute.name for each in stayed if each.attribute.special)
    not_kept = {name for name, times in special.items() if 2 * times > tried[name]}
    learnt = with_kept(directory.learnt, stayed)
    directory.learnt = learnt.model_copy(update={"not_kept": learnt.not_kept | not_kept})


def _found_otherwise(
    directory: ReadableDirectory, written: Sequence[_Written], should: pd.DataFrame
) -> list[tuple[_Written, list[Difference]]]:
    """Of each its values that are not as written, but for those of which that is known."""
    mapping, kept = directory.mapping, KeptForms(directory.learnt)
    accounts = account_table([each.account or {} for each in written], mapping)
    rows = should.set_index("person_id", drop=False).loc[[str(each.change.person_id) for each in written]]
    readable = accounts["readable"].to_numpy(dtype=bool)
    read = [each for each, is_readable in zip(written, readable, strict=True) if is_readable]
    found = differences(
        rows[readable].reset_index(drop=True), accounts[readable].reset_index(drop=True), mapping.written
    )
    return [
        (each, [one for one in row if one.attribute.name in each.change.values and not kept.holds(one)])
        for each, row in zip(read, found, strict=True)
    ]


def _was_left(directory: ReadableDirectory, result: Result) -> bool:
    account = directory.read(str(result.account_id))
    if account is None:
        return False
    if result.kind == "unlink_role":
        return bool(directory.mapping.marker.get(account))
    return result.kind == "disable" and is_active(account)
