"""What every kind of store owes: the same tests for a local folder and for an object store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sims_sync.store import objects
from sims_sync.store.folder import Folder, Listing
from sims_sync.store.layout import run_folder, run_name, state_folder

ODD = ["a b.json", "ä.json", "a*b.json", "[a].json", "a?b#c.json", "100%.json", ".hidden", "x.lease.10"]
LARGE = 3_000_000


def files(listings: list[Listing]) -> dict[str, set[str]]:
    return {each.name: each.files() for each in listings}


def listing(folder: Folder, name: str) -> Listing:
    return next(each for each in folder.listings() if each.name == name)


def test_what_was_written_is_read(store: Folder) -> None:
    store.write("one.json", b"first")
    assert store.read("one.json") == b"first"
    store.write("one.json", b"second")
    assert store.read("one.json") == b"second"
    assert store.names() == ["one.json"]


def test_a_file_is_named_by_its_path_in_the_folder(store: Folder) -> None:
    store.write("run/extract/students.parquet", b"table")
    assert (store / "run" / "extract").read("students.parquet") == b"table"
    assert (store / "run").read("extract/students.parquet") == b"table"
    assert (store / "run").exists("extract/students.parquet")
    assert str(store / "run").endswith("/run")
    assert (store / "run").name == "run"


def test_a_folder_that_is_not_there_is_empty(store: Folder) -> None:
    nothing = store / "not" / "yet"
    assert nothing.names() == nothing.folder_names() == nothing.listings() == []
    assert nothing.stamps("report.json") == {}
    assert not nothing.exists("one.json")
    with pytest.raises(FileNotFoundError):
        nothing.read("one.json")
    nothing.remove("one.json")


def test_a_file_is_no_folder(store: Folder) -> None:
    store.write("notes.txt", b"text")
    notes = store / "notes.txt"
    assert notes.names() == notes.folder_names() == notes.listings() == []
    assert notes.stamps("report.json") == {}
    assert not notes.exists("report.json")
    with pytest.raises(FileNotFoundError):
        notes.read("report.json")
    notes.remove("report.json")
    assert store.read("notes.txt") == b"text"


def test_a_file_that_was_removed_is_gone_and_may_be_removed_again(store: Folder) -> None:
    store.write("one.json", b"first")
    store.remove("one.json")
    store.remove("one.json")
    assert not store.exists("one.json")
    assert store.names() == []


def test_names_are_those_of_files_and_folders_and_a_folder_tells_itself_from_a_file(store: Folder) -> None:
    store.write("one.json", b"")
    store.write("run/extract/students.parquet", b"")
    assert sorted(store.names()) == ["one.json", "run"]
    assert store.folder_names() == ["run"]


@pytest.mark.parametrize("name", ODD)
def test_a_name_with_odd_characters_means_itself_alone(store: Folder, name: str) -> None:
    run = store / "a [run]*"
    run.write(name, b"odd")
    assert not run.create(name, b"again")
    run.write("axb.json", b"other")
    assert run.read(name) == b"odd"
    assert run.exists(name)
    assert set(run.names()) == {name, "axb.json"}
    (store / "a run").write(name, b"odd")
    assert files(store.listings()) == {"a [run]*": {name, "axb.json"}, "a run": {name}}
    assert set(store.stamps(name)) == {"a [run]*", "a run"}
    listing(store, "a [run]*").delete_files([name])
    assert files(store.listings()) == {"a [run]*": {"axb.json"}, "a run": {name}}
    listing(store, "a [run]*").delete(["axb.json"])
    assert files(store.listings()) == {"a run": {name}}
    (store / "a run").remove(name)
    assert store.listings() == [] or files(store.listings()) == {"a run": set()}


def test_a_folder_whose_name_begins_like_anothers_is_another(store: Folder) -> None:
    for name in ("run", "run-2"):
        (store / name).write("report.json", b"{}")
    listing(store, "run").delete([])
    assert files(store.listings()) == {"run-2": {"report.json"}}


def test_of_several_at_once_that_create_a_file_one_succeeds(store: Folder) -> None:
    together = threading.Barrier(8)

    def create(number: int) -> bool:
        together.wait()
        return (store / "state").create("sims.lease.1", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(create, range(8)))
    assert sum(created) == 1
    assert (store / "state").read("sims.lease.1") == str(created.index(True)).encode()
    assert (store / "state").names() == ["sims.lease.1"]


def test_a_file_that_is_there_is_not_created(store: Folder, elsewhere: Folder) -> None:
    assert store.create("one.json", b"first")
    assert not store.create("one.json", b"second")
    assert not elsewhere.create("one.json", b"third")
    assert store.read("one.json") == b"first"


def test_a_reader_sees_the_whole_of_a_file_or_none_of_it(store: Folder) -> None:
    contents = [b"a" * LARGE, b"b" * LARGE]
    done = threading.Event()

    def read() -> set[bytes]:
        seen = set()
        while not done.is_set():
            try:
                content = store.read("one.json")
            except FileNotFoundError:
                continue
            seen.add(content if content in contents else content[:10])
        return seen

    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(read)
        try:
            for number in range(20):
                store.write("one.json", contents[number % 2])
        finally:
            done.set()
        assert reader.result() <= set(contents)
    assert store.names() == ["one.json"], "nothing is left beside it"


def test_what_another_machine_writes_and_removes_is_seen(store: Folder, elsewhere: Folder) -> None:
    run = store / "run"
    assert not run.exists("one.json")
    assert run.names() == []
    (elsewhere / "run").write("one.json", b"first")
    assert run.exists("one.json")
    assert run.names() == ["one.json"]
    assert files(store.listings()) == {"run": {"one.json"}}
    (elsewhere / "run").write("two.json", b"second")
    assert files(store.listings()) == {"run": {"one.json", "two.json"}}
    assert sorted(run.names()) == ["one.json", "two.json"]
    (elsewhere / "run").remove("one.json")
    assert not run.exists("one.json")
    assert run.names() == ["two.json"]


def test_a_file_has_another_stamp_when_it_was_written_anew(
    store: Folder, elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store / "run-a").write("report.json", b"{}")
    (store / "run-b").write("report.json", b"{}")
    (store / "run-c").write("extract/report.json", b"{}")
    before = store.stamps("report.json")
    assert set(before) == {"run-a", "run-b"}
    assert store.stamps("report.json") == before
    (elsewhere / "run-a").write("report.json", b'{"x": 1}')
    monkeypatch.setattr(objects, "_AGE", 0.0)
    after = store.stamps("report.json")
    assert after["run-a"] != before["run-a"]
    assert after["run-b"] == before["run-b"]


def test_a_listing_tells_when_its_folder_was_written_last(store: Folder) -> None:
    (store / "run").write("extract/students.parquet", b"")
    written_at = listing(store, "run").written_at()
    assert written_at
    assert abs(datetime.now(UTC) - written_at) < timedelta(minutes=1)


def test_a_folder_is_deleted_with_all_that_is_in_it(store: Folder) -> None:
    run = store / "run"
    for name in ("extract.json", "extract/students.parquet", "extract/raw/one.xml.gz"):
        run.write(name, b"")
    found = listing(store, "run")
    assert found.files() == {"extract.json", "extract/students.parquet", "extract/raw/one.xml.gz"}
    assert found.read("extract.json") == b""
    found.delete_files(["extract/raw/one.xml.gz"])
    assert listing(store, "run").files() == {"extract.json", "extract/students.parquet"}
    found.delete(["extract/students.parquet"])
    assert store.listings() == []
    assert store.names() == []


def test_a_file_that_is_gone_meanwhile_is_deleted(store: Folder) -> None:
    (store / "run").write("one.json", b"")
    (store / "run").write("two.json", b"")
    found = listing(store, "run")
    (store / "run").remove("one.json")
    found.delete_files(["one.json", "two.json"])
    assert (store / "run").names() == []
    with pytest.raises(FileNotFoundError):
        found.read("one.json")


def test_two_runs_never_share_a_folder_nor_one_with_the_state(store: Folder) -> None:
    run_ids = ("x:1", "x-1", "x+1", "state", "..", "manual__1", "ä")
    names = {run_name(run_id) for run_id in run_ids}
    assert len(names) == len(run_ids)
    assert "state" not in names
    assert all(name.isascii() and not name.startswith(".") for name in names)
    for run_id in run_ids:
        run_folder(store, "green-abbey", run_id).write("report.json", b"{}")
    state_folder(store, "green-abbey").write("mark.json", b"{}")
    assert set((store / "green-abbey").names()) == names | {"state"}
