"""The register: what was done to whose account is known long after the run files are gone, once each (SPEC 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object_store import object_store
from sims_sync.model.change_kinds import Kind
from sims_sync.model.errors import PermanentFault
from sims_sync.runs.register import Entry, Register, Written
from sims_sync.runs.retention import Retention, delete_expired
from sims_sync.store.folder import Folder
from sims_sync.store.local import LocalFolder

NOON = datetime(2026, 9, 15, 12, tzinfo=UTC)
TONIGHT = Written("tonight", "a" * 64, NOON)
BOTH: frozenset[Kind] = frozenset({"create", "disable", "enable", "unlink_role", "update", "link"})


@pytest.fixture(params=["a folder", "an object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return LocalFolder(tmp_path) if request.param == "a folder" else object_store(tmp_path)


def entry(kind: Kind, person_id: str | None, account_id: str | None = "a1", **own: Any) -> Entry:
    common: dict[str, Any] = {
        "school_identifier": None if person_id is None else f"00{person_id}",
        "cause": "not on roll",
        "run_id": TONIGHT.run_id,
        "plan": TONIGHT.plan,
        "approved_by": None,
        "at": NOON,
        "done": True,
    }
    return Entry(kind=kind, person_id=person_id, account_id=account_id, **{**common, **own})


def test_what_is_written_down_again_of_one_plan_stands_there_once(root: Folder) -> None:
    register = Register(root, "green-abbey")
    begun = [entry("create", "101", None, done=False), entry("disable", None, "a2", approved_by="Anna")]
    done = [replace(begun[0], account_id="a1", done=True), begun[1]]
    for entries in (begun, done, done):
        register.write_down(TONIGHT, BOTH, entries)
    assert register.of_plan(TONIGHT, BOTH) == done
    assert register.of_person("101") == done[:1]
    assert register.of_person("102") == []


def test_other_stages_plans_and_months_are_left_as_they_are(root: Folder) -> None:
    register = Register(root, "green-abbey")
    register.write_down(TONIGHT, {"create"}, [entry("create", "101")])
    register.write_down(TONIGHT, {"disable"}, [entry("disable", "102")])
    again = Written("tonight", "b" * 64, NOON)
    register.write_down(again, {"create"}, [entry("create", "103", plan=again.plan)])
    december = Written("later", "c" * 64, datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    register.write_down(december, {"create"}, [entry("create", "101", run_id="later", plan=december.plan)])
    register.write_down(TONIGHT, {"create"}, [])
    assert sorted(register.folder.names()) == ["2026-09.parquet", "2026-12.parquet"]
    assert [each.person_id for each in register.of_plan(TONIGHT, BOTH)] == ["102"]
    assert [each.run_id for each in register.of_person("101")] == ["later"]
    assert [each.person_id for each in register.of_plan(again, BOTH)] == ["103"]


def test_nothing_is_written_where_nothing_was_done(root: Folder) -> None:
    register = Register(root, "green-abbey")
    register.write_down(TONIGHT, BOTH, [])
    assert register.folder.names() == []
    assert (register.disabled(), len(register.people())) == ([], 0)


def test_a_month_that_cannot_be_read_is_named_and_never_written_over(root: Folder) -> None:
    register = Register(root, "green-abbey")
    register.folder.write("2026-08.parquet", b"PAR1 torn")
    register.write_down(TONIGHT, BOTH, [entry("disable", "101")])
    assert [each.person_id for each in register.disabled()] == ["101"]
    assert register.unreadable == ["register/2026-08.parquet"]
    torn = Written("august", "d" * 64, datetime(2026, 8, 1, tzinfo=UTC))
    with pytest.raises(PermanentFault, match=r"register/2026-08.parquet of the state of green-abbey") as told:
        register.write_down(torn, BOTH, [])
    assert "backup" in told.value.advice
    assert register.folder.read("2026-08.parquet") == b"PAR1 torn"


@pytest.mark.parametrize(
    ("days", "left"),
    [
        (29, []),  # every entry of September is older than 29 days on 31 October
        (30, ["2026-09.parquet"]),
        (10**9 - 1, ["2026-09.parquet"]),
    ],
)
def test_a_month_goes_when_its_last_entry_is_over_and_nothing_else_of_the_state_does(
    root: Folder, days: int, left: list[str]
) -> None:
    register = Register(root, "green-abbey")
    register.write_down(TONIGHT, BOTH, [entry("disable", "101")])
    register.folder.write("notes.txt", b"a person's own")
    (root / "green-abbey" / "state").write("mark.json", b"{}")
    now = datetime(2026, 10, 31, 12, tzinfo=UTC)
    kept = Retention(timedelta(days=30), timedelta(days=7), timedelta(days=days))
    would = delete_expired(root / "green-abbey", kept, now, dry_run=True)
    assert sorted(register.folder.names()) == ["2026-09.parquet", "notes.txt"]
    gone = delete_expired(root / "green-abbey", kept, now)
    assert sorted(register.folder.names()) == [*left, "notes.txt"]
    assert would.months == gone.months == 1 - len(left)
    assert (root / "green-abbey" / "state").exists("mark.json")


GIVES_ROLE = ("update", "unlink_role")
TOLD = st.lists(
    st.tuples(st.sampled_from(sorted(BOTH)), st.sampled_from(["a1", "a2", "a3"]), st.booleans()), max_size=12
)


@settings(deadline=None, max_examples=50)
@given(TOLD)
def test_disabled_are_the_accounts_that_were_not_given_back(
    tmp_path_factory: pytest.TempPathFactory, told: Sequence[tuple[Kind, str, bool]]
) -> None:
    """Compared with a plain account of it, one account and one day after the other."""
    register = Register(LocalFolder(tmp_path_factory.mktemp("store")), "green-abbey")
    entries = [
        entry(kind, "101", account, done=done, at=NOON + timedelta(days=day))
        for day, (kind, account, done) in enumerate(told)
    ]
    register.write_down(TONIGHT, BOTH, entries)
    expected = {}
    for account in ("a1", "a2", "a3"):
        taken = None
        for each in entries:
            if each.account_id != account:
                continue
            if each.kind in ("disable", "unlink_role"):
                taken = each
            elif taken and each.done and (each.kind in ("enable", "link") or (each.kind, taken.kind) == GIVES_ROLE):
                taken = None
        if taken:
            expected[account] = taken
    shown = register.disabled()
    assert {each.account_id: each for each in shown} == expected
    assert shown == sorted(shown, key=lambda each: each.at, reverse=True)
