"""The days of a school's year that decide whether it trusts the sync, in Airflow's real scheduler: each with its right
ending (SPEC sections 2, 5, 6 and 7). The change of MIS has a module of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from scheduled import School, scheduled_schools
from sims_sync.model.attributes import EXTENSION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PEOPLE = range(101, 116)
SUPPORTED, WITH_MEALS = PEOPLE[:5], PEOPLE[5:10]
NAME = {"forename": "Zebedee", "surname": "Quillfeather"}
LONG_AGO = date(2020, 9, 1)
SCHOOLS: dict[str, dict[str, Any]] = {
    "has-accounts": {},
    "emptied": {},
    "unit": {},
    "siblings": {"username": "email"},
    "odd-characters": {},
    "odd-documents": {},
    "september": {},
}


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, School]]:
    """A school for each such day, with the roll of the night before it."""
    with scheduled_schools(tmp_path_factory.mktemp("schools"), SCHOOLS) as schools:
        schools["has-accounts"].enrol(PEOPLE, **NAME)
        for person_id in PEOPLE:
            schools["has-accounts"].directory.put_user(
                {
                    "userName": f"{person_id:06d}",
                    "name": {"givenName": NAME["forename"], "familyName": NAME["surname"]},
                    "roles": [{"value": "student"}],
                    "active": True,
                }
            )
        schools["emptied"].enrol(PEOPLE)
        for person_id in SUPPORTED:
            schools["emptied"].sims.put_sen_provision(person_id, "K", "SEN support", start_date=LONG_AGO)
        for person_id in WITH_MEALS:
            schools["emptied"].sims.put_free_meal(person_id, LONG_AGO)
        schools["unit"].enrol(PEOPLE)
        schools["siblings"].enrol(PEOPLE[:2], email="family@example.org")
        schools["siblings"].enrol(PEOPLE[2:])
        enrol_odd_ones(schools["odd-characters"])
        schools["odd-documents"].enrol(PEOPLE, telephone="01632 960101")
        schools["odd-documents"].sims.put_free_meal(PEOPLE[0], LONG_AGO, "0001-01-01T00:00:00")
        schools["september"].enrol(PEOPLE)
        yield schools


def enrol_odd_ones(school: School) -> None:
    school.enrol([101], surname="O\x92Brien")
    school.enrol([102], surname="Bronte\u0308")
    school.enrol([103], forename="Ada\u200b")
    school.enrol([104], surname="Exam\x81ple")
    school.enrol([105], forename="\u200b")


def codes(school: School, run_id: str) -> set[tuple[int, str]]:
    report = school.report(run_id)
    return {(entry["person_id"], entry["code"]) for entry in (*report["errors"], *report["warnings"])}


def has_nothing_to_write(school: School, run_id: str) -> None:
    school.directory.requests.clear()
    assert school.night(run_id) == "success"
    assert school.directory.writes == 0


def test_the_first_night_on_existing_accounts_makes_no_duplicates_and_links_them_when_a_person_says_so(
    schools: dict[str, School],
) -> None:
    school = schools["has-accounts"]
    school.trigger("first")
    asked = school.question("first")
    assert asked["subject"] == "School has-accounts: 15 students to link to their accounts?"
    assert "the directory has 15 student accounts already: 0 of them have the Person ID" in asked["body"]
    assert "15 students have an account without a Person ID, as before the first run on a directory" in asked["body"]
    school.answer("first", "Reject")
    assert school.wait("first") == "failed"
    assert school.directory.writes == 0

    school.trigger("linking", link_accounts="likely")
    assert "15 accounts would be linked to students: 15 likely." in school.question("linking")["body"]
    school.answer("linking", "Approve")
    assert school.wait("linking") == "success"
    assert school.counts("linking") == {"extracted": 15, "updated": 15}
    assert school.active() == {*PEOPLE}
    has_nothing_to_write(school, "the-night-after")


def test_a_night_on_which_the_documents_of_sen_and_meals_came_empty_is_held_and_clears_nothing(
    schools: dict[str, School],
) -> None:
    school = schools["emptied"]
    assert school.night("first") == "success"
    for document in ("sen_provisions", "free_meals"):
        school.sims.delete(document)
    school.directory.requests.clear()
    school.trigger("tonight")
    asked = school.question("tonight")["body"]
    assert "SIMS sent nothing of a protected value for any student" in asked
    assert "meals" not in asked
    school.answer("tonight", "Reject")
    assert school.wait("tonight") == "failed"
    assert school.report("tonight")["outcome"] == "held"
    assert school.directory.writes == 0
    accounts = school.accounts()
    assert {person for person, user in accounts.items() if user[EXTENSION].get("senInformation")} == {*SUPPORTED}
    assert {person for person, user in accounts.items() if user[EXTENSION].get("freeSchoolMeals")} == {*WITH_MEALS}


def test_a_unit_with_nobody_on_roll_is_refused_until_a_person_says_that_it_is_so(schools: dict[str, School]) -> None:
    school = schools["unit"]
    assert school.night("first") == "success"
    school.sims.delete("students")
    assert school.night("july") == "failed"
    assert school.active() == {*PEOPLE}

    school.trigger("closed", allow_empty_roll=True)
    assert "`allow_empty_roll` takes that for what it is" in school.question("closed")["body"]
    school.answer("closed", "Approve all")
    assert school.wait("closed") == "success"
    assert school.counts("closed") == {"disabled": 15}
    assert school.active() == set()
    has_nothing_to_write(school, "august")


def test_siblings_with_one_address_are_told_by_the_dry_run_as_by_the_real_one(schools: dict[str, School]) -> None:
    school = schools["siblings"]
    assert school.night("first", dry_run=True) == "success"
    assert school.night("tonight") == "success"
    assert school.counts("first") == school.counts("tonight") == {"extracted": 15, "created": 13, "rejected": 2}
    assert codes(school, "first") == codes(school, "tonight") == {(each, "user_name_clash") for each in PEOPLE[:2]}
    assert school.active() == {*PEOPLE[2:]}


def test_odd_characters_are_read_for_what_they_are_and_stop_no_school(schools: dict[str, School]) -> None:
    school = schools["odd-characters"]
    assert school.night("first") == "success"
    assert codes(school, "first") == {(104, "invalid_character"), (105, "no_forename")}
    names = {person: user["name"] for person, user in school.accounts().items()}
    assert {person: name["familyName"] for person, name in names.items() if person != 103} == {
        101: "O\u2019Brien",
        102: "Bront\u00eb",
        104: "Example",
    }
    assert names[103]["givenName"] == "Ada"
    has_nothing_to_write(school, "the-night-after")


def test_a_document_without_an_element_that_must_be_there_stops_the_night_and_names_it(
    schools: dict[str, School],
) -> None:
    school = schools["odd-documents"]
    assert school.night("first") == "success"
    assert school.accounts()[PEOPLE[0]][EXTENSION]["freeSchoolMeals"] is True, "0001-01-01 is no end"
    school.directory.requests.clear()
    for table, column, element in (("telephones", "number", "Number"), ("students", "person_id", "PersonID")):
        school.sims.change(table, {}, **{column: ""})
        assert school.night(f"without-{element}") == "failed"
        reason = school.report(f"without-{element}")["reason"]
        assert f"`{element}`" in reason
        assert "`sims.names`" in reason
    assert school.directory.writes == 0
    assert school.active() == {*PEOPLE}


def test_in_september_joiners_have_their_accounts_while_the_leavers_wait_for_an_answer(
    schools: dict[str, School],
) -> None:
    school, joiners = schools["september"], range(201, 204)
    assert school.night("july") == "success"
    for person_id in PEOPLE[:7]:
        school.sims.delete("students", {"person_id": person_id})
    school.enrol(joiners)
    school.trigger("september")
    school.question("september", "approve_leavers")
    assert school.active() == {*PEOPLE, *joiners}
    school.answer("september", "Reject", "approve_leavers")
    assert school.wait("september") == "failed"
    assert school.active() == {*PEOPLE, *joiners}
