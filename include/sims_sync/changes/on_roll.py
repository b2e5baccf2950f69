"""What is to change for the students on roll who validated (SPEC section 6)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.differences import all_values, differences
from sims_sync.changes.kept_forms import KeptForms
from sims_sync.changes.traits import numbers, words
from sims_sync.directory.learnt import Learnt
from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.change_kinds import Kind
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.model.kinds import DAY
from sims_sync.model.person import order


@dataclass(frozen=True)
class StudentPlan:
    """What is to change for the students who validated.

    :param changes: creations, updates and enablings, in order of Person ID.
    :param unchanged: Person IDs whose account is the same: no request at all.
    :param findings: records that are rejected here, and warnings; columns of ``FINDING_COLUMNS``.
    :param kept: the values that the directory keeps otherwise, which are not written.
    """

    changes: list[Change]
    unchanged: list[str]
    findings: pd.DataFrame
    kept: KeptForms = field(default_factory=KeptForms)


def plan_students(
    should: pd.DataFrame,
    accounts: pd.DataFrame,
    mapping: AccountMapping,
    learnt: Learnt | None = None,
    *,
    are_theirs: bool = False,
) -> StudentPlan:
    """Plan the changes of the students who validated.

    :param should: accounts as they should be, one row for each student.
    :param accounts: accounts as they are (``directory.present``), of whatever role; matched by Person ID alone.
    :param mapping: where values stand in the directory's accounts, and what it has no place for.
    :param learnt: what is known of the directory from earlier runs.
    :param are_theirs: whether it was judged already that these accounts are the students' own.
    """
    linked = accounts[accounts["linked_person_id"].isin(should["person_id"])]
    kept = KeptForms(learnt)
    twice = linked["linked_person_id"].duplicated(keep=False)
    duplicated = should["person_id"].isin(linked.loc[twice, "linked_person_id"])
    single = linked[~twice].set_index("linked_person_id")
    has_account = should["person_id"].isin(single.index)

    pairs = should[has_account]
    found = single.reindex(pairs["person_id"]).reset_index(drop=True)
    pairs = pairs.reset_index(drop=True)
    odd = ~found["readable"].astype(bool)
    another_kind = ~odd & found["of_another_kind"].astype(bool)
    mismatched = ~odd & ~another_kind & _is_somebody_else(pairs, found) & (not are_theirs)
    compared = ~odd & ~another_kind & ~mismatched
    differing, unchanged, by_hand = _plan_existing(
        pairs[compared].reset_index(drop=True), found[compared].reset_index(drop=True), mapping, kept
    )
    missing = should[~has_account & ~duplicated]
    shared = _were_shared(missing, learnt)
    new = missing[~shared]
    created = [_creation(row, mapping) for _, row in new.iterrows()]
    return StudentPlan(
        changes=sorted([*created, *differing], key=lambda change: order(change.person_id)),
        unchanged=[*unchanged, *pairs.loc[odd, "person_id"]],
        findings=pd.concat(
            [
                findings(should[duplicated], "duplicate_account"),
                findings(missing[shared], "account_shared"),
                findings(pairs[another_kind], "account_of_another_kind"),
                findings(pairs[mismatched], "identity_mismatch"),
                findings(by_hand, "disabled_by_hand"),
                findings(pairs[odd], "account_not_readable"),
                findings(new[new["user_name_from_email"].astype(bool)], "username_from_email"),
            ],
            ignore_index=True,
        ),
        kept=kept,
    )


def of_somebody_else(roll: pd.DataFrame, accounts: pd.DataFrame) -> set[str]:
    """Whose Person ID stands in an account that seems to be another person's, though nothing more of them validated.

    :param roll: people on roll (``students.identity.people_on_roll``).
    :param accounts: accounts as they are.
    """
    holders = accounts.dropna(subset="linked_person_id").drop_duplicates("linked_person_id")
    people = roll[roll["person_id"].isin(holders["linked_person_id"])].drop_duplicates("person_id")
    known = people.rename(columns={"forename": "given_name", "surname": "family_name"})
    known = known.reindex(columns=["person_id", "school_identifier", "given_name", "family_name", "date_of_birth"])
    known = known.astype("str").reset_index(drop=True)
    held = holders.set_index("linked_person_id").reindex(known["person_id"]).reset_index(drop=True)
    return set(known.loc[_is_somebody_else(known, held) | held["of_another_kind"].astype(bool), "person_id"])


def what_tells_apart(row: pd.Series[Any]) -> tuple[str, ...]:
    """What a directory may take two people for one by: user name and emails."""
    return tuple(_text(row[column]) or "" for column in ("user_name", "home_email", "work_email"))


def _were_shared(missing: pd.DataFrame, learnt: Learnt | None) -> pd.Series[bool]:
    """Of whom the directory made one account with another's, and would again: nothing of it has changed since."""
    if learnt is None or not (known := learnt.shared):
        return pd.Series(False, index=missing.index)
    again = [known.get(row["person_id"]) == learnt.digest(*what_tells_apart(row)) for _, row in missing.iterrows()]
    return pd.Series(again, index=missing.index, dtype=bool)


