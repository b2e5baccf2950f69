"""The hand-written school: what is put is what is there, from day to day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from sandbox.sims.database import Database
from sandbox.sims.documents import BY_TABLE

EVE, TODAY = date(2026, 9, 14), date(2026, 9, 15)


def column(school: Database, table: str, name: str, day: date = TODAY) -> list[str | None]:
    place = list(BY_TABLE[table].elements).index(name)
    return [row[place] for row in school.rows(table, day)]


def test_a_student_needs_nothing_but_a_person_id(school: Database) -> None:
    school.put_student(101)
    assert column(school, "students", "admission_number") == ["000101"]
    assert column(school, "emails", "email_address") == ["person-101@example.org"]
    assert column(school, "telephones", "number") == []


def test_a_student_may_have_no_email_and_a_person_id_that_is_none(school: Database) -> None:
    school.put_student(None, email=None)
    school.put_student("x1", email=None)
    assert column(school, "students", "person_id") == [None, "x1"]
    assert column(school, "students", "admission_number") == [None, None]
    assert column(school, "emails", "email_address") == []


def test_a_change_without_a_day_is_as_if_it_had_always_been_so(school: Database) -> None:
    school.put_student(101)
    assert school.change("students", {"person_id": 101}, surname="Moss") == 1
    assert column(school, "students", "surname", date(2020, 1, 1)) == ["Moss"]
    assert school.change("students", {"person_id": 102}, surname="Moss") == 0


def test_a_change_on_a_day_keeps_the_days_before_and_the_place_in_the_document(school: Database) -> None:
    for person_id in (101, 102, 103):
        school.put_student(person_id)
    school.change("students", {"person_id": 102}, on=TODAY, surname="Moss")
    school.change("students", {"person_id": 102}, on=TODAY, surname="Fern")
    school.change("students", {"person_id": 102}, on=date(2026, 9, 20), surname="Kent")
    assert column(school, "students", "surname", EVE) == ["Example", "Example", "Example"]
    assert column(school, "students", "surname", TODAY) == ["Example", "Fern", "Example"]
    assert column(school, "students", "surname", date(2026, 10, 1)) == ["Example", "Kent", "Example"]


def test_two_people_may_live_at_one_address(school: Database) -> None:
    school.put_student(101)
    address_id = school.put_address(101, street="Mill Lane", start_date=date(2020, 1, 1))
    school.put_address(102, address_id=address_id, end_date="nonsense")
    assert column(school, "addresses", "street") == ["Mill Lane"]
    assert column(school, "person_addresses", "address_id") == [str(address_id)] * 2
    assert column(school, "person_addresses", "start_date") == ["2020-01-01T00:00:00", None]


def test_rows_end_and_are_deleted(school: Database) -> None:
    school.put_student(101)
    school.put_student(102)
    school.end("emails", {"person_id": 101}, EVE)
    assert len(school.rows("emails", EVE)) == 2
    assert len(school.rows("emails", TODAY)) == 1
    assert school.delete("students", {"person_id": 101}) == 1
    assert column(school, "students", "person_id", EVE) == ["102"]


def test_a_school_is_loaded_from_json(school: Database) -> None:
    school.load(
        json.loads("""{"students": [{"person_id": 101, "forename": "Ada", "valid_from": "2026-09-15"}],
                       "emails": [{"person_id": 101, "email_address": "ada@example.org", "primary": true}]}""")
    )
    assert school.rows("students", EVE) == []
    assert column(school, "students", "forename") == ["Ada"]
    assert column(school, "emails", "primary") == ["T"]


def test_a_school_is_what_its_file_holds(school: Database) -> None:
    school.put_student(101)
    school.close()
    assert column(Database(school.path), "students", "person_id") == ["101"]


def test_mistakes_say_what_there_is(school: Database, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no column sirname; it has person_id"):
        school.put_student(101, sirname="Moss")
    with pytest.raises(ValueError, match="no table pupils; there are schools"):
        school.put("pupils", person_id=1)
    (tmp_path / "notes.txt").write_text("no database " * 100)
    with pytest.raises(ValueError, match="cannot be opened as an SQLite database"):
        Database(tmp_path / "notes.txt")
    with pytest.raises(LookupError, match="person 999"):
        school.rejoin(999, TODAY)
    assert school.rows("students", TODAY) == []
