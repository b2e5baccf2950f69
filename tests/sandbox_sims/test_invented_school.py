"""The generator: every case, the nights, the same for the same seed, and quick."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from sandbox.sims.cases import CASES
from sandbox.sims.database import Database
from sandbox.sims.documents import BY_TABLE, DOCUMENTS
from sandbox.sims.generator import Filled, fill
from sandbox.sims.server import running

TODAY = date(2026, 9, 15)
EVE, BEFORE = TODAY - timedelta(days=1), TODAY - timedelta(days=2)


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Filled]:
    database = Database(tmp_path_factory.mktemp("invented") / "sims.sqlite")
    return database, fill(database, students=300, today=TODAY)


def table(database: Database, name: str, day: date = TODAY) -> list[dict[str, Any]]:
    return [dict(zip(BY_TABLE[name].elements, row, strict=True)) for row in database.rows(name, day)]


def roll(database: Database, day: date) -> set[int]:
    return {int(row["person_id"]) for row in table(database, "students", day)}


def of(rows: list[dict[str, Any]], person_id: int) -> list[dict[str, Any]]:
    return [row for row in rows if row["person_id"] is not None and int(row["person_id"]) == person_id]


@pytest.mark.parametrize("students", [50, 300])
def test_every_case_is_there(tmp_path: Path, students: int) -> None:
    filled = fill(tmp_path / "sims.sqlite", students=students, today=TODAY)
    assert {case.name for case in CASES} <= set(filled.cases)
    assert {"leaver_yesterday", "leaver_today"} <= set(filled.cases)


@pytest.mark.parametrize("students", [10, 50, 60, 100, 1000])
def test_the_nights_stay_below_the_default_limits(tmp_path: Path, students: int) -> None:
    database = Database(tmp_path / "sims.sqlite")
    filled = fill(database, students=students, today=TODAY)
    rolls = [roll(database, day) for day in (BEFORE, EVE, TODAY)]
    assert len(rolls[2]) == students
    for old, new in pairwise(rolls):
        assert new - old, "somebody joins"
        left = len(old - new)
        assert left
        assert left <= 0.05 * len(old) or left <= 2
    rejected = {case.name for case in CASES if case.kind == "rejected" or case.name.startswith("newly")}
    broken = {person_id for name in rejected for person_id in filled.cases.get(name, ())}
    assert broken
    assert len(broken) <= 0.2 * students
    if students >= 1000:
        assert len(broken) <= 0.03 * students


def test_a_returner_leaves_and_comes_back(invented: tuple[Database, Filled]) -> None:
    database, filled = invented
    for person_id in filled.cases["returner"]:
        assert [person_id in roll(database, day) for day in (BEFORE, EVE, TODAY)] == [True, False, True]


def test_joiners_and_leavers_come_and_go_on_their_day(invented: tuple[Database, Filled]) -> None:
    database, filled = invented
    for name, there in {
        "joiner_yesterday": [False, True, True],
        "joiner_today": [False, False, True],
        "leaver_yesterday": [True, False, False],
        "leaver_today": [True, True, False],
    }.items():
        for person_id in filled.cases[name]:
            assert [person_id in roll(database, day) for day in (BEFORE, EVE, TODAY)] == there


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("renamed_today", "students"),
        ("newly_no_surname", "students"),
        ("moved_today", "person_addresses"),
        ("new_mobile_today", "telephones"),
        ("telephone_removed_today", "telephones"),
        ("mended_today", "emails"),
        ("newly_no_email", "emails"),
        ("meals_begin_today", "free_meals"),
    ],
)
def test_what_changes_tonight_was_different_yesterday(invented: tuple[Database, Filled], case: str, name: str) -> None:
    database, filled = invented
    for person_id in filled.cases[case]:
        before, eve, today = (of(table(database, name, day), person_id) for day in (BEFORE, EVE, TODAY))
        assert before == eve
        assert eve != today


def test_nothing_else_changes_in_the_nights(invented: tuple[Database, Filled]) -> None:
    database, filled = invented
    shown = {"joiner", "returner", "leaver", "renamed", "newly", "moved", "new", "telephone", "mended", "meals"}
    changed = {
        person_id
        for name, person_ids in filled.cases.items()
        if name.split("_")[0] in shown
        for person_id in person_ids
    }
    for name in ("students", "emails", "telephones", "person_addresses", "free_meals", "sen_provisions"):
        before = Counter(tuple(row.items()) for row in table(database, name, BEFORE))
        today = Counter(tuple(row.items()) for row in table(database, name, TODAY))
        people = {int(dict(row)["person_id"]) for row in (before - today) + (today - before)}
        assert people <= changed


def test_records_are_broken_as_their_case_says(invented: tuple[Database, Filled]) -> None:
    database, filled = invented
    students, emails = table(database, "students"), table(database, "emails")

    def only(case: str) -> int:
        return filled.cases[case][0]

    assert of(students, only("no_surname"))[0]["surname"] == ""
    assert of(students, only("no_forename"))[0]["forename"] is None
    assert len(of(students, only("duplicate_person"))) == 2
    assert of(emails, only("no_email")) == []
    assert {row["location"] for row in of(emails, only("only_other_emails"))} == {"O"}
    assert all("@" not in row["email_address"] for row in of(emails, only("only_invalid_emails")))
    assert all(not row["email_address"].strip() for row in of(emails, only("only_blank_emails")))
    assert of(students, only("no_admission_number"))[0]["enrolment_status"] in "MSG"
    assert of(students, only("spaces_round_values"))[0]["person_id"].startswith(" ")
    with pytest.raises(UnicodeEncodeError):
        of(students, only("name_beyond_latin_1"))[0]["forename"].encode("iso-8859-1")
    assert [row["primary"] for row in of(emails, only("several_primary_emails"))] == ["T", "T"]
    starts = [row["start_date"] for row in of(table(database, "person_addresses"), only("addresses_from_one_day"))]
    assert len(starts) == 2
    assert starts[0] == starts[1]


def test_a_missing_person_id_comes_only_when_asked_for(invented: tuple[Database, Filled], tmp_path: Path) -> None:
    database, _ = invented
    assert all(row["person_id"] for row in table(database, "students"))
    other = Database(tmp_path / "sims.sqlite")
    fill(other, students=20, today=TODAY, missing_person_ids=3)
    assert [row["person_id"] for row in table(other, "students")][-3:] == ["", None, "unknown"]


def test_the_other_documents_hold_people_who_are_not_students(invented: tuple[Database, Filled]) -> None:
    database, _ = invented
    everybody_on_roll = roll(database, TODAY)
    for name in ("person_addresses", "telephones", "emails", "sen_provisions", "free_meals"):
        assert {int(row["person_id"]) for row in table(database, name)} - everybody_on_roll


def test_every_home_has_its_address(invented: tuple[Database, Filled]) -> None:
    database, _ = invented
    addresses = [row["address_id"] for row in table(database, "addresses")]
    assert len(addresses) == len(set(addresses))
    assert {row["address_id"] for row in table(database, "person_addresses")} <= set(addresses)


def test_numbers_and_mail_are_nobodys(invented: tuple[Database, Filled]) -> None:
    database, _ = invented
    drama = re.compile(r"(01632 960|01(13|14|15|17|61) 496 0|020 7946 0|07700 900)\d{3}|\s*")
    assert all(drama.fullmatch(row["number"]) for row in table(database, "telephones"))
    for row in table(database, "emails"):
        assert not row["email_address"].strip() or "example.org" in row["email_address"]


def test_admission_numbers_have_leading_zeros_and_are_unique(invented: tuple[Database, Filled]) -> None:
    database, _ = invented
    numbers = [number for row in table(database, "students") if (number := (row["admission_number"] or "").strip())]
    assert all(re.fullmatch(r"00\d{4}", number) for number in numbers)
    assert len(numbers) == len(set(numbers))


def test_the_roll_reaches_back_over_the_school_year(tmp_path: Path) -> None:
    database = Database(tmp_path / "sims.sqlite")
    fill(database, students=400, today=date(2027, 6, 15))
    rolls = [roll(database, day) for day in (date(2026, 9, 7), date(2027, 1, 15), date(2027, 6, 15))]
    assert all(360 <= len(there) <= 440 for there in rolls)
    assert rolls[0] != rolls[1] != rolls[2]


def stored(path: Path, **arguments: Any) -> dict[str, list[dict[str, Any]]]:
    database = Database(path)
    fill(database, **{"students": 40, "today": TODAY, **arguments})
    return {document.table: list(database.iterate(document.table)) for document in DOCUMENTS}


def test_the_same_seed_is_the_same_school(tmp_path: Path) -> None:
    first = stored(tmp_path / "1", seed=7)
    assert first == stored(tmp_path / "2", seed=7)
    assert first == stored(tmp_path / "1", seed=7), "filling again replaces"
    assert first != stored(tmp_path / "3", seed=8)


@pytest.mark.parametrize("students", [9, 100_001, 0, -1])
def test_a_school_has_10_to_100_000_students(tmp_path: Path, students: int) -> None:
    with pytest.raises(ValueError, match="10 to 100000"):
        fill(tmp_path / "sims.sqlite", students=students, today=TODAY)


@pytest.mark.parametrize("today", [date(2026, 9, 1), date(2026, 9, 3), date(2026, 10, 31), date(2028, 2, 29)])
def test_any_day_of_the_year_can_be_today(tmp_path: Path, today: date) -> None:
    database = Database(tmp_path / "sims.sqlite")
    fill(database, students=100, today=today)
    yesterday, now = roll(database, today - timedelta(days=1)), roll(database, today)
    assert 1 <= len(now - yesterday) <= 4
    assert len(yesterday - now) == 1


def test_a_hundred_students_take_a_second_and_a_large_school_a_few(tmp_path: Path, connect: Callable[..., Any]) -> None:
    started = time.perf_counter()
    fill(tmp_path / "small.sqlite", students=100, today=TODAY)
    assert time.perf_counter() - started < 3
    large = tmp_path / "large.sqlite"
    fill(large, students=5_000, today=TODAY)
    with running(large) as broker:
        service = connect(broker)
        started = time.perf_counter()
        for document in DOCUMENTS:
            operation = getattr(service, document.operation)
            text = operation(effectiveDate=TODAY) if document.dated else operation()
            assert len(etree.fromstring(text.encode("iso-8859-1"))) > 1
        assert time.perf_counter() - started < 5
    assert broker.overlaps == 0