def findings(students: pd.DataFrame, code: str, detail: pd.Series[str] | None = None) -> pd.DataFrame:
    """One finding of the planning for each of these students (columns ``person_id`` and ``school_identifier``)."""
    return (
        students[["person_id", "school_identifier"]]
        .astype("str")
        .assign(
            stage="plan",
            code=code,
            detail=pd.Series(None, index=students.index, dtype="str") if detail is None else detail,
        )
        .reset_index(drop=True)[list(FINDING_COLUMNS)]
    )


def _creation(row: pd.Series[Any], mapping: AccountMapping) -> Change:
    texts = {name: _text(row[name]) or "" for name in ("given_name", "family_name", "user_name", "person_id")}
    beside = {path: text.format(**texts) for path, text in mapping.on_create.items()}
    return Change(
        kind="create",
        person_id=str(row["person_id"]),
        school_identifier=_text(row["school_identifier"]),
        account_id=None,
        version=None,
        cause="on roll, no account",
        values={**all_values(row, mapping.written), **{path: text for path, text in beside.items() if text.strip()}},
    )


def _plan_existing(
    should: pd.DataFrame, actual: pd.DataFrame, mapping: AccountMapping, kept: KeptForms
) -> tuple[list[Change], list[str], pd.DataFrame]:
    """Changes, unchanged Person IDs and students whose account a person disabled."""
    values = [kept.values(each) for each in differences(should, actual, mapping.written)]
    by_hand = actual["is_student"] & ~actual["active"] & ~actual["disabled_by_sync"]
    changes, unchanged = [], []
    for position, row in enumerate(actual.itertuples(index=False)):
        kind, causes = _state(row, values[position], mapping.marker_name)
        person_id = str(should["person_id"].iloc[position])
        if not values[position]:
            unchanged.append(person_id)
            continue
        changes.append(
            Change(
                kind=kind,
                person_id=person_id,
                school_identifier=_text(should["school_identifier"].iloc[position]),
                account_id=str(row.account_id),
                version=_text(row.version),
                cause=", ".join(causes),
                values=values[position],
                account=json.loads(str(row.resource)),
            )
        )
    return changes, unchanged, should[by_hand]


def _state(account: Any, values: dict[str, Any], marker_name: str) -> tuple[Kind, Iterable[str]]:
    """Complete the values of an existing account by what its state asks for; say what kind of change it is, and why."""
    kind: Kind = "update"
    causes = ["values differ"] if values else []
    if not account.is_student:
        values[marker_name] = "add"
        causes.insert(0, "on roll, the person's account lacks the role")
    if account.disabled_by_sync and not account.active:
        kind = "enable"
        values["active"] = True
        causes.insert(0, "back on roll")
    if account.disabled_by_sync and (account.active or kind == "enable"):
        values["disabledBySync"] = None
        if account.active:
            causes.append("enabled by somebody")
    return kind, causes


def _is_somebody_else(should: pd.DataFrame, actual: pd.DataFrame) -> pd.Series[bool]:
    """Another name, and another date of birth or admission number: none of those that both hold agree."""
    held, agree = pd.Series(False, index=should.index), pd.Series(False, index=should.index)
    for column, spelt in (("date_of_birth", DAY.from_source), ("school_identifier", numbers)):
        ours, theirs = spelt(should[column]), spelt(actual[column])
        both = ours.notna() & theirs.notna()
        held |= both
        agree |= both & (ours.fillna("") == theirs.fillna(""))
    return (_name(should) != _name(actual)) & (_name(actual) != "\n") & held & ~agree


def _name(people: pd.DataFrame) -> pd.Series[str]:
    return words(people["given_name"]).fillna("") + "\n" + words(people["family_name"]).fillna("")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
