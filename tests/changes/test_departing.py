"""Who would leave is told in groups that name nobody."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest

from sims_sync.changes.change import Change
from sims_sync.changes.departing import departing, in_words, with_groups
from sims_sync.changes.plan import Plan


def plan_of(*leavers: str | None) -> Plan:
    """A plan that disables these people's accounts, and changes one on roll."""
    changes = [
        Change("update", "1", None, "account-1", None, "values differ", {}),
        *(
            Change("disable", person, None, f"account-{person}", None, "not on roll", {"active": False})
            for person in leavers
        ),
    ]
    return Plan(changes, [], pd.DataFrame())


def accounts_of(born: Mapping[str | None, str | None]) -> pd.DataFrame:
    rows = [(f"account-{person}", person, day) for person, day in born.items()]
    return pd.DataFrame(rows, columns=["account_id", "linked_person_id", "date_of_birth"], dtype="str")


@pytest.mark.parametrize(
    ("year_group", "born", "group"),
    [
        ("11", "2010-03-01", "of year 11"),
        ("Year 11", None, "of year 11"),
        (" year  07 ", None, "of year 7"),
        ("Nursery", None, "of Nursery"),
        ("Sixth Form ", None, "of Sixth Form"),
        (None, "2010-03-01", "born in 2010"),
        (None, "2010-03-01T00:00:00Z", "born in 2010"),
        (None, "1 May 2010", "of no known year"),
        (None, "01/03/2010", "of no known year"),
        ("", "2010-03-01", "born in 2010"),
        (None, None, "of no known year"),
    ],
)
def test_the_last_known_year_group_tells_else_the_year_of_birth(
    year_group: str | None, born: str | None, group: str
) -> None:
    years = {"7": year_group} if year_group is not None else {}
    plan = with_groups(plan_of("7"), years, accounts_of({"7": born}))
    assert [change.group for change in plan.changes] == [None, group]
    assert departing(plan) == {group: 1}


def test_a_day_of_birth_that_is_withheld_or_not_sent_groups_nobody() -> None:
    plan = plan_of("7", None)
    accounts = accounts_of({"7": "2010-03-01", None: "2011-03-01"})
    assert departing(with_groups(plan, {}, accounts, unborn=["7"])) == {"born in 2011": 1, "of no known year": 1}
    assert departing(with_groups(plan, {}, accounts.drop(columns="date_of_birth"))) == {"of no known year": 2}


def test_nobody_leaves() -> None:
    assert departing(with_groups(plan_of(), {}, accounts_of({}))) == {}
    assert in_words({}) == ""


def test_groups_are_told_the_largest_first_those_whose_year_nobody_knows_last_of_equals() -> None:
    years = {str(number): "11" for number in range(10, 87)} | {"90": "9"}
    plan = with_groups(plan_of(*map(str, range(10, 91))), years, accounts_of({"87": "2012-01-01"}))
    assert in_words(departing(plan)) == "77 of year 11, 2 of no known year, 1 born in 2012, 1 of year 9"


def test_many_groups_are_cut_short() -> None:
    assert in_words({f"of year {year}": 2000 - year for year in range(1, 7)}).count(",") == 6 + 5
    told = in_words({f"of year {year}": 20 - year for year in range(1, 9)})
    assert told == "19 of year 1, 18 of year 2, 17 of year 3, 16 of year 4, 15 of year 5, 39 others"


def test_the_plan_file_keeps_the_group() -> None:
    change = with_groups(plan_of("7"), {"7": "11"}, accounts_of({"7": None})).changes[1]
    assert Change.from_document(change.as_document()) == change
    assert "group" not in plan_of("7").changes[1].as_document()
