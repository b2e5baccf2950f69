"""What a file system has and an object store has not: modes, links, and files that are there before they are whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from sims_sync.store.folder import Unreadable
from sims_sync.store.local import LocalFolder
from sims_sync.store.opening import open_store


@pytest.fixture
def store(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "store")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_and_folders_are_private_to_the_services_user(store: LocalFolder, umask: int) -> None:
    before = os.umask(umask)
    try:
        store.write("run/extract/students.parquet", b"table")
        store.write("run/extract/students.parquet", b"anew")
        assert store.create("state/sims.lease.1", b"{}")
    finally:
        os.umask(before)
    for path in (store.path, *store.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_cannot_be_written_leaves_the_one_before(
    store: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("one.json", b"first")

    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write("one.json", b"second")
    with pytest.raises(OSError, match="No space"):
        store.create("two.json", b"second")
    assert store.read("one.json") == b"first"
    assert store.names() == ["one.json"]


@pytest.fixture
def linked(store: LocalFolder, tmp_path: Path) -> LocalFolder:
    """A store with links to a run that lies elsewhere, to one of its files, and to nothing."""
    LocalFolder(tmp_path / "elsewhere").write("run/extract.json", b"{}")
    store.write("own/extract.json", b"{}")
    (store.path / "run").symlink_to(tmp_path / "elsewhere" / "run")
    (store.path / "own" / "folder").symlink_to(tmp_path / "elsewhere" / "run")
    (store.path / "own" / "file").symlink_to(tmp_path / "elsewhere" / "run" / "extract.json")
    (store.path / "nothing").symlink_to(tmp_path / "not-there")
    return store


def test_a_link_is_not_listed_and_the_log_says_so(linked: LocalFolder, caplog: pytest.LogCaptureFixture) -> None:
    assert linked.folder_names() == ["own"]
    (found,) = linked.listings()
    assert found.name == "own"
    assert found.files() == {"extract.json", "file"}, (
        "the link to a file is a file, and what a folder's leads to is not"
    )
    assert f"{linked}/run is a link: it is not followed" in caplog.text


def test_nothing_is_listed_where_the_folder_is_a_link(linked: LocalFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(linked.path)
    assert LocalFolder(tmp_path / "link").listings() == []
    assert (linked / "run").listings() == []


@pytest.mark.parametrize("place", ["run", "own/folder", "nothing"])
def test_nothing_is_read_or_written_behind_a_link(linked: LocalFolder, tmp_path: Path, place: str) -> None:
    folder = linked / place.partition("/")[0]
    inside = place.partition("/")[2]
    file = f"{inside}/extract.json" if inside else "extract.json"
    for ask in (folder.read, folder.exists):
        with pytest.raises(Unreadable, match="is a link, and links in the store are not followed"):
            ask(file)
    for do in (folder.write, folder.create):
        with pytest.raises(Unreadable):
            do(file, b"new")
    with pytest.raises(Unreadable):
        folder.remove(file)
    with pytest.raises(Unreadable):
        linked.read(f"{place}/extract.json")
    with pytest.raises(Unreadable):
        (linked / place).names()
    with pytest.raises(Unreadable):
        (linked / place).stamps("extract.json")
    assert (tmp_path / "elsewhere" / "run" / "extract.json").read_bytes() == b"{}"


def test_a_link_in_place_of_a_file_is_not_followed_and_is_replaced_by_the_next_file(
    linked: LocalFolder, tmp_path: Path
) -> None:
    with pytest.raises(Unreadable, match="it is a link"):
        linked.read("own/file")
    linked.write("own/file", b"new")
    assert linked.read("own/file") == b"new"
    assert (tmp_path / "elsewhere" / "run" / "extract.json").read_bytes() == b"{}"


def test_the_store_itself_may_lie_behind_a_link(linked: LocalFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(linked.path)
    store = LocalFolder(tmp_path / "link")
    assert store.read("own/extract.json") == (store / "own").read("extract.json") == b"{}"
    (store / "new").write("one.json", b"1")
    assert linked.read("new/one.json") == b"1"


def test_a_stamp_is_given_for_what_cannot_be_read_so_that_it_is_missed(linked: LocalFolder) -> None:
    linked.write("folder/extract.json/inside", b"")
    assert set(linked.stamps("extract.json")) == {"own", "run", "folder"}


@pytest.mark.parametrize("what", ["a folder", "a pipe"])
def test_what_is_no_file_is_not_read(store: LocalFolder, what: str) -> None:
    place = store.path / "run"
    place.mkdir(parents=True)
    (place / "extract.json").mkdir() if what == "a folder" else os.mkfifo(place / "extract.json")
    with pytest.raises(Unreadable, match="it is no file"):
        (store / "run").read("extract.json")


def test_a_link_is_deleted_and_what_it_leads_to_stays(linked: LocalFolder, tmp_path: Path) -> None:
    (found,) = linked.listings()
    found.delete(["file"])
    assert not (linked.path / "own").exists()
    assert (tmp_path / "elsewhere" / "run" / "extract.json").read_bytes() == b"{}"


def test_one_file_that_cannot_be_deleted_stops_no_other(store: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "locked", "z"):
        store.write(f"run/{name}", b"")
    unlink = os.unlink  # root may delete everything, so the system itself must refuse

    def refuse(path: Any, **options: Any) -> None:
        if str(path).endswith("locked"):
            raise PermissionError(path)
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    (found,) = store.listings()
    with pytest.raises(PermissionError, match="locked"):
        found.delete(["a", "locked"])
    assert sorted((store / "run").names()) == ["locked", "z"]


@pytest.mark.parametrize("protocol", ["file", "local"])
def test_an_object_path_of_this_machines_files_is_a_local_folder(tmp_path: Path, protocol: str) -> None:
    store = open_store(ObjectStoragePath(f"{protocol}://{tmp_path}"))
    assert store == LocalFolder(tmp_path)
