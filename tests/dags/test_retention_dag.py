"""The DAG of the retention, run by Airflow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from sims_sync.airflow.retention_task import delete_expired
from sims_sync.airflow.retries import FaultRetryPolicy
from sims_sync.model.errors import PermanentFault, SyncError
from sims_sync.store.content import as_json
from sims_sync.store.layout import run_folder, state_folder
from sims_sync.store.local import LocalFolder

DAGS = Path(__file__).parents[2] / "dags"
SCHOOLS = """
defaults: {la: "823", modules: [timetable], username: email, raw_retention_days: 3, retention_days: 20}
schools:
  - {id: green-abbey, name: Green Abbey, estab: "4321"}
  - {id: blue-mill, name: Blue Mill, estab: "4322", raw_retention_days: 60, retention_days: 90}
"""
ALL = {(school, days) for school in ("green-abbey", "blue-mill", "left-us") for days in (1, 10, 40)}
Delete = Callable[..., dict[str, dict[str, int]]]


@pytest.fixture(scope="module")
def _airflow_database() -> None:
    for command in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([sys.executable, "-m", "airflow", *command], check=True, capture_output=True)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "schools.yaml"
    path.write_text(SCHOOLS)
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(path))
    return path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with runs of 1, 10 and 40 days of two schools and of one that left, and the state of each."""
    root = tmp_path / "store"
    monkeypatch.setenv("SIMS_SYNC_STORE", str(root))
    for school, days in ALL:
        saved_at = datetime.now(UTC) - timedelta(days=days)
        folder = run_folder(LocalFolder(root), school, f"run-{days}")
        folder.write("extract/GetXmlStudents.xml.gz", b"raw")
        folder.write("extract.json", as_json({"saved_at": saved_at.isoformat()}))
        state_folder(LocalFolder(root), school).write("mark.json", b"{}")
    return root


@pytest.fixture
def delete(monkeypatch: pytest.MonkeyPatch) -> Delete:
    """Calls what the task does, without Airflow round it."""

    def delete(*, dry_run: bool = False) -> dict[str, dict[str, int]]:
        monkeypatch.setattr(
            "sims_sync.airflow.retention_task.get_current_context", lambda: {"params": {"dry_run": dry_run}}
        )
        result: dict[str, dict[str, int]] = delete_expired.function()
        return result

    return delete


def runs(root: Path) -> set[tuple[str, int]]:
    """The runs that are there, by school and age in days."""
    assert len(list(root.glob("*/state/mark.json"))) == len(list(root.iterdir()))
    return {(path.parent.name, int(path.name.removeprefix("run-"))) for path in root.glob("*/run-*")}


def documents(root: Path) -> set[tuple[str, int]]:
    """The runs whose SIMS documents are there."""
    return {(path.parts[-4], int(path.parts[-3].removeprefix("run-"))) for path in root.glob("*/*/*/*.xml.gz")}


@pytest.mark.usefixtures("_airflow_database", "config")
def test_airflow_runs_it_first_as_a_dry_run_then_for_good(root: Path) -> None:
    def ran(**parameters: Any) -> Any:
        run = DagBag(DAGS).dags["sims_sync_retention"].test(run_conf=parameters)  # a run's parameters stay in its DAG
        assert str(run.state) == "success"
        (instance,) = run.get_task_instances()
        return instance.xcom_pull(task_ids="delete_expired", run_id=run.run_id)

    expected = {
        "blue-mill": {"runs": 0, "documents": 0, "months": 0},
        "green-abbey": {"runs": 1, "documents": 1, "months": 0},
        "left-us": {"runs": 1, "documents": 1, "months": 0},
    }
    assert ran(dry_run=True) == expected
    assert runs(root) == documents(root) == ALL
    assert ran() == expected
    assert runs(root) == ALL - {("green-abbey", 40), ("left-us", 40)}
    assert documents(root) == {("green-abbey", 1), ("left-us", 1), *(each for each in ALL if each[0] == "blue-mill")}


def test_a_store_that_is_not_there_yet_has_nothing_to_delete(
    tmp_path: Path, config: Path, delete: Delete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path / "not-yet"))
    assert delete() == {}


