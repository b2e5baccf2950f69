"""Run files past their retention are deleted, and nothing else is (SPEC section 9)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from airflow.sdk import ObjectStoragePath

from invented_facts import EXTRACTED
from object_store import Objects, object_store
from sims_sync.runs.documents import ExtractFacts
from sims_sync.runs.files import RunFiles
from sims_sync.runs.retention import WHOLE_SCHOOL, Expired, Retention, delete_expired, school_ids
from sims_sync.store.content import as_json
from sims_sync.store.folder import Folder
from sims_sync.store.local import LocalFolder
from sims_sync.store.opening import open_store

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
KEPT = Retention(runs=timedelta(days=30), documents=timedelta(days=7))
RAW = "GetXmlStudents.xml.gz"
LEFT_ASIDE = f".{RAW}.0123456789abcdef"


@pytest.fixture(params=["a folder", "an object store"])
def school(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return (LocalFolder(tmp_path) if request.param == "a folder" else object_store(tmp_path)) / "green-abbey"


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def write_run(school: Folder, name: str, **days: float) -> Folder:
    """A run with a raw document, a table, and manifests and a report that were saved so many days ago."""
    run = school / name
    (run / "extract").write(RAW, b"raw")
    (run / "extract").write("students.parquet", b"table")
    for stage, age in days.items():
        key = "finished_at" if stage == "report" else "saved_at"
        run.write(f"{stage}.json", as_json({key: ago(age)}))
    return run


def age_files(folder: Path, days: float) -> None:
    then = (NOW - timedelta(days=days)).timestamp()
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (then, then))


def names(folder: Folder) -> set[str]:
    return set(folder.names())


@pytest.mark.parametrize(("days", "documents"), [(6.9, 0), (7.1, 1), (29.9, 1)])
def test_sims_documents_go_after_7_days_and_the_rest_of_a_run_stays(
    school: Folder, days: float, documents: int
) -> None:
    run = write_run(school, "run-a", extract=days)
    assert delete_expired(school, KEPT, NOW) == Expired(documents=documents)
    assert names(run / "extract") == {"students.parquet"} | ({RAW} if not documents else set())
    assert names(run) == {"extract", "extract.json"}


def test_a_run_goes_after_30_days_and_the_state_never(school: Folder) -> None:
    write_run(school, "old", extract=30.1)
    write_run(school, "new", extract=1)
    write_run(school, "state", extract=4000)
    (school / "state").write("mark.json", as_json({"saved_at": ago(4000)}))
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1)
    assert names(school) == {"new", "state"}
    assert names(school / "state") == {"mark.json", "extract.json", "extract"}
    assert names(school / "state" / "extract") == {RAW, "students.parquet"}


def test_the_schools_own_periods_count(school: Folder) -> None:
    write_run(school, "run-a", extract=40)
    write_run(school, "run-b", extract=100)
    own = Retention(runs=timedelta(days=90), documents=timedelta(days=60))
    assert delete_expired(school, own, NOW) == Expired(runs=1)
    assert names(school / "run-a" / "extract") == {RAW, "students.parquet"}


@pytest.mark.parametrize("stage", ["plan", "report"])
def test_a_run_is_as_old_as_the_newest_thing_it_saved(school: Folder, stage: str) -> None:
    """One that waits for an approval loses nothing."""
    run = write_run(school, "waits", extract=31, **{stage: 1})
    assert delete_expired(school, KEPT, NOW) == Expired()
    assert names(run / "extract") == {RAW, "students.parquet"}


def test_a_manifest_that_does_not_tell_a_time_is_passed_over(school: Folder) -> None:
    run = write_run(school, "run-a", extract=31)
    for stage, content in {
        "validate": b'{"saved_at": "yesterday"}',
        "transform": b'{"saved_at": 5}',
        "plan": b"[]",
        "load": b"",
    }.items():
        run.write(f"{stage}.json", content)
    write_run(school, "run-b", extract=31)
    (school / "run-b").write("plan.json", b'{"saved_at": "2026-11-23T06:30:00"}')
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1)
    assert names(school) == {"run-b"}


def test_a_run_whose_sims_documents_are_gone_is_still_found_and_read(school: Folder) -> None:
    files = RunFiles(school / "run-a")
    reference = files.save(EXTRACTED, {RAW: b"raw", "students": pd.DataFrame({"person_id": [1]})}, counts={})
    assert delete_expired(school, KEPT, datetime.now(UTC) + timedelta(days=8)) == Expired(documents=1)
    found = files.read().output(ExtractFacts)
    assert found
    assert found.table("students")["person_id"].tolist() == [1]
    assert files.open(ExtractFacts, reference).table("students")["person_id"].tolist() == [1]


def test_a_document_that_a_killed_task_left_half_written_goes_with_the_others(school: Folder) -> None:
    run = write_run(school, "run-a", extract=8)
    (run / "extract").write(LEFT_ASIDE, b"ra")
    assert delete_expired(school, KEPT, NOW) == Expired(documents=2)
    assert names(run / "extract") == {"students.parquet"}


def test_a_dry_run_counts_and_deletes_nothing(school: Folder) -> None:
    write_run(school, "old", extract=31)
    write_run(school, "middle", extract=8)
    assert delete_expired(school, KEPT, NOW, dry_run=True) == Expired(runs=1, documents=1)
    assert names(school) == {"old", "middle"}
    assert names(school / "middle" / "extract") == {RAW, "students.parquet"}


def test_deleting_again_deletes_nothing(school: Folder) -> None:
    write_run(school, "old", extract=31)
    write_run(school, "middle", extract=8)
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1, documents=1)
    assert delete_expired(school, KEPT, NOW) == Expired()


def test_what_is_no_run_stays(school: Folder) -> None:
    then = as_json({"saved_at": ago(4000)})
    for path in ("notes.txt", "notes/plan.docx", "notes/report/extract.json", ".snapshot/extract.json"):
        school.write(path, then)
    write_run(school, "old", extract=31)
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1)
    assert names(school) == {"notes.txt", "notes", ".snapshot"}
    assert names(school / "notes") == {"plan.docx", "report"}


def test_a_school_without_files_has_nothing_to_delete(school: Folder) -> None:
    assert delete_expired(school, KEPT, NOW) == Expired()


def test_a_run_that_was_broken_off_before_it_saved_anything_goes_by_the_time_of_its_files(school: Folder) -> None:
    now = datetime.now(UTC)
    school.write(f"broken/extract/{RAW}", b"raw")
    assert delete_expired(school, KEPT, now + timedelta(days=6)) == Expired()
    assert delete_expired(school, KEPT, now + timedelta(days=8)) == Expired(documents=1)
    school.write("broken/extract/students.parquet", b"table")
    assert delete_expired(school, KEPT, now + timedelta(days=31)) == Expired(runs=1)
    assert names(school) == set()


class WithoutTimes(Objects):
    """A store that does not tell when a file was written."""

    def modified(self, path: str) -> datetime:
        raise NotImplementedError


def test_such_a_run_stays_where_the_store_tells_no_times(tmp_path: Path) -> None:
    school = object_store(tmp_path, WithoutTimes()) / "green-abbey"
    school.write(f"broken/extract/{RAW}", b"raw")
    assert delete_expired(school, KEPT, datetime.now(UTC) + timedelta(days=4000)) == Expired()
    assert names(school / "broken" / "extract") == {RAW}


def test_an_old_run_that_is_being_run_again_keeps_its_files(tmp_path: Path) -> None:
    school = LocalFolder(tmp_path)
    run = write_run(school, "again", extract=31)
    age_files(tmp_path / "again", 31)
    RunFiles(run).begin("extract")
    assert delete_expired(school, KEPT, datetime.now(UTC)) == Expired()
    assert names(run / "extract") == {RAW, "students.parquet"}


@pytest.mark.parametrize("link", ["school/run-a", "school", "school/run-a/extract"])
@pytest.mark.parametrize("as_object_store", [False, True])
def test_a_link_is_not_followed_out_of_the_store(tmp_path: Path, link: str, as_object_store: bool) -> None:
    """A link in a run's folder goes with that folder; what it leads to stays."""
    elsewhere = LocalFolder(tmp_path / "elsewhere")
    write_run(elsewhere / "school", "run-a", extract=31)
    place = tmp_path / "store" / link
    if link.endswith("extract"):
        LocalFolder(place.parent).write("extract.json", as_json({"saved_at": ago(8)}))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(tmp_path / "elsewhere" / link)
    path = tmp_path / "store"
    root = open_store(ObjectStoragePath(f"file://{path}") if as_object_store else path)
    assert delete_expired(root / "school", KEPT, NOW) == Expired()
    assert school_ids(root) == ([] if link == "school" else ["school"])
    expired = delete_expired(root / "school", KEPT, NOW + timedelta(days=30))
    assert expired == Expired(runs=1 if link.endswith("extract") else 0)
    assert names(elsewhere / "school" / "run-a") == {"extract", "extract.json"}
    assert names(elsewhere / "school" / "run-a" / "extract") == {RAW, "students.parquet"}


