"""The parameters of a run: what is typed into the trigger form or sent by a program, right or wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from night_schools import NightSchool

from nights_without_airflow import run_night
from sims_sync.config.school_entry import School
from sims_sync.model.person import NUMBER
from sims_sync.night.parameters import RunParameters, read_parameters

RUN_DATE = datetime(2026, 9, 14, 23, 30, tzinfo=UTC)
SCHOOL = School(id="x", name="X", la="823", estab="4321", modules=["timetable"], username="email")
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


def read(**params: Any) -> RunParameters:
    return read_parameters(params, SCHOOL, RUN_DATE, NUMBER)


@pytest.mark.parametrize(
    ("given", "people"),
    [
        (None, None),
        ("", None),
        (" \n ", None),
        ([], None),
        ("2447", {"2447"}),
        ("2447\r\n0101\n\n", {"2447", "101"}),
        (" 2447, 101;5\t6", {"2447", "101", "5", "6"}),
        ([2447, 101], {"2447", "101"}),
        (["2447", " 0101 "], {"2447", "101"}),
    ],
)
def test_person_ids_are_read_from_lines_and_from_lists(given: Any, people: set[str] | None) -> None:
    assert read(only_person_ids=given).only_person_ids == people
    assert read(link_except=given).link_except == (people or set())
    assert read(only_person_ids=given, link_except=given).fault is None


@pytest.mark.parametrize("name", ["only_person_ids", "link_except"])
@pytest.mark.parametrize(
    ("given", "places"),
    [
        ("Ada\n2447", "number 1."),
        ("2447\n-5\n1.5", "number 2, 3."),
        ([2447, None], "number 2."),
        (["x"] * 8, "number 1, 2, 3, 4, 5 and 3 more."),
        ("1" * 19, "number 1."),
    ],
)
def test_what_is_no_person_id_is_told_by_its_place_and_never_quoted(name: str, given: Any, places: str) -> None:
    parameters = read(**{name: given})
    assert parameters.fault
    assert parameters.fault.message == f"Not every entry of the parameter `{name}` is a Person ID: look at {places}"
    assert (parameters.only_person_ids is None) == (name != "only_person_ids"), "such a run is never a whole one"


@pytest.mark.parametrize("given", ["2026-13-45", "tomorrow", 7])
def test_an_effective_date_that_is_none_is_refused(given: Any) -> None:
    assert read(effective_date=given).fault
    assert read(effective_date=given).effective_date == date(2026, 9, 15)


@pytest.mark.parametrize(
    "wrong", [{"effective_date": TOMORROW}, {"effective_date": "soon"}, {"link_except": "x"}, {"only_person_ids": "x"}]
)
def test_a_run_with_a_wrong_parameter_ends_with_one_message_and_a_report(
    school: NightSchool, wrong: dict[str, Any]
) -> None:
    run = replace(school.run(date(2026, 9, 15)), parameters=read(**wrong))
    night = run_night(run)
    assert night.states["extract"] == "failed"
    assert night.reported
    assert night.reported.report.outcome == "failed"
    assert run.parameters.fault
    assert night.reported.report.reason == f"extract: {run.parameters.fault}"
    assert night.reported.report.partial == ("only_person_ids" in wrong)


def test_a_date_after_today_is_fine_for_a_dry_run() -> None:
    assert read(effective_date=TOMORROW, dry_run=True).fault is None
