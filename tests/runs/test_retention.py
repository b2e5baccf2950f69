"""Run files past their retention are deleted, and nothing else is (SPEC section 9)."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from sims_sync.runs import store
from sims_sync.runs.retention import Expired, Retention, delete_expired
from sims_sync.runs.stages import RunFiles

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
KEPT = Retention(runs=timedelta(days=30), documents=timedelta(days=7))


@pytest.fixture(params=["a folder", "an object store"])
def school(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "a folder":
        return tmp_path / "green-abbey"
    attach("memory", fs=MemoryFileSystem())
    return ObjectStoragePath(f"memory://{tmp_path.name}/green-abbey")


def write_run(school: Any, name: str, days: float, *, later_stage: float | None = None) -> RunFiles:
    """A run whose `extract` was saved so many days ago."""
    run = school / name
    store.write(run / "extract" / "students.xml.gz", b"raw")
    store.write(run / "extract" / "students.parquet", b"table")
    for stage, age in (("extract", days), ("plan", later_stage)):
        if age is not None:
            store.write(run / f"{stage}.json", store.as_json({"saved_at": (NOW - timedelta(days=age)).isoformat()}))
    return RunFiles(run)


def names(folder: Any) -> set[str]:
    return set(store.names(folder))


@pytest.mark.parametrize(("days", "raw", "tables"), [(6.9, True, True), (7.1, False, True), (29.9, False, True)])
def test_sims_documents_go_after_7_days_and_the_rest_of_a_run_stays(
    school: Any, days: float, raw: bool, tables: bool
) -> None:
    write_run(school, "run-a", days)
    expired = delete_expired(school, KEPT, NOW)
    assert expired == Expired(runs=0, documents=0 if raw else 1)
    assert ("students.xml.gz" in names(school / "run-a" / "extract")) == raw
    assert ("students.parquet" in names(school / "run-a" / "extract")) == tables


def test_a_run_goes_after_30_days_and_the_state_never(school: Any) -> None:
    write_run(school, "old", 30.1)
    write_run(school, "new", 1)
    store.write(school / "state" / "mark.json", store.as_json({"saved_at": "2020-01-01T00:00:00+00:00"}))
    store.write(school / "state" / "extract.json", store.as_json({"saved_at": "2020-01-01T00:00:00+00:00"}))
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1)
    assert names(school) == {"new", "state"}
    assert names(school / "state") == {"mark.json", "extract.json"}


def test_the_newest_thing_that_a_run_saved_counts(school: Any) -> None:
    write_run(school, "waits", 31, later_stage=1)
    assert delete_expired(school, KEPT, NOW) == Expired()
    assert "students.xml.gz" in names(school / "waits" / "extract")


def test_a_dry_run_counts_and_deletes_nothing(school: Any) -> None:
    write_run(school, "old", 31)
    write_run(school, "middle", 8)
    assert delete_expired(school, KEPT, NOW, dry_run=True) == Expired(runs=1, documents=1)
    assert names(school) == {"old", "middle"}
    assert "students.xml.gz" in names(school / "middle" / "extract")


def test_what_is_no_run_stays(school: Any) -> None:
    store.write(school / "notes" / "read-me.txt", b"")
    assert delete_expired(school, KEPT, NOW) == Expired()
    assert names(school) == {"notes"}


def test_a_school_without_files_has_nothing_to_delete(school: Any) -> None:
    assert delete_expired(school, KEPT, NOW) == Expired()


def test_a_run_that_was_broken_off_before_it_saved_anything_goes_by_the_time_of_its_files(tmp_path: Path) -> None:
    document = tmp_path / "broken" / "extract" / "students.xml.gz"
    store.write(document, b"raw")
    long_ago = (NOW - timedelta(days=31)).timestamp()
    for path in (document, document.parent):
        os.utime(path, (long_ago, long_ago))
    assert delete_expired(tmp_path, KEPT, NOW) == Expired(runs=1)
    assert names(tmp_path) == set()


def test_a_link_is_not_followed_out_of_the_store(tmp_path: Path) -> None:
    write_run(tmp_path / "elsewhere", "old", 31)
    (tmp_path / "school").mkdir()
    (tmp_path / "school" / "link").symlink_to(tmp_path / "elsewhere" / "old")
    assert delete_expired(tmp_path / "school", KEPT, NOW) == Expired()
    assert "extract.json" in names(tmp_path / "elsewhere" / "old")


def test_a_run_that_cannot_be_deleted_stops_no_other_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, "first", 31)
    write_run(tmp_path, "second", 31)
    delete = shutil.rmtree

    def refuse_the_first(folder: Path) -> None:
        if folder.name == "first":
            raise PermissionError
        delete(folder)

    monkeypatch.setattr(shutil, "rmtree", refuse_the_first)
    expired = delete_expired(tmp_path, KEPT, NOW)
    assert (expired.kept, names(tmp_path)) == (["first"], {"first"})