class Refuses(Objects):
    """A store that refuses in its own words to delete what is "locked" by name, and to list what is "unlisted"."""

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        if "locked" in str(path):
            raise RuntimeError("AccessDenied")
        super().rm(path, recursive, maxdepth)

    def find(self, path: str, **options: Any) -> Any:
        if "unlisted" in path:
            raise RuntimeError("AccessDenied")
        return super().find(path, **options)


def test_a_run_that_cannot_be_deleted_stops_no_other_and_is_named(tmp_path: Path) -> None:
    school = object_store(tmp_path, Refuses()) / "green-abbey"
    for name in ("first", "locked", "second"):
        write_run(school, name, extract=31)
    write_run(school, "locked-too", extract=8)
    assert delete_expired(school, KEPT, NOW) == Expired(runs=2, kept=["locked", "locked-too"])
    assert names(school) == {"locked", "locked-too"}
    assert "extract.json" in names(school / "locked"), "it tells its age to the next try"


def test_a_school_whose_folder_cannot_be_listed_is_named(tmp_path: Path) -> None:
    school = object_store(tmp_path, Refuses()) / "unlisted"
    write_run(school, "run-a", extract=31)
    assert delete_expired(school, KEPT, NOW) == Expired(kept=[WHOLE_SCHOOL])