def test_what_cannot_be_deleted_fails_the_task_in_the_end_with_school_run_and_what_to_do(
    root: Path, config: Path, delete: Delete, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "green-abbey" / "run-40" / "extract" / "locked").write_bytes(b"")
    unlink = os.unlink

    def refuse(path: Any, **options: Any) -> None:
        if str(path).endswith("locked"):
            raise PermissionError(path)
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(SyncError, match=r"green-abbey/run-40\. .*the right to delete.*clear this task") as raised:
        delete()
    assert not isinstance(raised.value, PermanentFault), "tried again: a store may be out of reach for a while"
    assert "GetXml" not in str(raised.value)
    assert runs(root) == ALL - {("left-us", 40)}


@pytest.mark.parametrize("days", [0, 3651, 999_999, 10**10, 10**400])
def test_a_period_that_is_none_is_an_error_of_its_school_and_stops_no_other(
    root: Path, config: Path, delete: Delete, days: int
) -> None:
    config.write_text(SCHOOLS.replace("retention_days: 90", f"retention_days: {days}"))
    with pytest.raises(PermanentFault, match=r"Nothing of blue-mill, left-us was deleted.*`retention_days`") as raised:
        delete()
    assert "the right to delete" not in str(raised.value)
    assert runs(root) == ALL - {("green-abbey", 40)}


def test_a_wrong_period_of_the_defaults_stops_only_who_needs_them(root: Path, config: Path, delete: Delete) -> None:
    own = SCHOOLS.replace("retention_days: 20", "retention_days: 10000000000").replace(
        'estab: "4321"', 'estab: "4321", retention_days: 20'
    )
    config.write_text(own)
    with pytest.raises(PermanentFault, match=r"Nothing of left-us was deleted.*`defaults`: key `retention_days`"):
        delete()
    assert runs(root) == ALL - {("green-abbey", 40)}


def test_a_school_whose_entry_is_wrong_keeps_its_files_until_that_is_corrected(
    root: Path, config: Path, delete: Delete
) -> None:
    """Its own periods may be longer than the defaults, and nobody can tell it from one that left."""
    config.write_text(SCHOOLS.replace('estab: "4322"', "estab: 4322"))
    with pytest.raises(PermanentFault, match=r"blue-mill, left-us was.*school blue-mill: key `estab`.*clear this task"):
        delete()
    assert runs(root) == ALL - {("green-abbey", 40)}


@pytest.mark.parametrize("wrong", ["schools: [", "defaults: {retention_days: a month}", "defaults: 5"])
def test_nothing_is_deleted_by_a_configuration_that_cannot_be_read(
    root: Path, config: Path, delete: Delete, wrong: str
) -> None:
    config.write_text(wrong)
    with pytest.raises(PermanentFault, match="No run files were deleted"):
        delete()
    assert runs(root) == documents(root) == ALL


@pytest.fixture
def dag() -> DAG:
    bag = DagBag(DAGS / "sims_sync_retention.py")
    assert bag.import_errors == {}
    return bag.dags["sims_sync_retention"]


def test_it_runs_every_morning_after_the_nightly_runs_one_at_a_time(dag: DAG) -> None:
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == ("30 6 * * *", "Europe/London")
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_it_is_explained_in_the_ui_and_has_retries_and_a_time_out(dag: DAG) -> None:
    (task,) = dag.tasks
    assert task.task_id == "delete_expired"
    assert (task.retries, type(task.retry_policy)) == (3, FaultRetryPolicy)
    assert task.execution_timeout
    assert dag.doc_md
    assert task.doc_md
    assert "sims-sync" in dag.tags
    assert dag.params.get_param("dry_run").description


def test_parsing_it_imports_nothing_heavy() -> None:
    heavy = ("pandas", "pyarrow", "numpy", "zeep", "lxml")
    code = (
        "import airflow.sdk, sys; before = set(sys.modules); import runpy;"
        f"runpy.run_path({str(DAGS / 'sims_sync_retention.py')!r});"
        f"print([name for name in {heavy!r} if name in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip().splitlines()[-1] == "[]"
