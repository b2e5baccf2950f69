"""A school's nights through Airflow's real scheduler, triggered over its REST API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.directory.capabilities import Capabilities
from sandbox.directory.storage import DatabaseStorage
from sandbox.sims.database import Database
from sandbox.stack import Stack
from sims_sync.config.schools_file import DEFAULT_CONFIG
from sims_sync.runs.documents import STAGES
from sims_sync.store.layout import run_name

SCHOOL, DAG_ID = "green-abbey", "sims_student_sync__green-abbey"
TODAY = date(2026, 9, 15)
STUDENTS = 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, schools_config=DEFAULT_CONFIG) as stack:
        stack.start_sandbox(SCHOOL, students=STUDENTS, seed=3, today=TODAY)
        stack.start_airflow(DAG_ID)
        yield stack


@pytest.fixture(scope="module")
def first_report(stack: Stack) -> dict[str, Any]:
    """The report of the night that creates the accounts, as it was before anything was cleared."""
    run = stack.airflow.trigger(DAG_ID, {"effective_date": str(TODAY - timedelta(days=1))}, run_id="first-night")
    assert stack.airflow.wait(DAG_ID, run, 120) == "success"
    return report_of(stack, run)


@pytest.fixture(scope="module")
def second_night(stack: Stack, first_report: dict[str, Any]) -> str:
    """The night after it, which has the newest roll: there are joiners, leavers and changes."""
    run = stack.airflow.trigger(DAG_ID, {"effective_date": str(TODAY)}, run_id="second-night")
    assert stack.airflow.wait(DAG_ID, run, 120) == "success"
    return run


def accounts_of(stack: Stack) -> list[dict[str, Any]]:
    """All accounts, with their versions: a write would be seen."""
    storage = DatabaseStorage(stack.folder / "directory.db", Capabilities().provider())
    try:
        return storage.documents("User")
    finally:
        storage.close()


def folder_of(stack: Stack, run: str) -> Path:
    return stack.store / SCHOOL / run_name(run)


def report_of(stack: Stack, run: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder_of(stack, run) / "report.json").read_text())
    return report


@pytest.mark.timeout(300)
def test_a_night_triggered_over_the_rest_api_ends_with_a_report(first_report: dict[str, Any]) -> None:
    assert first_report["outcome"] == "success"
    assert first_report["effective_date"] == "2026-09-14"
    counts = first_report["counts"]
    assert counts["created"] > STUDENTS * 0.8
    fates = ("created", "updated", "unchanged", "rejected", "failed")
    assert counts["extracted"] == sum(counts[fate] for fate in fates)
    assert 0 < len({error["person_id"] for error in first_report["errors"]}) <= counts["rejected"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("task", STAGES)
def test_clearing_any_task_of_a_finished_run_runs_it_and_those_after_it_again_and_writes_nothing_twice(
    stack: Stack, second_night: str, task: str
) -> None:
    before, accounts = report_of(stack, second_night), accounts_of(stack)
    stack.airflow.clear(DAG_ID, second_night, task)
    assert stack.airflow.wait(DAG_ID, second_night, 120) == "success"
    after = report_of(stack, second_night)
    assert accounts_of(stack) == accounts
    assert after["outcome"] == "success"
    # What was written is unchanged when it is planned again.
    for name in ("extracted", "rejected", "failed"):
        assert after["counts"][name] == before["counts"][name]
    assert after["errors"] == before["errors"]
    assert after["finished_at"] > before["finished_at"]


@pytest.mark.timeout(300)
def test_clearing_a_task_whose_files_are_gone_says_what_to_clear_instead(stack: Stack, second_night: str) -> None:
    run = stack.airflow.trigger(DAG_ID, {"effective_date": str(TODAY), "dry_run": True}, run_id="files-gone")
    assert stack.airflow.wait(DAG_ID, run, 120) == "success"
    shutil.rmtree(folder_of(stack, run) / "transform")
    stack.airflow.clear(DAG_ID, run, "plan")
    assert stack.airflow.wait(DAG_ID, run, 120) == "failed"
    report = report_of(stack, run)
    assert report["outcome"] == "failed"
    assert "Clear the run from `extract`" in report["reason"]
    stack.airflow.clear(DAG_ID, run, "extract")
    assert stack.airflow.wait(DAG_ID, run, 120) == "success"


@pytest.mark.timeout(300)
def test_no_personal_data_in_logs_xcom_rendered_fields_or_the_metadata_database(
    stack: Stack, second_night: str
) -> None:
    sims = Database(stack.folder / "sims.db")
    columns = {
        "students": ("forename", "surname"),
        "emails": ("email_address",),
        "telephones": ("number",),
        "addresses": ("street", "postcode"),
    }
    values = {
        str(row[column]).strip().encode()
        for table, names in columns.items()
        for row in sims.iterate(table)
        for column in names
        if row[column] and len(str(row[column]).strip()) > 4
    }
    sims.close()
    assert len(values) > STUDENTS
    home = Path(stack.environment["AIRFLOW_HOME"])
    files = [path for path in [*home.rglob("*"), *stack.folder.glob("*.log")] if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        leaked = sum(value in content for value in values)
        assert leaked == 0, f"{leaked} values of people stand in {path.relative_to(stack.folder)}"
