"""What is empty though it was not is taken for what it is only once a person has said so (SPEC sections 2 and 7)."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.config.school_entry import School
from sims_sync.night.approval import GATES
from sims_sync.runs.documents import PlanFacts
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.store.opening import open_store

if TYPE_CHECKING:
    from nights_without_airflow import Night

from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker

TODAY = datetime.now(ZoneInfo(GREEN_ABBEY.timezone)).date()
YESTERDAY = TODAY - timedelta(days=1)
PEOPLE = range(101, 106)
"""No more than the floor of every limit."""


@pytest.fixture
def school(tmp_path: Path, sims: Database, broker: Broker, directory: Running) -> SchoolWithoutAirflow:
    """A school of a few students, each of whom has a row in every document, after its first night."""
    for person_id in PEOPLE:
        sims.put_student(
            person_id,
            telephone="01632 960111",
            mobile="07700 900111",
            address={"street": "Mill Lane", "town": "Ambridge"},
        )
        sims.put_sen_provision(person_id, "K", "Support")
        sims.put_free_meal(person_id, date(2020, 9, 1))
    source = Sims(lambda: SimsClient(broker.url, "sync", "secret"), GREEN_ABBEY.la, GREEN_ABBEY.estab)
    school = SchoolWithoutAirflow(open_store(tmp_path / "store"), source, directory.url)
    assert outcome(school.night(YESTERDAY)) == "success"
    directory.requests.clear()
    return school


@pytest.fixture
def emptied(school: SchoolWithoutAirflow, sims: Database) -> SchoolWithoutAirflow:
    """The same, when nobody is on roll any more."""
    for table in ("students", "emails", "telephones", "person_addresses", "sen_provisions", "free_meals"):
        sims.delete(table)
    return school


def outcome(night: Night) -> str:
    assert night.reported
    return night.reported.report.outcome


def reasons(school: SchoolWithoutAirflow) -> tuple[str, ...]:
    """Why the plan of the last night was held."""
    return school.run_of_the_last_night().files.open(PlanFacts).facts.reasons


def counts(night: Night) -> dict[str, int]:
    assert night.reported
    return {name: number for name, number in night.reported.report.counts.items() if number}


def test_a_roll_of_nobody_is_refused_and_says_how_to_allow_it(
    emptied: SchoolWithoutAirflow, directory: Running
) -> None:
    night = emptied.night(TODAY)
    assert night.states["extract"] == "failed"
    assert "allow_empty_roll" in str(night.fault)
    assert directory.writes == 0


def test_allow_empty_roll_takes_nobody_for_what_it_is_once_a_person_has_approved(
    emptied: SchoolWithoutAirflow, directory: Running, broker: Broker
) -> None:
    broker.calls.clear()
    assert outcome(emptied.night(TODAY, allow_empty_roll=True)) == "held"
    assert directory.writes == 0
    assert "allow_empty_roll" in reasons(emptied)[0]
    assert len(broker.calls) == 2, "of nobody nothing more is asked"
    night = emptied.night(TODAY, approved_by="Anna", allow_empty_roll=True)
    assert (outcome(night), counts(night)) == ("success", {"disabled": len(PEOPLE)})
    assert not any(user["active"] for user in directory.users())


def test_further_empty_rolls_succeed_without_a_change_until_a_student_appears(
    emptied: SchoolWithoutAirflow, directory: Running, sims: Database
) -> None:
    emptied.night(TODAY, approved_by="Anna", allow_empty_roll=True)
    by_hand = directory.users()[0]
    directory.put_user({**by_hand, "active": True})
    directory.requests.clear()
    for _ in range(2):
        night = emptied.night(TODAY)
        assert (outcome(night), counts(night)) == ("success", {})
        assert directory.writes == 0, "not even to an account that somebody enabled"
    sims.put_student(101)
    assert outcome(emptied.night(TODAY, approved_by="Anna")) == "success"
    sims.delete("students")
    assert outcome(emptied.night(TODAY)) == "failed", "the school had a student again"


def test_an_empty_roll_whose_leavers_were_not_disabled_was_not_approved(
    emptied: SchoolWithoutAirflow, directory: Running
) -> None:
    emptied.night(TODAY, allow_empty_roll=True)
    emptied.night(TODAY, dry_run=True, allow_empty_roll=True)
    assert outcome(emptied.night(TODAY)) == "failed"
    assert all(user["active"] for user in directory.users())


def test_a_roll_of_nobody_is_held_even_when_nobody_has_an_account(
    tmp_path: Path, sims: Database, broker: Broker, directory: Running
) -> None:
    source = Sims(lambda: SimsClient(broker.url, "sync", "secret"), GREEN_ABBEY.la, GREEN_ABBEY.estab)
    school = SchoolWithoutAirflow(open_store(tmp_path / "store"), source, directory.url)
    assert outcome(school.night(TODAY, allow_empty_roll=True)) == "held"
    assert outcome(school.night(TODAY, approved_by="Anna", allow_empty_roll=True)) == "success"
    assert outcome(school.night(TODAY)) == "success"


def test_allow_empty_roll_is_refused_for_dates_before_today(
    emptied: SchoolWithoutAirflow, broker: Broker, directory: Running
) -> None:
    broker.calls.clear()
    night = emptied.night(YESTERDAY, approved_by="Anna", allow_empty_roll=True)
    assert night.states["extract"] == "failed"
    assert "for the roll of today" in str(night.fault)
    assert broker.calls == []
    assert directory.writes == 0


def test_allow_empty_roll_changes_nothing_where_there_are_students(school: SchoolWithoutAirflow) -> None:
    night = school.night(TODAY, allow_empty_roll=True)
    assert (outcome(night), counts(night)) == ("success", {"extracted": len(PEOPLE), "unchanged": len(PEOPLE)})


EMPTIED = {
    "telephones": ["telephones"],
    "person_addresses": ["addresses"],
    "addresses": ["addresses"],
    "sen_provisions": ["a protected value"],
    "free_meals": ["a protected value"],
    "telephones, sen_provisions, free_meals": ["telephones", "a protected value"],
}


@pytest.mark.parametrize("tables", EMPTIED)
def test_a_document_that_held_rows_of_students_at_the_last_applied_run_and_holds_none_now_holds_the_plan(
    tables: str, school: SchoolWithoutAirflow, sims: Database, directory: Running
) -> None:
    for table in tables.split(", "):
        sims.delete(table)
    assert outcome(school.night(TODAY)) == "held"
    assert directory.writes == 0
    told = [reason for reason in reasons(school) if "sent nothing of" in reason]
    assert [reason.partition("sent nothing of ")[2].partition(" for any")[0] for reason in told] == EMPTIED[tables]
    assert outcome(school.night(TODAY, approved_by="Anna")) == "success"
    assert outcome(school.night(TODAY)) == "success", "what was approved is so from now on"


def test_what_the_school_does_not_want_of_a_document_does_not_empty_it(
    school: SchoolWithoutAirflow, sims: Database
) -> None:
    sims.delete("telephones", {"location": "M"})
    sims.delete("free_meals", {"person_id": 102})
    for person_id in (103, 104, 105):
        sims.delete("free_meals", {"person_id": person_id})
    assert outcome(school.night(TODAY, approved_by="Anna")) == "success"
    withhold = [{"person_id": 101, "attributes": ["free_school_meals"], "reason": "a court order"}]
    keys = {**school.school.model_dump(), "attributes": {"home_telephone": False}, "withhold": withhold}
    school.school = School(**keys)
    assert outcome(school.night(TODAY)) == "success", reasons(school)


def test_of_sen_and_meals_the_question_says_a_protected_value_and_no_number(
    school: SchoolWithoutAirflow, sims: Database
) -> None:
    sims.delete("sen_provisions")
    sims.delete("free_meals")
    school.night(TODAY)
    run = school.run_of_the_last_night()
    gate = GATES["approve"].open(run, run.files.open(PlanFacts).reference)
    asked = gate.question(datetime.now(ZoneInfo("UTC")))
    assert "a protected value" in asked
    assert not [word for word in ("SEN", "meal", "Meal") if word in asked]


def test_without_an_applied_run_it_is_not_known_what_there_was(
    school: SchoolWithoutAirflow, sims: Database, tmp_path: Path
) -> None:
    (tmp_path / "store" / "green-abbey" / "state" / "applied.json").unlink()
    sims.delete("telephones")
    school.night(TODAY)
    assert not [reason for reason in reasons(school) if "sent nothing of" in reason]


def test_a_night_that_wrote_nothing_does_not_count_as_applied(school: SchoolWithoutAirflow, sims: Database) -> None:
    sims.delete("telephones")
    for _ in range(2):
        assert outcome(school.night(TODAY)) == "held"
    school.night(TODAY, dry_run=True)
    school.night(TODAY, only_person_ids=frozenset({"101"}), approved_by="Anna")
    assert outcome(school.night(TODAY)) == "held"


def test_a_document_that_cannot_be_read_is_kept_with_the_run_and_its_row_is_named(
    school: SchoolWithoutAirflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (
        b"<PersonEmails><PersonEmail><PersonID>103</PersonID><Location>&oops;</Location></PersonEmail></PersonEmails>"
    )
    fetch = SimsClient.fetch
    monkeypatch.setattr(
        SimsClient,
        "fetch",
        lambda self, operation, day: document if "Emails" in operation.name else fetch(self, operation, day),
    )
    night = school.night(TODAY)
    assert "in row 1 (PersonID 103)" in str(night.fault)
    assert "extract/GetXmlPersonEmails.xml.gz" in str(night.fault)
    kept = school.run_of_the_last_night().files.folder / "extract"
    assert gzip.decompress(kept.read("GetXmlPersonEmails.xml.gz")) == document


@pytest.fixture
def one_odd_character(sims: Database) -> None:
    """Values with a character that XML forbids, of three people."""
    sims.put_telephone(101, "01632\x1f 960222", location="W")
    sims.put_sen_provision(102, "E", "Sup\x81port")
    sims.put_address(103, street="Mill\x0b Lane", town="Ambridge")


@pytest.mark.usefixtures("one_odd_character")
def test_a_character_that_was_dropped_is_told_of_its_person_and_of_sen_to_editors_alone(
    school: SchoolWithoutAirflow,
) -> None:
    night = school.night(TODAY)
    assert night.reported
    told, to_viewers = (
        sorted(str(entry.person_id) for entry in report.warnings if entry.code == "invalid_character")
        for report in (night.reported.report, night.reported.redacted)
    )
    assert (told, to_viewers) == (["101", "102", "103"], ["101", "103"])
    manifest = json.loads(school.run_of_the_last_night().files.folder.read("validate.json"))
    assert manifest["counts"]["invalid_character"] == 2, "what goes to XCom counts none of SEN"
