"""The limits (SPEC section 7): each at its limit and beside it, for schools of every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.changes.change import Change
from sims_sync.changes.guards import (
    Measure,
    allowed,
    measure,
    reasons_to_hold,
    reasons_to_hold_departures,
    rejected_records,
)
from sims_sync.changes.plan import Plan
from sims_sync.config.limits import LIMITS, Limit
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.findings import FINDING_COLUMNS

SIZES = (0, 1, 20, 99, 2000)


def findings(*codes: str) -> pd.DataFrame:
    rows = [(str(101 + n), None, "plan", code, None) for n, code in enumerate(codes)]
    return pd.DataFrame(rows, columns=list(FINDING_COLUMNS)).astype({"person_id": "str"})


def people(first: int, beyond: int) -> list[str]:
    return [str(n) for n in range(first, beyond)]


def accounts(active: int, inactive: int = 0, **values: Any) -> pd.DataFrame:
    """Students' accounts ``a1``, ``a2``, ... of the Person IDs 1, 2, ...; the last ones are inactive."""
    return account_table(
        [
            {
                "id": f"a{n}",
                "externalId": str(n),
                "active": n <= active,
                "roles": [{"value": "student"}],
                "phoneNumbers": [{"type": "home", "value": "01632 960001"}],
                EXTENSION: {"freeSchoolMeals": True, "senInformation": [{"value": "K"}, {"value": "E"}]},
                **values,
            }
            for n in range(1, active + inactive + 1)
        ],
        STANDARD,
    )


def change(kind: Any, number: int, **values: Any) -> Change:
    account_id = None if kind == "create" else f"a{number}"
    return Change(kind, str(number), None, account_id, None, "", values)


@dataclass(frozen=True)
class Night:
    """A plan beside what it is measured against."""

    changes: list[Change] = field(default_factory=list)
    accounts: pd.DataFrame = field(default_factory=lambda: accounts(0))
    unchanged: list[str] = field(default_factory=list)
    extracted: int = 0
    rejected_now: dict[str, int] = field(default_factory=dict)
    rejected_before: dict[str, int] = field(default_factory=dict)
    disabled_recently: set[str] = field(default_factory=set)
    findings: pd.DataFrame = field(default_factory=findings)

    def measured(self, **limits: Limit) -> list[Measure]:
        return measure(
            self.plan,
            self.accounts,
            {**LIMITS, **limits},
            extracted=self.extracted,
            rejected_now=self.rejected_now,
            rejected_before=self.rejected_before,
            disabled_recently=self.disabled_recently,
        )

    @property
    def plan(self) -> Plan:
        return Plan(self.changes, self.unchanged, self.findings)

    def over(self, **limits: Limit) -> set[str]:
        """The limits that the plan is over."""
        return {each.limit for each in self.measured(**limits) if each.exceeded}

    def held(self, **limits: Limit) -> list[str]:
        """Why the plan is held as a whole."""
        return reasons_to_hold(self.plan, self.measured(**limits))

    def departures_held(self, **limits: Limit) -> list[str]:
        """Why its departures are held."""
        return reasons_to_hold_departures(self.plan, self.measured(**limits))


def leaving(count: int, of: int) -> Night:
    """Every second one only loses the role, which counts the same."""
    kinds = ("disable", "unlink_role")
    return Night([change(kinds[n % 2], n) for n in range(1, count + 1)], accounts(of))


def leaving_over_a_week(count: int, of: int) -> Night:
    """One tonight, the others before."""
    return Night(leaving(1, of).changes, accounts(of), disabled_recently={f"b{n}" for n in range(1, count)})


def clearing(count: int, of: int) -> Night:
    cleared = [change("update", n, **{'phoneNumbers[type eq "home"]': None}) for n in range(1, count + 1)]
    return Night(cleared, accounts(of), unchanged=people(count + 1, of + 1))


def creating(count: int, of: int) -> Night:
    return Night([change("create", 10_000 + n) for n in range(count)], accounts(of))


def rejecting(count: int, of: int) -> Night:
    return Night(extracted=of, rejected_now={str(n): 1 for n in range(count)})


PLANS: dict[str, Callable[[int, int], Night]] = {
    "disable": leaving,
    "disable_7_days": leaving_over_a_week,
    "clear": clearing,
    "create": creating,
    "reject": rejecting,
}

