"""A school on loopback: a real SIMS broker, a real directory, and the whole DAG run by Airflow in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from earlier_runs import ran_before
from nights_without_airflow import run_night, run_of
from sandbox.directory import server as directory_server
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database
from sims_sync.config.schools_file import DEFAULT_CONFIG
from sims_sync.store.layout import run_name
from sims_sync.store.opening import open_store

pytest.register_assert_rewrite("hostile_nights")

TODAY = date(2026, 9, 15)
DAG_ID = "sims_student_sync__green-abbey"


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    state: str
    tasks: dict[str, str]
    folder: Path
    report: dict[str, Any] | None

    @property
    def counts(self) -> dict[str, int]:
        """Those of the report that are not zero."""
        assert self.report
        return {name: number for name, number in self.report["counts"].items() if number}

    @property
    def codes(self) -> set[tuple[int | None, str]]:
        """Person ID and code of all errors and warnings."""
        assert self.report
        return {(entry["person_id"], entry["code"]) for entry in self.report["errors"] + self.report["warnings"]}


Night = Callable[..., Ran]
"""Runs the DAG: ``night(effective_date, **parameters)``."""

Configure = Callable[..., None]
"""Sets keys of the school's entry, ``configure(username="email")``; those of earlier calls are forgotten."""


@pytest.fixture(scope="session")
def _airflow_database() -> None:
    for command in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([sys.executable, "-m", "airflow", *command], check=True, capture_output=True)


@pytest.fixture
def sims(tmp_path: Path) -> Database:
    """The school's SIMS; tests say who is on roll."""
    database = Database(tmp_path / "sims.sqlite")
    database.put_school()
    return database


@pytest.fixture
def broker(sims: Database, connect: Callable[..., None]) -> Iterator[sims_server.Broker]:
    """The broker that answers for SIMS."""
    with sims_server.running(sims, username="sync", password="secret") as broker:
        connect("sims_green_abbey", host=broker.url, login="sync", password="secret")
        yield broker
    assert broker.overlaps == 0, "at most one call at a time for a school"


@pytest.fixture
def directory(tmp_path: Path, connect: Callable[..., None]) -> Iterator[directory_server.Running]:
    """The school's directory."""
    with directory_server.running(tmp_path / "directory.sqlite", token="token") as directory:
        connect("directory_green_abbey", host=directory.url, password="token")
        yield directory


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets an Airflow connection of type http."""

    def connect(connection_id: str, **fields: str) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps({"conn_type": "http", **fields}))

    return connect


@pytest.fixture
def configure(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Says how the school is configured; a module says by ``CONFIGURED`` what it has in each of its tests."""
    path, always = tmp_path / "schools.yaml", getattr(request.module, "CONFIGURED", {})
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(path))

    def configure(**keys: Any) -> None:
        whole = yaml.safe_load(DEFAULT_CONFIG.read_text())
        whole["schools"][0].update(always | keys)
        path.write_text(yaml.safe_dump(whole))

    configure()
    return configure


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Runs all stages of a night, without Airflow."""
    store = open_store(tmp_path / "store")
    runs = count(1)

    def night(effective_date: date = TODAY, **parameters: Any) -> Ran:
        run = run_of(store, "green-abbey", f"night_{next(runs)}", effective_date, **parameters)
        went = run_night(run)
        folder = Path(str(run.files.folder))
        return Ran("failed" if went.fault else "success", went.states, folder, _report(folder))

    return night


@pytest.fixture
def with_a_past(tmp_path: Path) -> None:
    """Accounts that are there already are no question."""
    ran_before(open_store(tmp_path / "store"), "green-abbey")


@pytest.fixture
def dag_night(_airflow_database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """Runs the whole DAG, in a database of Airflow's own."""
    store = tmp_path / "store"
    monkeypatch.setenv("SIMS_SYNC_STORE", str(store))

    def night(effective_date: date = TODAY, **parameters: Any) -> Ran:
        dag = DagBag(Path(__file__).parents[2] / "dags").dags[DAG_ID]  # a run's parameters stay in its DAG
        run = dag.test(run_conf={"effective_date": effective_date.isoformat(), **parameters})
        folder = store / "green-abbey" / run_name(run.run_id)
        tasks = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
        return Ran(str(run.state), tasks, folder, _report(folder))

    return night


def _report(folder: Path) -> dict[str, Any] | None:
    path = folder / "report.json"
    return json.loads(path.read_text()) if path.exists() else None
