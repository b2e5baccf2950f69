"""Of people who are not on roll nothing goes into the tables of a run (SPEC section 9)."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from csv_folder import CsvFolder
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.night.preparing import extract as extract_stage
from sims_sync.runs.documents import ExtractFacts
from sims_sync.sources.source import TABLES, extract, of_those_on_roll, owed
from sims_sync.store.opening import open_store

TODAY = date(2026, 9, 14)
ON_ROLL, TWICE, PARENT, LEAVER = "ada-1", "ben-2", "parent-3", "leaver-4"
PEOPLE = (ON_ROLL, PARENT, TWICE, LEAVER)


def rows_of(people: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    """A row of each person in each table, in this order; of those of two people the first lives with a student."""
    lives_at = {ON_ROLL: "A1", PARENT: "A1", TWICE: " A2 ", LEAVER: "A3"}
    return {
        "students": [
            {"person_id": person, "forename": "Robin", "surname": "Example", "admission_number": "1"}
            for person in (ON_ROLL, TWICE, TWICE)
        ],
        "addresses": [{"address_id": each, "street": f"Street of {each}"} for each in ("A1", "A2", "A3", "A4")],
        "person_addresses": [{"person_id": each, "address_id": lives_at[each], "address_type": "H"} for each in people],
        "telephones": [{"person_id": each, "number": f"020 {each}", "location": "H"} for each in people],
        "emails": [{"person_id": each, "email_address": f"{each}@example.org", "location": "H"} for each in people],
        "sen_provisions": [{"person_id": each, "provision_type": "K"} for each in people],
        "free_meals": [{"person_id": each, "start_date": "2026-09-01"} for each in people],
    }


@pytest.fixture
def folder(tmp_path: Path) -> CsvFolder:
    folder = CsvFolder(tmp_path / "roll")
    folder.folder.mkdir()
    for table, rows in rows_of(PEOPLE).items():
        folder.write(table, rows)
    return folder


@pytest.mark.parametrize("table", [name for name in TABLES if "person_id" in TABLES[name].columns])
def test_a_table_keeps_the_rows_of_those_on_roll_in_their_order(folder: CsvFolder, table: str) -> None:
    kept = extract(folder, TODAY).tables[table]
    expected = [ON_ROLL, TWICE, TWICE] if table == "students" else [ON_ROLL, TWICE]
    assert kept["person_id"].tolist() == expected
    assert kept.index.tolist() == list(range(len(kept)))
    assert list(kept.columns) == list(TABLES[table].columns)


def test_an_address_is_kept_when_it_is_that_of_somebody_on_roll(folder: CsvFolder) -> None:
    assert extract(folder, TODAY).tables["addresses"]["address_id"].tolist() == ["A1", "A2"]


def test_rows_that_nobody_can_be_found_for_are_left_out_and_a_student_without_a_key_stays(folder: CsvFolder) -> None:
    tables = {name: pd.DataFrame(rows_of(PEOPLE)[name], columns=list(TABLES[name].columns)) for name in TABLES}
    tables["students"].loc[2, "person_id"] = None
    tables["telephones"].loc[0, "person_id"] = None
    tables["addresses"].loc[0, "address_id"] = None
    kept = of_those_on_roll(owed(tables, folder.key))
    assert kept["students"]["person_id"].isna().tolist() == [False, False, True]
    assert kept["telephones"]["person_id"].tolist() == [TWICE]
    assert kept["addresses"]["address_id"].tolist() == ["A2"]


def test_a_roll_that_holds_nobody_else_is_kept_whole(folder: CsvFolder) -> None:
    for table, rows in rows_of((ON_ROLL, TWICE)).items():
        if table != "addresses":
            folder.write(table, rows)
    folder.write("addresses", rows_of(())["addresses"][:2])
    extracted = extract(folder, TODAY)
    assert extracted.left_out == {}
    assert {name: len(table) for name, table in extracted.tables.items()} == {
        **dict.fromkeys(TABLES, 2), "students": 3,
    }  # fmt: skip


def test_how_many_rows_were_left_out_is_told_without_whose_and_without_those_of_sen_and_meals(
    folder: CsvFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run = SchoolWithoutAirflow(open_store(tmp_path / "store"), folder, directory="").run(TODAY)
    told = extract_stage(run)
    assert told.counts["left_out"] == 8
    assert "8 rows of people who are not on roll were left out" in caplog.text
    assert not any(person in caplog.text for person in PEOPLE)
    saved = run.files.open(ExtractFacts)
    kept = {person for name in TABLES if "person_id" in saved.table(name) for person in saved.table(name)["person_id"]}
    assert kept == {ON_ROLL, TWICE}
