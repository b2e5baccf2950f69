"""The DAG of the retention, run by Airflow."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from sims_sync.runs import store
from sims_sync.runs.store import run_folder, state_folder


@pytest.fixture(scope="module")
def _airflow_database() -> None:
    for command in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([sys.executable, "-m", "airflow", *command], check=True, capture_output=True)


@pytest.mark.usefixtures("_airflow_database")
def test_it_deletes_the_runs_of_all_schools_that_have_files_and_touches_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path))
    for school, days in (("green-abbey", 31), ("green-abbey", 1), ("left-the-configuration", 31)):
        saved_at = datetime.now(UTC) - timedelta(days=days)
        folder: Any = run_folder(tmp_path, school, f"run-{days}")
        store.write(folder / "extract.json", store.as_json({"saved_at": saved_at.isoformat()}))
        state: Any = state_folder(tmp_path, school)
        store.write(state / "mark.json", b"{}")

    def left() -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")}

    before = left()
    dags = Path(__file__).parents[2] / "dags"
    DagBag(dags).dags["sims_sync_retention"].test(run_conf={"dry_run": True})
    assert left() == before
    run = DagBag(dags).dags["sims_sync_retention"].test()
    assert str(run.state) == "success"
    assert left() == {
        "green-abbey/run-1/extract.json",
        "green-abbey/state/mark.json",
        "left-the-configuration/state/mark.json",
    }
