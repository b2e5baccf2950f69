"""Students who seem to have no account, and accounts that seem to have no student: the same people (SPEC section 6).

So it is on the first run on a directory that has accounts, and after a change of MIS, when every Person ID is new. Who
makes a *pair* says :mod:`~sims_sync.changes.pairs`. Without a person's word nothing happens to either side of one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.on_roll import StudentPlan, findings, of_somebody_else, plan_students
from sims_sync.changes.pairs import Grade, find_pairs, may_be_a_students
from sims_sync.directory.mapping import KEY, AccountMapping
from sims_sync.model.person import order

NEW_PAIRS_ALLOWED = 3
"""More pairs that no approved plan has shown before hold the plan."""

_LINKED: dict[str | None, tuple[Grade, ...]] = {None: (), "certain": ("certain",), "likely": ("certain", "likely")}
"""Which pairs the run parameter ``link_accounts`` links."""

_OF_ANOTHER = ("identity_mismatch", "account_of_another_kind")
"""Codes of students whose Person ID stands in an account that is not theirs."""


@dataclass(frozen=True)
class Linking:
    """What people have decided about pairs.

    :param accounts: which of them this run links (``link_accounts``), if any.
    :param left_out: Person IDs that it does not link (``link_except``).
    :param not_the_same: Person ID and account of those that are no pair, for good.
    """

    accounts: Literal["certain", "likely"] | None = None
    left_out: frozenset[str] = frozenset()
    not_the_same: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Paired:
    """A plan in which nobody of a pair is created.

    :param pairs: those of students who would be created else; columns of ``pairs.PAIR_COLUMNS``. The first are those
        whose account is inactive: these students cannot log in.
    :param spared: ids of the accounts that may be of somebody on roll: nobody disables them.
    """

    plan: StudentPlan
    pairs: pd.DataFrame
    spared: frozenset[str]


def without_pairs(
    plan: StudentPlan,
    should: pd.DataFrame,
    accounts: pd.DataFrame,
    roll: pd.DataFrame,
    *,
    mapping: AccountMapping,
    linking: Linking,
    ignored_roles: Collection[str],
) -> Paired:
    """Take the students of pairs out of what is created, and link those who are to be linked.

    :param plan: of the students who validated, by Person ID alone.
    :param should: accounts as they should be.
    :param accounts: accounts as they are.
    :param roll: everybody on roll, validated or not (``students.identity.people_on_roll``).
    :param ignored_roles: roles that everybody has.
    """
    on_roll = set(roll["person_id"].dropna())
    of_another = plan.findings.loc[plan.findings["code"].isin(_OF_ANOTHER), "person_id"]
    not_compared = roll[~roll["person_id"].isin(should["person_id"])]
    settled = (on_roll & set(accounts["linked_person_id"].dropna())) - set(of_another)
    settled -= of_somebody_else(not_compared, accounts)
    pairs = find_pairs(
        roll[roll["person_id"].isin(on_roll - settled)],
        should.set_index("person_id")["user_name"],
        accounts[may_be_a_students(accounts, ignored_roles) & ~accounts["linked_person_id"].isin(settled)],
        linking.not_the_same,
    )
    would_be_created = {change.person_id for change in plan.changes if change.kind == "create"}
    is_open = pairs["person_id"].isin(would_be_created)
    own, others = pairs[is_open].reset_index(drop=True), pairs[~is_open]
    links = plan_links(should, accounts, _to_be_linked(own, linking, mapping), mapping)
    people = set(own["person_id"])
    changes = [change for change in plan.changes if change.person_id not in people]
    linked = {change.person_id for change in links.changes}
    left = own[~own["person_id"].isin(linked.union(links.findings["person_id"]))]
    return Paired(
        StudentPlan(
            changes=sorted([*changes, *links.changes], key=lambda change: order(change.person_id)),
            unchanged=plan.unchanged,
            findings=pd.concat(
                [
                    plan.findings[~plan.findings["person_id"].isin(people)],
                    _account_to_link(left, mapping),
                    links.findings,
                    findings(others, "account_not_linked", "account " + others["account_id"]),
                ],
                ignore_index=True,
            ),
            kept=plan.kept,
        ),
        own,
        frozenset(pairs["account_id"]),
    )


def plan_links(
    should: pd.DataFrame, accounts: pd.DataFrame, pairs: pd.DataFrame, mapping: AccountMapping
) -> StudentPlan:
    """Plan the change ``link``: the account gets the Person ID, and whatever an account of the student would get.

    :param pairs: ``person_id`` and ``account_id``, one to one.
    """
    people = pairs.set_index("account_id")["person_id"]
    theirs = accounts[accounts["account_id"].isin(people.index)]
    students = should[should["person_id"].isin(people)].reset_index(drop=True)
    linked = theirs.assign(
        linked_person_id=theirs["account_id"].map(people).astype("str"),
        school_identifier=theirs["account_id"].map(people).map(students.set_index("person_id")["school_identifier"]),
    )
    as_theirs = theirs.assign(linked_person_id=linked["linked_person_id"])
    plan = plan_students(students, as_theirs, mapping, are_theirs=True)
    planned = {change.person_id: change for change in plan.changes}
    changes = [
        _link(row, has_key, planned.get(str(row.linked_person_id)), mapping)
        for row, has_key in zip(linked.itertuples(index=False), theirs["linked_person_id"].notna(), strict=True)
        if row.linked_person_id in {*planned, *plan.unchanged}
    ]
    return StudentPlan(changes, [], plan.findings)


def replan_link(change: Change, student: pd.DataFrame, account: pd.DataFrame, mapping: AccountMapping) -> StudentPlan:
    """Plan a change ``link`` afresh: unless somebody has linked the account to another person meanwhile.

    :param student: the account as it should be, one row.
    :param account: the account as it is now, none where it is gone.
    """
    plan = plan_students(student, account, mapping, are_theirs=True)
    if account.empty or (account["linked_person_id"] == str(change.person_id)).all():
        return plan
    before, now = mapping.person_id(change.account or {}), account["linked_person_id"]
    if (now.isna() if before is None else now == before).all():
        return plan_links(student, account, account.assign(person_id=change.person_id), mapping)
    return StudentPlan([], [], findings(student, "account_to_link"))


def reasons_to_hold(
    pairs: pd.DataFrame, changes: Sequence[Change], shown: Collection[tuple[str, str]], *, key_is_fixed: bool
) -> list[str]:
    """Why a plan with pairs is held, in words without a value; empty when it is not (SPEC section 7).

    :param changes: those of the plan.
    :param shown: Person ID and account of the pairs that approved plans have shown.
    :param key_is_fixed: whether the directory lets no account change its key.
    """
    linked = {change.person_id for change in changes if change.kind == "link"}
    is_linked = pairs["person_id"].isin(linked)
    reasons = []
    if linked:
        reasons.append(f"{len(linked):,} accounts would be linked to students: {_by_grade(pairs[is_linked])}.")
    left = pairs[~is_linked]
    new = [pair for pair in zip(left["person_id"], left["account_id"], strict=True) if pair not in shown]
    if len(new) > NEW_PAIRS_ALLOWED:
        how = (
            "This directory lets no account change the key: ask its support to do it."
            if key_is_fixed
            else "To link them, reject this plan and trigger the DAG with the parameter `link_accounts`: `certain`, or "
            "`likely`, which includes them."
        )
        reasons.append(
            f"{_what_happened(left)}: {_by_grade(left)} (`account_to_link`). They get no second account, and those "
            f"that they have are left as they are. {how}"
        )
    return reasons


def _to_be_linked(pairs: pd.DataFrame, linking: Linking, mapping: AccountMapping) -> pd.DataFrame:
    grades = () if mapping.key_is_fixed else _LINKED[linking.accounts]
    return pairs[pairs["grade"].isin(grades) & ~pairs["person_id"].isin(linking.left_out)]


def _link(account: Any, has_key: bool, planned: Change | None, mapping: AccountMapping) -> Change:
    """:param planned: what else is to be written, if anything."""
    cause = "on roll, the account has another Person ID" if has_key else "on roll, the account has no Person ID"
    change = planned or Change(
        kind="link",
        person_id=account.linked_person_id,
        school_identifier=_text(account.school_identifier),
        account_id=account.account_id,
        version=_text(account.version),
        cause="",
        values={},
        account=json.loads(account.resource),
    )
    values = {KEY: mapping.key_of(account.linked_person_id), **change.values}
    return replace(change, kind="link", cause=", ".join(filter(None, (cause, change.cause))), values=values)


def _account_to_link(pairs: pd.DataFrame, mapping: AccountMapping) -> pd.DataFrame:
    """One finding for each student of these pairs, in their order."""
    details = {person: _told(theirs, mapping) for person, theirs in pairs.groupby("person_id", sort=False)}
    students = pairs.drop_duplicates("person_id")
    return findings(students, "account_to_link", students["person_id"].map(details).astype("str"))


def _told(pairs: pd.DataFrame, mapping: AccountMapping) -> str:
    """What is told of the pairs of one student: whose accounts they are, and how sure that is."""
    keys = pairs["account_person_id"].dropna().tolist()
    whose = [
        f"an account of person {keys[0]}"
        if len(keys) == 1
        else f"accounts of persons {', '.join(keys)}"
        if keys
        else "",
        "an account without Person ID" if len(keys) < len(pairs) else "",
    ]
    told = [f"{pairs['grade'].iloc[0]}: {pairs['why'].iloc[0]}", " and ".join(filter(None, whose))]
    if not pairs["active"].any():
        told.append("it is not active, so this student cannot log in")
    if mapping.key_is_fixed:
        told.append("the directory lets no account change its key, so its support must do it")
    return "; ".join(told)


def _by_grade(pairs: pd.DataFrame) -> str:
    students = Counter(pairs.drop_duplicates("person_id")["grade"])
    return ", ".join(f"{students[grade]:,} {grade}" for grade in ("certain", "likely", "ambiguous") if students[grade])


def _what_happened(pairs: pd.DataFrame) -> str:
    has_key = pairs["account_person_id"].notna()
    another, none = pairs.loc[has_key, "person_id"].nunique(), pairs.loc[~has_key, "person_id"].nunique()
    if not another:
        return f"{none:,} students have an account without a Person ID, as before the first run on a directory"
    words = f"{another:,} students have an account under another Person ID, as after a change of MIS"
    return f"{words}, and {none:,} one without a Person ID" if none else words


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
