"""The first run on a directory that has student accounts waits for a person, whatever its numbers (SPEC section 7)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from night_schools import NightSchool

from nights_without_airflow import Night
from sims_sync.model.errors import NotApproved
from sims_sync.night.approval import GATES

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 9, 14) + timedelta(days=day) for day in range(3))
PEOPLE = range(101, 109)


def account(person_id: int | None, number: int, role: str = "student", **values: Any) -> dict[str, Any]:
    key = {} if person_id is None else {"externalId": str(person_id)}
    name = {"givenName": "Robin", "familyName": "Example"}
    return {"userName": f"{number:06d}", "name": name, "roles": [{"value": role}], **key, **values}


@pytest.fixture
def first(school: NightSchool) -> NightSchool:
    """A school of 8 on its first night: 5 have accounts with their Person IDs, 2 have one without, 1 has none; one
    account is a leaver's."""
    school.on_roll((PEOPLE, "9"))
    for person_id in (*PEOPLE[:5], 301):
        school.ask("POST", "/Users", account(person_id, person_id, active=person_id != PEOPLE[0]))
    for person_id in PEOPLE[5:7]:
        school.ask("POST", "/Users", account(None, person_id))
    return school


def why(night: Night) -> str:
    assert isinstance(night.fault, NotApproved)
    return night.fault.message


def notes(night: Night) -> list[str]:
    assert night.reported
    return list(night.reported.report.notes)


def test_the_first_run_on_a_directory_that_has_student_accounts_is_held_and_says_whose_they_seem_to_be(
    first: NightSchool,
) -> None:
    before = first.users()
    reason = why(first.night(MONDAY))
    assert "the directory has 8 student accounts already: 5 of them have the Person ID of a student on roll" in reason
    assert "those of 2 more students seem to be there under another Person ID or under none" in reason
    assert "Is it the right directory?" in reason
    assert first.users() == before


def test_once_approved_and_applied_nobody_is_asked_again(first: NightSchool) -> None:
    assert first.night(MONDAY, approved_by="admin").fault is None
    assert first.night(TUESDAY).fault is None


def test_one_that_is_refused_is_asked_again(first: NightSchool) -> None:
    why(first.night(MONDAY))
    assert "first run" in why(first.night(TUESDAY))


def test_a_dry_run_says_it_and_is_not_held(first: NightSchool) -> None:
    night = first.night(MONDAY, dry_run=True)
    assert night.fault is None
    (note,) = (each for each in notes(night) if "first run" in each)
    assert note.startswith("The plan would be held: ")
    assert "first run" in why(first.night(TUESDAY)), "a dry run is no run that was applied"


def test_one_of_some_students_alone_is_asked_about_the_directory_too_and_its_answer_holds(first: NightSchool) -> None:
    assert "8 student accounts" in why(first.night(MONDAY, only_person_ids=frozenset({"101"})))
    assert first.night(MONDAY, approved_by="admin", only_person_ids=frozenset({"101"})).fault is None
    assert first.night(TUESDAY).fault is None


def test_it_is_one_reason_where_the_mark_is_lost(first: NightSchool) -> None:
    assert first.night(MONDAY, approved_by="admin").fault is None
    for name in ("mark.json", "applied.json"):
        first.run(TUESDAY).state.folder.remove(name)
    reason = why(first.night(TUESDAY))
    assert "The school's mark is gone" in reason
    assert "first run" not in reason


@pytest.mark.parametrize("others", [[], [account(901, 901, "staff"), account(None, 902, "contact")]])
def test_a_directory_without_student_accounts_asks_nobody(school: NightSchool, others: list[dict[str, Any]]) -> None:
    school.on_roll((PEOPLE, "9"))
    for each in others:
        school.ask("POST", "/Users", each)
    assert school.night(MONDAY).fault is None
    assert school.night(TUESDAY).fault is None


def test_who_began_with_one_student_on_an_empty_directory_is_not_asked(school: NightSchool) -> None:
    school.on_roll((PEOPLE, "9"))
    assert school.night(MONDAY, only_person_ids=frozenset({"101"})).fault is None
    assert school.night(TUESDAY).fault is None


def subject(school: NightSchool) -> str:
    """What the last night asks."""
    return GATES["approve"].open(school.run_of_the_last_night(), None).subject


def test_the_question_says_what_is_asked_where_nothing_would_be_changed(school: NightSchool) -> None:
    school.on_roll((PEOPLE, "9"))
    for person_id in PEOPLE:
        school.ask("POST", "/Users", account(None, person_id))
    why(school.night(MONDAY))
    assert subject(school) == "Green Abbey: 8 students to link to their accounts?"


def test_the_question_about_a_plan_that_changes_nothing_counts_nothing(school: NightSchool) -> None:
    school.on_roll((PEOPLE, "9"))
    assert school.night(MONDAY).fault is None
    school.run(TUESDAY).state.folder.remove("mark.json")
    why(school.night(TUESDAY))
    assert subject(school) == "Green Abbey: approve the plan?"
