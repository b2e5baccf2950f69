"""``airflow dags test``: the whole DAG of a school in one process, as an engineer tries it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.models.serialized_dag import SerializedDagModel

from sandbox.directory.server import Running
from sandbox.sims.database import Database

DAG_ID = "sims_student_sync__green-abbey"

pytestmark = pytest.mark.usefixtures("_airflow_database", "broker")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def _dags_test(store: Path, **parameters: Any) -> dict[str, Any]:
    """The report of a run that must end well."""
    command = [sys.executable, "-m", "airflow", "dags", "test", DAG_ID, "--conf", json.dumps(parameters)]
    ran = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode == 0, ran.stdout
    assert "Traceback" not in ran.stdout
    (report,) = store.glob("green-abbey/*/report.json")
    read: dict[str, Any] = json.loads(report.read_text())
    return read


def test_it_is_a_real_run_and_ends_well(sims: Database, directory: Running, store: Path) -> None:
    for person_id in (101, 102, 103):
        sims.put_student(person_id)
    report = _dags_test(store)
    assert (report["outcome"], report["counts"]["created"]) == ("success", 3)
    assert {user["externalId"] for user in directory.users()} == {"101", "102", "103"}
    serialized = SerializedDagModel.get_dag(DAG_ID)
    assert serialized
    assert serialized.deadline, "the scheduler's runs keep theirs"


def test_with_dry_run_it_writes_nothing(sims: Database, directory: Running, store: Path) -> None:
    sims.put_student(101)
    report = _dags_test(store, dry_run=True)
    assert (report["outcome"], report["counts"]["extracted"]) == ("dry_run", 1)
    assert directory.writes == 0
    assert directory.users() == []
