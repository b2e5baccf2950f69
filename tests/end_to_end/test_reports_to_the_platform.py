"""The list of a school on its platform is that of its newest whole run; ``report.json`` says for whom a run was (SPEC
sections 5 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night

from sandbox.directory.server import Running
from sandbox.sims.database import Database

MONDAY, TUESDAY, WEDNESDAY = date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16)

pytestmark = pytest.mark.usefixtures("broker", "directory")


@pytest.fixture(autouse=True)
def _three_records_to_fix(sims: Database) -> None:
    for number in range(101, 109):
        sims.put_student(number, surname="" if number in (105, 106, 107) else "Example")


def sent(directory: Running) -> list[tuple[str, int]]:
    """Of each report on the platform its effective date, and how many errors it lists."""
    return [(each["effectiveDate"], len(each["errors"])) for each in directory.reports()]


def test_a_whole_run_that_is_applied_is_sent(directory: Running, night: Night) -> None:
    night(TUESDAY)
    assert sent(directory) == [("2026-09-15", 3)]


@pytest.mark.parametrize(
    ("effective_date", "parameters", "outcome"),
    [
        (TUESDAY, {"only_person_ids": [101]}, "success"),
        (TUESDAY, {"only_person_ids": [105]}, "success"),
        (TUESDAY, {"only_person_ids": [99999]}, "success"),
        (TUESDAY, {"dry_run": True}, "dry_run"),
        (TUESDAY, {"dry_run": True, "only_person_ids": [101]}, "dry_run"),
        (MONDAY, {}, "superseded"),
        (MONDAY, {"only_person_ids": [101]}, "superseded"),
    ],
)
def test_a_run_of_less_than_the_newest_roll_replaces_no_list(
    directory: Running, night: Night, effective_date: date, parameters: dict[str, Any], outcome: str
) -> None:
    night(TUESDAY)
    ran = night(effective_date, **parameters)
    assert ran.report
    assert ran.report["outcome"] == outcome
    assert sent(directory) == [("2026-09-15", 3)]


def test_an_older_roll_that_failed_replaces_no_list(
    directory: Running, night: Night, connect: Callable[..., None]
) -> None:
    night(TUESDAY)
    connect("sims_green_abbey", host="http://127.0.0.1:9/nobody", login="sync", password="secret")
    assert night(MONDAY).state == "failed"
    assert sent(directory) == [("2026-09-15", 3)]


def test_an_older_roll_that_is_allowed_is_sent(directory: Running, night: Night) -> None:
    night(TUESDAY)
    night(MONDAY, allow_older=True)
    assert sorted(sent(directory)) == [("2026-09-14", 3), ("2026-09-15", 3)]


def test_the_report_says_for_whom_a_partial_run_was_and_who_is_on_no_roll(night: Night) -> None:
    report = night(TUESDAY, only_person_ids=[99999, 105, 8]).report
    assert report
    assert (report["partial"], report["only_person_ids"]) == (True, [8, 105, 99999])
    assert report["notes"] == [
        "The run was for some students alone: person 8, person 105, person 99999.",
        "person 8 is on no roll.",
        "person 99999 is on no roll.",
    ]
    assert report["counts"]["extracted"] == 1


def test_a_note_names_twenty_people_at_the_most(night: Night) -> None:
    report = night(TUESDAY, only_person_ids=list(range(5001, 5031))).report
    assert report
    assert report["notes"][0].endswith("person 5020, and 10 more.")
    assert report["notes"][-2:] == ["person 5020 is on no roll.", "10 more are on no roll."]
    assert len(report["only_person_ids"]) == 30


def test_the_report_of_a_whole_run_names_nobody_whom_it_was_for(night: Night) -> None:
    report = night(TUESDAY).report
    assert report
    assert report["notes"] == []
    assert not {"partial", "only_person_ids"} & report.keys()


def test_a_partial_run_that_fails_says_for_whom_it_was(night: Night, connect: Callable[..., None]) -> None:
    connect("sims_green_abbey", host="http://127.0.0.1:9/nobody", login="sync", password="secret")
    report = night(TUESDAY, only_person_ids=[101]).report
    assert report
    assert (report["outcome"], report["only_person_ids"]) == ("failed", [101])
    assert report["notes"] == ["The run was for some students alone: person 101."]


def test_since_when_a_record_fails_is_not_forgotten_by_a_partial_run(night: Night) -> None:
    night(MONDAY)
    night(TUESDAY, only_person_ids=[101])
    report = night(WEDNESDAY).report
    assert report
    assert {error["failing_since"] for error in report["errors"]} == {"2026-09-14"}