LARGEST_ALLOWED = {
    ("disable", 1): 5, ("disable", 20): 5, ("disable", 99): 9, ("disable", 2000): 200,
    ("disable_7_days", 1): 5, ("disable_7_days", 20): 5, ("disable_7_days", 99): 14, ("disable_7_days", 2000): 300,
    ("clear", 1): 5, ("clear", 20): 5, ("clear", 99): 9, ("clear", 2000): 200,
    ("create", 1): 20, ("create", 20): 20, ("create", 99): 24, ("create", 2000): 500,
    ("reject", 0): 5, ("reject", 1): 5, ("reject", 20): 5, ("reject", 99): 19, ("reject", 2000): 400,
}  # fmt: skip
"""By default, worked out by hand: the floor in a small school, the percentage in a large one."""


@pytest.mark.parametrize(("limit", "size"), LARGEST_ALLOWED)
def test_a_plan_is_over_a_limit_from_one_above_it(limit: str, size: int) -> None:
    most = LARGEST_ALLOWED[limit, size]
    for count in (most - 1, most, most + 1):
        if count > size and limit in ("disable", "clear"):
            continue  # no school loses more than it has
        assert (limit in PLANS[limit](count, size).over()) == (count > most), count


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("most", [0, 1, 15])
def test_an_optional_count_holds_a_plan_above_that_number_whatever_the_percentage(
    limit: str, size: int, most: int
) -> None:
    own = {limit: Limit(percent=100, floor=2000, count=most)}
    for count in (most - 1, most, most + 1):
        if count < (1 if limit == "disable_7_days" else 0) or (count > size and limit in ("disable", "clear")):
            continue
        assert (limit in PLANS[limit](count, size).over(**own)) == (count > most), count


@given(percent=st.integers(0, 1000), floor=st.integers(0, 30), base=st.integers(0, 3000), count=st.integers(0, 3000))
def test_over_is_above_the_floor_and_above_the_percentage(percent: int, floor: int, base: int, count: int) -> None:
    tenths = percent  # of a per cent, so that nothing is rounded here
    over = count > floor and count * 1000 > tenths * base
    assert (count > allowed(Limit(percent=percent / 10, floor=floor), base)) == over


@pytest.mark.parametrize(("count", "size", "held"), [(1, 1, True), (1, 2, False), (4, 8, False), (5, 9, True)])
def test_one_that_disables_more_than_half_of_the_active_student_accounts_is_always_held(
    count: int, size: int, held: bool
) -> None:
    night = leaving(count, size)
    assert night.over() == set(), "it is below the floor"
    assert bool(night.departures_held()) == held
    assert night.held() == []


def test_the_base_is_the_active_student_accounts() -> None:
    assert leaving(6, 60).over() == set()
    gone = Night(leaving(6, 20).changes, accounts(20, inactive=500))
    assert gone.over() == {"disable", "disable_7_days"}


def test_a_plan_that_disables_nobody_is_never_over_disable_7_days() -> None:
    assert Night([], accounts(20), disabled_recently={f"b{n}" for n in range(500)}).measured()[0].limit == "reject"
    assert Night([], accounts(20), disabled_recently={f"b{n}" for n in range(500)}).over() == set()


def test_a_slow_bleed_is_held_by_the_window_of_7_days() -> None:
    size, recently = 2000, set[str]()
    for night in range(1, 8):
        tonight = [change("disable", n) for n in range(night * 100, night * 100 + 60)]
        plan = Night(tonight, accounts(size - len(recently)), disabled_recently=recently)
        if night == 5:
            assert plan.over() == {"disable_7_days"}
            return
        assert plan.over() == set()
        recently |= {str(each.account_id) for each in tonight}


def test_an_account_that_is_disabled_twice_in_7_days_counts_once() -> None:
    night = Night(leaving(5, 20).changes, accounts(20), disabled_recently={"a1", "a2"})
    assert night.over() == set()


@pytest.mark.parametrize("limit", [each for each in LIMITS if each != "reject"])
def test_on_an_empty_directory_only_reject_applies(limit: str) -> None:
    assert [each.limit for each in creating(2000, 0).measured()] == ["reject"]
    assert creating(2000, 0).held() == []
    assert rejecting(6, 20).over() == {"reject"}


def test_creating_is_limited_too_where_every_student_account_is_inactive() -> None:
    night = Night(creating(21, 0).changes, accounts(0, inactive=30))
    assert night.over() == {"create"}


