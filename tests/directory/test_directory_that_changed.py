"""A directory that is not what it was after the last applied run holds the plan, whatever its numbers (SPEC section
7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from odd_directory import OddDirectory
from pupils import Pupil, night, run_night

from csv_nights import counts
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.runs.state import SchoolState

ROLL = tuple(Pupil(str(number)) for number in range(11, 21))


def check_held(school: SchoolWithoutAirflow, odd: OddDirectory, *words: str) -> None:
    """Nobody approves it: nothing is written, and the reason says what has happened. Approved, it goes on."""
    odd.seen.clear()
    told = run_night(school, *ROLL, approved_by=None)
    assert told.reported
    assert told.reported.report.outcome == "held"
    assert odd.writes == []
    notes = " ".join(told.reported.report.notes)
    assert [each for each in words if each not in notes] == []


def goes_through(school: SchoolWithoutAirflow) -> None:
    """With nobody there to approve it."""
    night(school, *ROLL, approved_by=None)


def empty(odd: OddDirectory) -> None:
    odd.users.clear()


def list_nothing(odd: OddDirectory) -> None:
    odd.show = lambda account: None


def list_four(odd: OddDirectory) -> None:
    odd.show = lambda account: account if account["externalId"] < "15" else None


@pytest.mark.parametrize(("change", "left"), [(empty, 0), (list_nothing, 0), (list_four, 4)])
def test_a_list_with_fewer_than_half_of_the_students_holds_and_creates_nobody(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, change: Callable[[OddDirectory], None], left: int
) -> None:
    goes_through(odd_school)
    change(odd)
    check_held(odd_school, odd, f"lists {left} student accounts, and had 10", "was it emptied")
    check_held(odd_school, odd, "was it emptied")


def test_a_list_with_half_of_the_students_is_judged_by_its_numbers(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    goes_through(odd_school)
    odd.users = {name: each for name, each in odd.users.items() if each["externalId"] < "16"}
    told = run_night(odd_school, *ROLL, approved_by=None)
    assert told.reported
    assert not any("emptied" in each for each in told.reported.report.notes)


def test_who_left_is_not_missed_in_a_directory_that_hides_who_is_disabled(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.show = lambda account: account if account["active"] else None
    goes_through(odd_school)
    assert counts(night(odd_school, *ROLL[:4]))["disabled"] == 6, "by Anna's approval"
    assert counts(night(odd_school, *ROLL[:4], approved_by=None)) == {"extracted": 4, "unchanged": 4}


def test_other_settings_of_the_directory_hold_once(odd_school: SchoolWithoutAirflow, odd: OddDirectory) -> None:
    goes_through(odd_school)
    settings = DirectorySettings(attributes={"home_email": 'emails[type eq "other"]'})
    odd_school.school = odd_school.school.model_copy(update={"directory": settings})
    check_held(odd_school, odd, "settings (`directory`) changed", "right directory")
    night(odd_school, *ROLL, approved_by="Anna")
    goes_through(odd_school)


def test_another_address_holds_once_and_another_spelling_of_it_does_not(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    goes_through(odd_school)
    odd_school.directory = odd_school.directory.replace("127.0.0.1", "LOCALHOST")
    check_held(odd_school, odd, "address or its settings", "right directory")
    night(odd_school, *ROLL, approved_by="Anna")
    odd_school.directory = odd_school.directory.replace("LOCALHOST", "localhost")
    goes_through(odd_school)


@pytest.mark.parametrize("approved_by", [None, "Anna"])
def test_a_dry_run_and_a_run_that_was_not_approved_change_nothing_of_what_is_known(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, approved_by: str | None
) -> None:
    goes_through(odd_school)
    state = SchoolState(odd_school.store, odd_school.school.id)
    before = state.applied()
    empty(odd)
    run_night(odd_school, *ROLL, approved_by=approved_by, dry_run=approved_by is not None)
    assert state.applied() == before


def test_an_upgrade_without_what_was_applied_does_not_hold(odd_school: SchoolWithoutAirflow, odd: OddDirectory) -> None:
    """An earlier version kept nothing of the kind: what is not known is not nothing."""
    goes_through(odd_school)
    state = SchoolState(odd_school.store, odd_school.school.id)
    state.folder.remove("applied.json")
    goes_through(odd_school)
    assert state.applied()


def test_writes_that_failed_are_no_applied_run(odd_school: SchoolWithoutAirflow, odd: OddDirectory) -> None:
    state = SchoolState(odd_school.store, odd_school.school.id)
    odd.refuse = lambda method, path, body: (503, {}) if method == "POST" and body["externalId"] == "20" else None
    assert run_night(odd_school, *ROLL, approved_by=None).fault
    assert state.applied() is None
