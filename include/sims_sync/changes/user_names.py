"""User names that a new account cannot get, found when planning: a dry run says what a real one would do (SPEC section
5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.on_roll import StudentPlan, findings

Holders = Callable[[Collection[str]], Mapping[str, str | None]]
"""Of user names in lower case those that somebody has, each with the Person ID of the holder, none where there is
none."""

_MOST_NAMED = 20


def not_known(_: Collection[str]) -> Mapping[str, str | None]:
    """Nobody is known to hold one: what is taken shows when it is written."""
    return {}


def with_user_names(plan: StudentPlan, holders: Holders) -> StudentPlan:
    """The plan without those creations whose user name is missing, another's in this plan, or taken."""
    by_name: defaultdict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        if change.kind == "create":
            by_name[str(change.values.get("userName") or "").casefold()].append(change)
    nameless = by_name.pop("", [])
    clashing = {
        str(change.person_id): changes for changes in by_name.values() if len(changes) > 1 for change in changes
    }
    single = {name: changes[0] for name, changes in by_name.items() if len(changes) == 1}
    taken = {str(single[name].person_id): holder for name, holder in holders(single.keys()).items()} if single else {}
    without = {*(change.person_id for change in nameless), *clashing, *taken}
    students = [change for change in plan.changes if change.kind == "create" and change.person_id in without]
    if not students:
        return plan
    of_code: dict[str, dict[str, str | None]] = {
        "no_user_name": {str(change.person_id): None for change in nameless},
        "user_name_clash": {person: _others(person, changes) for person, changes in clashing.items()},
        "username_in_use": {person: _holder(holder) for person, holder in taken.items()},
    }
    return replace(
        plan,
        changes=[change for change in plan.changes if change not in students],
        findings=pd.concat(
            [
                plan.findings[~plan.findings["person_id"].isin(without)],
                *(_findings(students, code, details) for code, details in of_code.items()),
            ],
            ignore_index=True,
        ),
    )


def _findings(students: Sequence[Change], code: str, details: Mapping[str, str | None]) -> pd.DataFrame:
    rows = [
        (each.person_id, each.school_identifier, details[str(each.person_id)])
        for each in students
        if each.person_id in details
    ]
    table = pd.DataFrame(rows, columns=["person_id", "school_identifier", "detail"]).astype("str")
    return findings(table, code, table["detail"])


def _others(person: str, changes: Sequence[Change]) -> str:
    others = [str(change.person_id) for change in changes if change.person_id != person]
    named = ", ".join(others[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    return f"{'person' if len(others) == 1 else 'persons'} {named}{more}"


def _holder(person_id: str | None) -> str:
    return "an account without Person ID" if person_id is None else f"the account of person {person_id}"
