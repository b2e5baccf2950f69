"""Nine schools from 1 July to 15 September, with the configurations of docs/the-school-year.md (SPEC section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from sims_sync.changes.guards import measure, reasons_to_hold, reasons_to_hold_departures
from sims_sync.changes.plan import Plan, PlanOptions, make_plan
from sims_sync.config.school_entry import School
from sims_sync.directory.editing import merged, new_account
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.model.person import NUMBER
from sims_sync.night.expected import expected_leavers, kept_year_groups, known_year_groups
from sims_sync.sources.sims.operations import OPERATIONS
from sims_sync.sources.source import owed
from sims_sync.students.validation import Validation, validate
from sims_sync.students.wanted import accounts_as_they_should_be

PAGE = Path(__file__).parents[2] / "docs" / "the-school-year.md"
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 15)
JULY, AUGUST = date(2026, 7, 22), date(2026, 8, 31)
COMMON = {
    "id": "green-abbey", "name": "Green Abbey", "la": "823", "estab": "4321",
    "modules": ["timetable"], "username": "admission_number",
}  # fmt: skip


def configurations() -> dict[str, dict[str, Any]]:
    """Those that the page shows, by name."""
    blocks = re.findall(r"<!-- configuration: ([\w ]+) -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {name: yaml.safe_load(text) for name, text in blocks}


CONFIGURATIONS = configurations()


def configured(name: str) -> School:
    return School.model_validate({**COMMON, **CONFIGURATIONS[name]})


@dataclass(frozen=True)
class Kind:
    """A kind of school.

    :param years: how many are in each year group in July.
    :param leaving: the last day of a year group.
    :param joining: how many new ones a year group gets, and their first day.
    :param staying: how many of a leaving year group stay.
    """

    configuration: str
    years: Mapping[str, int]
    leaving: Mapping[str, date]
    joining: Mapping[str, tuple[int, date]]
    staying: Mapping[str, int] = field(default_factory=dict)
    questions: int = 0

    def people(self) -> Iterator[Person]:
        number = 1000
        for year, size in self.years.items():
            for place in range(size):
                number += 1
                last = self.leaving.get(year) if place >= self.staying.get(year, 0) else None
                yield Person(number, year, date(2020, 1, 1), last)
        for year, (size, first) in self.joining.items():
            for _ in range(size):
                number += 1
                yield Person(number, year, first, None)


@dataclass(frozen=True)
class Person:
    """:param year: the year group in July; of a joiner, the one in September."""

    number: int
    year: str
    first: date
    last: date | None

    def is_on_roll(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)

    def year_on(self, day: date) -> str:
        """As SIMS writes it; on 1 September everybody who was there moves up."""
        moved = day >= date(2026, 9, 1) and self.first < date(2026, 8, 1) and self.year.isdecimal()
        return f"Year  {int(self.year) + 1}" if moved else f"Year {self.year}"


SEPTEMBER = date(2026, 9, 3)
KINDS = {
    "infant school of 180": Kind("infant", {"R": 60, "1": 60, "2": 60}, {"2": JULY}, {"R": (60, SEPTEMBER)}),
    "junior school of 240": Kind("shared", dict.fromkeys("3456", 60), {"6": JULY}, {"3": (60, SEPTEMBER)}),
    "primary of 210": Kind("primary", dict.fromkeys("R123456", 30), {"6": JULY}, {"R": (30, SEPTEMBER)}),
    "primary of 420": Kind("shared", dict.fromkeys("R123456", 60), {"6": JULY}, {"R": (60, SEPTEMBER)}),
    "village primary of 70": Kind("primary", dict.fromkeys("R123456", 10), {"6": JULY}, {"R": (10, SEPTEMBER)}),
    "secondary of 900": Kind(
        "secondary", dict.fromkeys(("7", "8", "9", "10", "11"), 180), {"11": AUGUST}, {"7": (180, SEPTEMBER)}
    ),
    "secondary of 1200 with a sixth form": Kind(
        "secondary",
        {**dict.fromkeys(("7", "8", "9", "10", "11"), 190), "12": 130, "13": 120},
        {"13": AUGUST, "11": AUGUST},
        {"7": (190, SEPTEMBER), "12": (40, date(2026, 9, 7))},
        staying={"11": 95},
    ),
    "sixth form college of 800": Kind(
        "sixth form", {"12": 420, "13": 380}, {"13": date(2026, 7, 17)}, {"12": (430, date(2026, 9, 8))}, questions=1
    ),
    "unit of 40": Kind("unit", {"all": 40}, {"all": JULY}, {"all": (15, date(2026, 9, 7))}, questions=1),
}


@dataclass
class Summer:
    """The nights of a school.

    :param accounts: of the directory, by id.
    :param held: why a plan, or its departures, were held, by night.
    :param created: when each account was created.
    """

    school: School
    people: list[Person]
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    year_groups: dict[str, str] = field(default_factory=dict)
    held: dict[date, tuple[list[str], list[str]]] = field(default_factory=dict)
    created: dict[int, date] = field(default_factory=dict)
    recently: dict[date, set[str]] = field(default_factory=dict)

    def run(self) -> None:
        """All nights; whatever is held is approved in the morning."""
        before: set[int] = set()
        for day in (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)):
            if self.school.paused_on(day, "all"):
                continue
            on_roll = [person for person in self.people if person.is_on_roll(day)]
            assert on_roll, f"{day}: a roll of nobody fails the night"
            numbers = {person.number for person in on_roll}
            if numbers == before and day not in (date(2026, 9, 1), LAST):
                continue  # nothing has changed, the year groups neither
            before, (tables, validation) = numbers, self._roll(on_roll, day)
            known = known_year_groups(self.year_groups, validation.roll)
            plan = self._planned(day, tables, validation, known)
            self.year_groups = kept_year_groups(known, validation.roll, plan)
            self._apply(day, plan)

    def _roll(self, people: list[Person], day: date) -> tuple[dict[str, pd.DataFrame], Validation]:
        rows = {
            "students": [
                {
                    "person_id": str(person.number),
                    "forename": "Robin",
                    "surname": "Example",
                    "admission_number": f"{person.number:06d}",
                    "year_group": person.year_on(day),
                }
                for person in people
            ],
            "emails": [
                {"person_id": str(person.number), "location": "H", "email_address": f"p{person.number}@example.org"}
                for person in people
            ],
        }
        columns = {operation.table: list(operation.columns.values()) for operation in OPERATIONS}
        tables = owed(
            {name: pd.DataFrame(rows.get(name, []), columns=columns[name]).astype("str") for name in columns}, NUMBER
        )
        return tables, validate(tables)

    def _planned(
        self, day: date, tables: dict[str, pd.DataFrame], validation: Validation, known: dict[str, str]
    ) -> Plan:
        wanted = accounts_as_they_should_be(
            validation.students, tables, effective_date=day, username_policy="admission_number"
        ).accounts
        accounts = account_table(list(self.accounts.values()), STANDARD)
        expected = expected_leavers(self.school.windows_on(day), known)
        plan = make_plan(
            wanted, accounts, validation.roll, validation.roll_emails, PlanOptions(expected_leavers=expected)
        )
        measures = measure(
            plan,
            accounts,
            self.school.limits_on(day),
            extracted=len(validation.roll),
            rejected_now={},
            rejected_before={},
            disabled_recently={
                each for night, gone in self.recently.items() if night > day - timedelta(days=7) for each in gone
            },
        )
        held = reasons_to_hold(plan, measures), reasons_to_hold_departures(plan, measures)
        if any(held):
            self.held[day] = held
        elif plan.for_leavers:
            self.recently[day] = {str(change.account_id) for change in plan.for_leavers if not change.window}
        return plan

    def _apply(self, day: date, plan: Plan) -> None:
        for change in plan.changes:
            if change.account_id is None:
                account = {"id": f"a{change.person_id}", **new_account(str(change.person_id), change.values, STANDARD)}
                self.created[int(str(change.person_id))] = day
            else:
                account = merged(self.accounts[change.account_id], change.values, STANDARD)
            self.accounts[account["id"]] = account

    def active(self) -> set[int]:
        return {int(account["externalId"]) for account in self.accounts.values() if account["active"]}


@pytest.fixture(scope="module")
def summers() -> dict[str, Summer]:
    """Each kind of school after its summer."""
    made = {name: Summer(configured(kind.configuration), list(kind.people())) for name, kind in KINDS.items()}
    for summer in made.values():
        summer.run()
    return made


@pytest.mark.parametrize("name", KINDS)
def test_a_summer_asks_at_most_once_and_no_joiner_is_late_by_a_day(summers: dict[str, Summer], name: str) -> None:
    summer = summers[name]
    assert len(summer.held) == KINDS[name].questions <= 1, summer.held
    for person in summer.people:
        if person.first > FIRST:
            assert summer.created[person.number] == person.first
    assert summer.active() == {person.number for person in summer.people if person.is_on_roll(LAST)}


def test_what_is_held_of_a_unit_is_its_departures_and_of_a_college_its_joiners(summers: dict[str, Summer]) -> None:
    ((whole, departures),) = summers["unit of 40"].held.values()
    assert (whole, len(departures)) == ([], 2), "over both limits"
    ((whole, departures),) = summers["sixth form college of 800"].held.values()
    assert (len(whole), departures) == (1, [])


def test_without_a_word_about_the_year_each_school_asks() -> None:
    kind = KINDS["secondary of 900"]
    summer = Summer(School.model_validate(COMMON), list(kind.people()))
    summer.run()
    assert len(summer.held) == 1


@pytest.mark.parametrize("name", ["secondary of 900", "secondary of 1200 with a sixth form"])
@pytest.mark.parametrize("last", [date(2026, 7, 20), AUGUST, date(2026, 9, 10)])
def test_30_unexpected_leavers_of_year_9_inside_the_window_are_held(name: str, last: date) -> None:
    kind = KINDS[name]
    people = list(kind.people())
    year_9 = [person for person in people if person.year == "9"][:30]
    gone = [Person(person.number, person.year, person.first, last) for person in year_9]
    summer = Summer(configured(kind.configuration), [person for person in people if person not in year_9] + gone)
    summer.run()
    ((day, (whole, departures)),) = summer.held.items()
    assert (day, whole) == (last + timedelta(days=1), [])
    assert any(reason.startswith("30 of ") for reason in departures), departures


def test_the_page_shows_a_configuration_of_each_kind_and_all_are_right() -> None:
    assert set(CONFIGURATIONS) == {"shared", "primary", "infant", "secondary", "sixth form", "unit"}
    assert {kind.configuration for kind in KINDS.values()} == set(CONFIGURATIONS)
    for name in CONFIGURATIONS:
        assert configured(name).expected