def test_on_a_file_system_what_can_be_deleted_is_and_the_rest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = LocalFolder(tmp_path)
    write_run(school, "run-a", extract=31)
    unlink = os.unlink  # root may delete everything, so the system itself must refuse

    def refuse_tables(path: Any, **options: Any) -> None:
        if str(path).endswith("students.parquet"):
            raise PermissionError(path)
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse_tables)
    assert delete_expired(school, KEPT, NOW) == Expired(kept=["run-a"])
    assert names(school / "run-a") == {"extract", "extract.json"}
    assert names(school / "run-a" / "extract") == {"students.parquet"}
    monkeypatch.undo()
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1)


def test_only_folders_that_can_be_a_schools_are_looked_into(school: Folder) -> None:
    for name in ("green-abbey", "lost+found", ".snapshot", "No School"):
        (school / name).write("state/mark.json", b"{}")
    school.write("read-me", b"")
    assert school_ids(school) == ["green-abbey"]
    assert school_ids(school / "not-yet") == []


class Counts(Objects):
    """A store that counts how often it is listed and read."""

    requests = 0

    def find(self, path: str, **options: Any) -> Any:
        Counts.requests += 1
        return super().find(path, **options)

    def cat_file(self, path: str, **options: Any) -> Any:
        Counts.requests += 1
        return super().cat_file(path, **options)


def test_an_object_store_is_asked_once_for_a_school_and_once_for_a_young_run(tmp_path: Path) -> None:
    """Hundreds of schools with 30 nights each are looked through every morning."""
    school = object_store(tmp_path, Counts()) / "green-abbey"
    for number in range(5):
        write_run(school, f"run-{number}", extract=1, plan=1, load=1, report=1)
    assert delete_expired(school, KEPT, NOW) == Expired()
    assert Counts.requests == 6


@pytest.mark.parametrize("days", [3650, 999_999, 999_999_999])
def test_a_period_beyond_the_calendar_keeps_all_runs_and_deletes_the_documents(school: Folder, days: int) -> None:
    write_run(school, "old", extract=4000)
    own = Retention(runs=timedelta(days=days), documents=timedelta(days=7))
    assert delete_expired(school, own, NOW) == (Expired(runs=1) if days == 3650 else Expired(documents=1))


@pytest.mark.parametrize("manifest", ["a folder", "a link", "no JSON", "deep", "a day that is none"])
def test_a_manifest_that_cannot_be_read_keeps_no_run_for_ever(tmp_path: Path, manifest: str) -> None:
    school = LocalFolder(tmp_path / "store") / "green-abbey"
    run = write_run(school, "old", extract=31)
    place = tmp_path / "store" / "green-abbey" / "old" / "plan.json"
    if manifest == "a folder":
        place.mkdir()
    elif manifest == "a link":
        LocalFolder(tmp_path / "elsewhere").write("plan.json", as_json({"saved_at": ago(1)}))
        place.symlink_to(tmp_path / "elsewhere" / "plan.json")
    else:
        contents = {"no JSON": b"{", "deep": b"[" * 100_000, "a day that is none": b'{"saved_at": "9999-99-99"}'}
        run.write("plan.json", contents[manifest])
    assert delete_expired(school, KEPT, NOW) == Expired(runs=1)
    assert (tmp_path / "elsewhere").exists() == (manifest == "a link")
