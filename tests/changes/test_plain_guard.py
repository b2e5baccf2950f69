"""The guard agrees with a plain, slow one, for any school, plan and time of the year (SPEC section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from sims_sync.changes.change import Change
from sims_sync.changes.guards import measure, reasons_to_hold, reasons_to_hold_departures
from sims_sync.changes.leavers import plan_leavers
from sims_sync.changes.plan import Plan
from sims_sync.config.school_entry import School
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.night.expected import expected_leavers

YEARS = (None, "7", "Year 9", "09", "11", "year 11", "13")
MOBILE = 'phoneNumbers[type eq "mobile"]'
NO_FINDINGS = pd.DataFrame(columns=list(FINDING_COLUMNS)).astype("str")


@dataclass(frozen=True)
class Night:
    """A night of a school.

    :param left: the last known year group of each person who has left and whose account works.
    :param stay: how many stay.
    :param mobiles: how many of these have a mobile telephone in their account.
    :param losing: how many of these lose it.
    :param recently: accounts disabled in the last 7 days, of nobody who is left.
    """

    left: list[str | None]
    stay: int
    mobiles: int
    losing: int
    joining: int
    rejected: int
    recently: int
    day: date
    school: School


@st.composite
def schools(draw: st.DrawFn) -> School:
    def limit() -> dict[str, Any]:
        return {"percent": draw(st.integers(0, 100)), "floor": draw(st.integers(0, 8))}

    keys = draw(st.sets(st.sampled_from(["disable", "disable_7_days", "clear", "create", "reject"])))
    days = st.sampled_from(["01-01", "02-29", "07-15", "07-20", "09-15", "12-20"])
    windows = st.fixed_dictionaries(
        {
            "name": st.sampled_from(["Summer", "Winter"]),
            "from": days,
            "to": days,
            "leavers_of": st.lists(st.sampled_from(["9", "11", "Year 13"]), max_size=2),
            "joiners": st.booleans(),
        }
    )
    return School.model_validate(
        {
            "id": "green-abbey", "name": "Green Abbey", "la": "823", "estab": "4321",
            "modules": ["timetable"], "username": "email",
            "limits": {key: limit() for key in keys},
            "expected": draw(st.lists(windows, max_size=2)),
        }
    )  # fmt: skip


@st.composite
def nights(draw: st.DrawFn) -> Night:
    stay = draw(st.integers(0, 30))
    mobiles = draw(st.integers(0, stay))
    return Night(
        left=draw(st.lists(st.sampled_from(YEARS), max_size=40)),
        stay=stay,
        mobiles=mobiles,
        losing=draw(st.integers(0, mobiles)),
        joining=draw(st.integers(0, 40)),
        rejected=draw(st.integers(0, 10)),
        recently=draw(st.integers(0, 10)),
        day=draw(st.dates(date(2026, 1, 1), date(2028, 12, 31))),
        school=draw(schools()),
    )


def guarded(night: Night) -> tuple[bool, bool]:
    """Whether the guard holds the whole plan, and its departures."""
    people = [*(f"s{n}" for n in range(night.stay)), *(f"l{n}" for n in range(len(night.left)))]
    accounts = account_table(
        [
            {
                "id": f"id-{person}",
                "externalId": str(10_000 + n),
                "active": True,
                "roles": [{"value": "student"}],
                "phoneNumbers": [{"type": "mobile", "value": "07700 900123"}] if n < night.mobiles else [],
            }
            for n, person in enumerate(people)
        ],
        STANDARD,
    )
    keys = [str(10_000 + n) for n in range(len(people))]
    roll = pd.DataFrame({"person_id": keys[: night.stay], "school_identifier": None}, dtype="str")
    year_groups = {key: year for key, year in zip(keys[night.stay :], night.left, strict=True) if year}
    departures, _ = plan_leavers(
        accounts,
        roll,
        pd.DataFrame(columns=["person_id", "email"], dtype="str"),
        disable_unlinked=True,
        ignored_roles=["user"],
        marker_name="roles",
        expected=expected_leavers(night.school.windows_on(night.day), year_groups),
    )
    losses = [Change("update", keys[n], None, f"id-s{n}", None, "", {MOBILE: None}) for n in range(night.losing)]
    creates = [Change("create", str(n), None, None, None, "", {}) for n in range(night.joining)]
    plan = Plan([*losses, *creates, *departures], keys[night.losing : night.stay], NO_FINDINGS)
    measures = measure(
        plan,
        accounts,
        night.school.limits_on(night.day),
        extracted=night.stay + night.joining + night.rejected,
        rejected_now={str(n): 1 for n in range(night.rejected)},
        rejected_before={},
        disabled_recently={f"gone-{n}" for n in range(night.recently)},
    )
    return bool(reasons_to_hold(plan, measures)), bool(reasons_to_hold_departures(plan, measures))


def plain(night: Night) -> tuple[bool, bool]:
    """The same, as the specification says it, one after the other."""
    limits = night.school.limits

    def over(count: int, base: int, key: str, percent: float | None = None) -> bool:
        limit = getattr(limits, key)
        wanted = limit.percent if percent is None else percent
        return count > limit.floor and Fraction(count) * 100 > Fraction(str(wanted)) * base

    inside = []
    for window in night.school.expected:
        first, last = _on(night.day.year, window.first), _on(night.day.year, window.last)
        is_in = first <= night.day <= last if first <= last else night.day >= first or night.day <= last
        if is_in:
            inside.append(window)
    named = {_plain_year(year) for window in inside for year in window.leavers_of}
    unexpected = expected = 0
    for year in night.left:
        if year is not None and _plain_year(year) in named:
            expected += 1
        else:
            unexpected += 1
    active = night.stay + len(night.left)
    whole = over(night.rejected, night.stay + night.joining + night.rejected, "reject")
    departures = False
    if active:
        joiners = any(window.joiners for window in inside)
        whole |= over(night.joining, active, "create", max(50, limits.create.percent) if joiners else None)
        whole |= over(night.losing, night.mobiles, "clear")
        whole |= night.losing == night.mobiles >= 2
        departures |= over(unexpected, active, "disable")
        departures |= unexpected > 0 and over(unexpected + night.recently, active, "disable_7_days")
        departures |= unexpected * 2 > active
        departures |= (unexpected + expected) * 100 > active * 60
    return whole, departures


def _on(year: int, day: str) -> date:
    month, number = map(int, day.split("-"))
    try:
        return date(year, month, number)
    except ValueError:
        return date(year, 2, 28)


def _plain_year(year: str) -> str:
    text = year.strip().lower()
    text = text.replace("year", "").strip()
    while text.startswith("0"):
        text = text[1:]
    return text


@given(nights())
@settings(max_examples=200, deadline=None)
def test_the_guard_holds_what_a_plain_one_holds(night: Night) -> None:
    assert guarded(night) == plain(night)
