"""What a run's folder is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sims_sync.store.layout import STATE, find_run_folder, run_folder, run_name
from sims_sync.store.local import LocalFolder

IDS = st.one_of(
    st.text(st.sampled_from("aA1-_.:+~"), min_size=1, max_size=12),
    st.text(st.characters(codec="utf-8"), max_size=250),
    st.builds("{}-{:08x}".format, st.text("ab:", max_size=3), st.integers(0, 2**32 - 1)),
)


@given(st.lists(IDS, unique=True, max_size=8))
@example(["night", "Night", "NIGHT", "night.", "night:", "night "])
@example(["a:b", "a+b", "a-b", "state", "State", "STATE", ".", "..", "", " "])
@example(["n" * 250, "n" * 249, "N" * 250, "n" * 249 + ":", "n" * 249 + "+"])
def test_two_runs_never_share_a_folder_not_even_where_capitals_do_not_count(run_ids: list[str]) -> None:
    run_ids += [run_name(each) for each in run_ids if run_name(each) not in run_ids]  # ids that look like folders
    names = {run_name(each).casefold() for each in run_ids}
    assert len(names) == len(run_ids)
    assert STATE not in names
    for name in map(run_name, run_ids):
        assert name.isascii()
        assert name.isprintable()
        assert not set(name) & set('/\\:*?"<>|+ ')
        assert not name.startswith(".")
        assert not name.endswith((".", " "))
        assert 0 < len(name) <= 255


def test_a_run_that_the_scheduler_makes_keeps_its_name_and_its_folder() -> None:
    assert run_name("scheduled__2026-11-23T02:13:00+00:00") == "scheduled__2026-11-23T02-13-00-00-00-baaaa476"
    assert run_name("backfill-1") == "backfill-1"


@pytest.mark.parametrize("run_id", ["n" * 250, "scheduled__" + "\N{SNOWMAN}" * 239, "manual__" + "Aa:+~" * 48 + "Aa"])
def test_a_run_id_of_250_characters_has_its_folder(tmp_path: Path, run_id: str) -> None:
    assert len(run_id) == 250
    folder = run_folder(LocalFolder(tmp_path), "green-abbey", run_id)
    folder.write("report.json", b"{}")
    assert folder.read("report.json") == b"{}"


def test_who_looks_finds_a_folder_by_the_runs_id_or_by_its_own_name(tmp_path: Path) -> None:
    store = LocalFolder(tmp_path)
    for run_id in ("night:1", "night"):
        run_folder(store, "green-abbey", run_id).write("report.json", b"{}")
    (store / "green-abbey" / "Of-An-Earlier-Version").write("report.json", b"{}")
    (store / "green-abbey" / STATE).write("mark.json", b"{}")
    for run, name in {
        "night:1": run_name("night:1"),
        run_name("night:1"): run_name("night:1"),
        "night": "night",
        "Of-An-Earlier-Version": "Of-An-Earlier-Version",
    }.items():
        assert find_run_folder(store, "green-abbey", run).name == name
    for nothing in (STATE, "..", ".", "", "../north-quay", "nowhere", "Nowhere"):
        assert find_run_folder(store, "green-abbey", nothing).names() == []