def test_records_that_the_last_applied_run_rejected_too_do_not_count() -> None:
    before = {str(n): 1 for n in range(100)}
    assert Night(extracted=200, rejected_now=before, rejected_before=before).over() == set()
    now = {**before, "none": 41}
    assert Night(extracted=200, rejected_now=now, rejected_before=before).over() == {"reject"}
    assert Night(extracted=200, rejected_now=now, rejected_before={**before, "none": 1}).over() == set()


MEALS, SEN = "freeSchoolMeals", "senInformation"
LOSSES: dict[str, tuple[dict[str, Any], bool]] = {
    "a value that is cleared": ({'phoneNumbers[type eq "home"]': None}, True),
    "a value that changes": ({'phoneNumbers[type eq "home"]': "01632 960002"}, False),
    "free school meals from true to false": ({MEALS: False}, True),
    "fewer SEN entries": ({SEN: [{"value": "K"}]}, True),
    "no SEN entries": ({SEN: []}, True),
    "as many other SEN entries": ({SEN: [{"value": "A"}, {"value": "B"}]}, False),
    "the mark of a disabled account": ({"disabledBySync": None}, False),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_counts_as_lost(loss: str) -> None:
    values, lost = LOSSES[loss]
    night = Night([change("update", n, **values) for n in range(1, 12)], accounts(100), unchanged=people(12, 101))
    assert ("clear" in night.over()) == lost


def test_free_school_meals_that_were_false_are_not_lost() -> None:
    had = {EXTENSION: {"freeSchoolMeals": False}}
    night = Night([change("update", n, **{MEALS: None}) for n in range(1, 12)], accounts(100, **had))
    assert night.over() == set()


def test_losses_are_measured_for_each_attribute_alone() -> None:
    first = [change("update", n, **{'phoneNumbers[type eq "home"]': None}) for n in range(1, 7)]
    others = [change("update", n, **{MEALS: False}) for n in range(7, 13)]
    night = Night([*first, *others], accounts(100), unchanged=people(13, 101))
    assert night.over() == set()
    assert {(each.attribute, each.count, each.base) for each in night.measured() if each.limit == "clear"} == {
        ('phoneNumbers[type eq "home"]', 6, 100),
        (MEALS, 6, 100),
    }


def test_why_a_plan_is_held_tells_nobody_how_many_have_a_value_of_a_special_category() -> None:
    few, all_of_them = (
        Night([change("update", n, **{MEALS: False}) for n in range(1, beyond)], accounts(beyond - 1)).held()
        for beyond in (12, 90)
    )
    assert few == all_of_them
    (reason,) = few
    assert "limits.clear" in reason
    assert not any(character.isdigit() for character in reason)
    assert MEALS not in reason


def test_losses_are_measured_against_the_accounts_that_have_the_value() -> None:
    few = [change("update", n, **{MEALS: False}) for n in range(1, 7)]
    having = [{"id": f"a{n}", "externalId": str(n), EXTENSION: {MEALS: n <= 10}} for n in range(1, 101)]
    table = account_table([{**each, "roles": [{"value": "student"}]} for each in having], STANDARD)
    assert Night(few, table, unchanged=people(7, 101)).over() == {"clear"}


@pytest.mark.parametrize(("mismatches", "held"), [(3, False), (4, True)])
def test_more_than_3_accounts_that_are_somebody_elses_hold_the_plan(mismatches: int, held: bool) -> None:
    night = Night(accounts=accounts(2000), findings=findings(*["identity_mismatch"] * mismatches))
    assert bool(night.held()) == held


def test_the_reasons_name_count_base_limit_and_key() -> None:
    (disable, *_) = leaving(201, 2000).departures_held()
    assert disable == (
        "201 of 2000 active student accounts would be disabled or lose the role; the limit (`limits.disable`) is 200."
    )
    (cleared,) = clearing(11, 100).held()
    assert "would lose their home telephone" in cleared


def test_rejected_records_are_people_and_the_number_of_those_without_a_person_id() -> None:
    found = pd.DataFrame(
        [
            (101, "004604", "validate", "no_forename", None),
            (101, "004604", "validate", "no_email", None),
            (102, None, "plan", "duplicate_account", None),
            (103, None, "validate", "no_primary_email", None),
            (pd.NA, None, "validate", "no_person_id", None),
            (pd.NA, "004605", "validate", "no_person_id", None),
        ],
        columns=list(FINDING_COLUMNS),
    ).astype({"person_id": "str"})
    assert rejected_records(found) == {"101": 1, "102": 1, "none": 2}
