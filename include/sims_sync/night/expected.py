"""Who is expected to leave: by the windows of the school's year and the last known year groups (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from sims_sync.changes.plan import Plan
from sims_sync.config.school_year import Window


def expected_leavers(windows: Collection[Window], year_groups: Mapping[str, str]) -> dict[str, str]:
    """The people whose departure is expected, each with the name of the window.

    :param windows: those that the effective date is in.
    :param year_groups: the last known one of each person; who has none is not expected to leave.
    """
    groups = set(year_groups.values())
    names = {group: each.name for each in reversed([*windows]) for group in groups if each.expects_leavers_of(group)}
    return {person: names[group] for person, group in year_groups.items() if group in names}


def known_year_groups(before: Mapping[str, str], roll: pd.DataFrame) -> dict[str, str]:
    """The last known year group of each person.

    :param before: what was known before.
    :param roll: who is on roll: ``person_id``, ``year_group`` (null where it is not known, or no such column).
    """
    if "year_group" not in roll:
        return dict(before)
    told = roll.dropna(subset=["person_id", "year_group"])
    return {**before, **dict(zip(told["person_id"], told["year_group"], strict=True))}


def kept_year_groups(known: Mapping[str, str], roll: pd.DataFrame, plan: Plan) -> dict[str, str]:
    """The year groups that go on being kept: of those on roll, and of those whose account works though they left."""
    if plan.no_leaver_check:
        return dict(known)  # nobody has looked who left
    people = {*roll["person_id"].dropna(), *(change.person_id for change in plan.for_leavers)}
    return {person: group for person, group in known.items() if person in people}
