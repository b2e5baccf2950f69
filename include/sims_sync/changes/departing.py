"""Who would leave by a plan, in groups that name nobody: by last known year group, else by year of birth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.plan import Plan
from sims_sync.config.year_groups import compared
from sims_sync.model.kinds import DAY

BORN = "date_of_birth"
NO_GROUP = "of no known year"
_NAMED = 6
"""Groups that are told one by one."""


def with_groups(
    plan: Plan, year_groups: Mapping[str, str], accounts: pd.DataFrame, *, unborn: Collection[str] = ()
) -> Plan:
    """The plan, of which each departure says which group it is of.

    :param year_groups: the last known one of each person.
    :param accounts: accounts as they are: ``account_id``, ``date_of_birth`` where the school has that value.
    :param unborn: people of whom the day of birth is withheld.
    """
    leavers = {change.account_id for change in plan.for_leavers}
    left = accounts[accounts["account_id"].isin(leavers) & ~accounts["linked_person_id"].isin(list(unborn))]
    born = dict(zip(left["account_id"], DAY.from_source(left[BORN]), strict=True)) if BORN in left else {}

    def group(change: Change) -> str:
        if (year := year_groups.get(change.person_id or "")) and (name := compared(year)):
            return f"of year {name}" if name.isdecimal() else f"of {year.strip()}"
        day = born.get(change.account_id)
        return f"born in {day[:4]}" if isinstance(day, str) else NO_GROUP

    return replace(
        plan,
        changes=[replace(each, group=group(each)) if each.account_id in leavers else each for each in plan.changes],
    )


def departing(plan: Plan) -> dict[str, int]:
    """How many would leave of each group, the largest first."""
    groups = Counter(change.group for change in plan.for_leavers if change.group)
    return dict(sorted(groups.items(), key=lambda each: (-each[1], each[0] == NO_GROUP, each[0])))


def in_words(groups: Mapping[str, int]) -> str:
    """Groups in one line: ``77 of year 11, 1 born in 2013, 1 of no known year``."""
    counts = list(groups.items())
    named = counts if len(counts) <= _NAMED else counts[: _NAMED - 1]
    others = sum(number for _, number in counts[len(named) :])
    return ", ".join([*(f"{number:,} {group}" for group, number in named), *([f"{others:,} others"] if others else [])])
