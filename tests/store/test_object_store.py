"""What an object store has and a file system has not: requests that cost, refusals of its own, and listings kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from object_store import Objects, object_store
from sims_sync.store import objects


class Counts(Objects):
    """Counts how often it is asked for a whole listing."""

    finds = 0

    def find(self, path: str, **options: Any) -> Any:
        Counts.finds += 1
        assert "maxdepth" not in options, "with it s3fs lists each folder for itself"
        return super().find(path, **options)


def test_stamps_take_one_listing_however_many_runs_there_are_and_are_good_for_some_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = object_store(tmp_path, Counts())
    for number in range(30):
        (store / "green-abbey" / f"run-{number}").write("report.json", b"{}")
    assert len((store / "green-abbey").stamps("report.json")) == 30
    (store / "green-abbey" / "run-30").write("report.json", b"{}")
    assert len((store / "green-abbey").stamps("report.json")) == 30
    assert Counts.finds == 1
    monkeypatch.setattr(objects, "_AGE", 0.0)
    assert len((store / "green-abbey").stamps("report.json")) == 31
    assert Counts.finds == 2


class DeletesQuietly(Objects):
    """As S3: of several keys to delete, one that is refused is passed over, and s3fs does not say so."""

    def rm_file(self, path: str) -> None:
        if "locked" not in path:
            super().rm_file(path)


def test_a_file_that_was_not_deleted_is_said_even_where_the_store_keeps_silent(tmp_path: Path) -> None:
    store = object_store(tmp_path, DeletesQuietly())
    for name in ("a", "locked", "z"):
        store.write(f"run/{name}", b"")
    (found,) = store.listings()
    with pytest.raises(PermissionError, match="1 file could not be deleted"):
        found.delete(["a", "locked"])
    assert sorted((store / "run").names()) == ["locked", "z"]


class MarksFolders(Objects):
    """As S3's own console: an object of no size stands for a folder, and is listed in it."""

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        return [*super().ls(path, detail=True), {"name": f"{path}/", "size": 0, "type": "directory"}]


def test_an_object_that_stands_for_a_folder_is_not_in_it(tmp_path: Path) -> None:
    state = object_store(tmp_path, MarksFolders()) / "state"
    state.write("mark.json", b"{}")
    assert state.names() == ["mark.json"]
    assert state.folder_names() == []
