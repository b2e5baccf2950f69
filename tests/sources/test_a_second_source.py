"""What a source owes the rules is enough: students of a folder of CSV files, with GUIDs as keys, become accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from csv_folder import CsvFolder
from sandbox.directory import server
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.errors import RollRefused
from sims_sync.store.opening import open_store

MONDAY, TUESDAY, WEDNESDAY = date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16)
ADA, BEA, CY = (
    "0b7c0f6e-3f0a-4f0e-9d51-6a1f2f6f0a01",
    "0B7C0F6E-3F0A-4F0E-9D51-6A1F2F6F0A02",
    "00000000-0000-0000-0000-000000000003",
)


def student(key: str, number: str, **values: str) -> dict[str, str]:
    return {"person_id": key, "forename": "Robin", "surname": "Example", "admission_number": number, **values}


def email(key: str, address: str) -> dict[str, str]:
    return {"person_id": key, "email_id": "1", "location": "H", "email_address": address, "primary": "T"}


@pytest.fixture
def folder(tmp_path: Path) -> CsvFolder:
    folder = CsvFolder(tmp_path / "roll")
    folder.folder.mkdir()
    folder.write("students", [student(ADA, "001"), student(BEA, "002"), student(CY, "003", surname="")])
    folder.write("emails", [email(each, f"{number}@example.org") for number, each in enumerate((ADA, BEA, CY))])
    return folder


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[server.Running]:
    with server.running(tmp_path / "directory.sqlite", token="token") as running:
        yield running


@pytest.fixture
def school(folder: CsvFolder, directory: server.Running, tmp_path: Path) -> SchoolWithoutAirflow:
    return SchoolWithoutAirflow(open_store(tmp_path / "store"), folder, directory.url)


def test_its_students_are_validated_planned_and_loaded_under_their_own_keys(
    school: SchoolWithoutAirflow, directory: server.Running
) -> None:
    night = school.night(MONDAY)
    assert night.fault is None
    assert night.reported
    assert {key: number for key, number in night.reported.report.counts.items() if number} == {
        "extracted": 3, "created": 2, "rejected": 1,
    }  # fmt: skip
    assert [(each.person_id, each.code) for each in night.reported.report.errors] == [(CY, "no_surname")]
    assert {user["externalId"]: user["userName"] for user in directory.users()} == {ADA: "001", BEA: "002"}


def test_a_night_without_changes_writes_nothing_and_a_leaver_is_disabled(
    school: SchoolWithoutAirflow, folder: CsvFolder, directory: server.Running
) -> None:
    school.night(MONDAY)
    directory.requests.clear()
    school.night(TUESDAY)
    assert directory.writes == 0
    folder.write("students", [student(ADA, "001", surname="Newer")])
    school.night(WEDNESDAY, approved_by="Anna")
    accounts = {user["externalId"]: user for user in directory.users()}
    assert accounts[ADA]["name"]["familyName"] == "Newer"
    assert (accounts[ADA]["active"], accounts[BEA]["active"]) == (True, False)


def test_what_it_cannot_know_is_neither_written_nor_cleared(
    school: SchoolWithoutAirflow, folder: CsvFolder, directory: server.Running
) -> None:
    school.night(MONDAY)
    ada = next(user for user in directory.users() if user["externalId"] == ADA)
    assert folder.cannot_know
    assert not {"dateOfBirth", "gender", "freeSchoolMeals", "senInformation"} & set(ada[EXTENSION])
    kept = {"dateOfBirth": "2014-05-06", "freeSchoolMeals": True, "senInformation": [{"value": "K"}]}
    directory.put_user({**ada, EXTENSION: {**ada[EXTENSION], **kept}})
    directory.requests.clear()
    school.night(TUESDAY)
    assert directory.writes == 0
    ada = next(user for user in directory.users() if user["externalId"] == ADA)
    assert kept.items() <= ada[EXTENSION].items()


def test_what_holds_of_any_roll_holds_of_its_own(school: SchoolWithoutAirflow, folder: CsvFolder) -> None:
    folder.write("students", [])
    night = school.night(MONDAY)
    assert isinstance(night.fault, RollRefused)
    assert "The folder sent no student" in night.fault.message
