"""The mark, and what the school remembers of who was disabled (SPEC section 7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from invented_facts import REFERENCE
from sims_sync.model.errors import PermanentFault
from sims_sync.runs.documents import LoadFacts, RollVersion
from sims_sync.runs.files import RunFiles
from sims_sync.runs.mark import Departures, Mark
from sims_sync.runs.state import SchoolState
from sims_sync.store.local import LocalFolder

MONDAY, TUESDAY = date(2026, 9, 14), date(2026, 9, 15)
NIGHT, MORNING = datetime(2026, 9, 15, 2, tzinfo=UTC), datetime(2026, 9, 15, 9, tzinfo=UTC)


def roll(effective_date: date, extracted_at: datetime) -> RollVersion:
    return RollVersion(effective_date=effective_date, extracted_at=extracted_at)


def departed(run_id: str, plan: str, at: datetime, *accounts: str) -> Departures:
    return Departures(run_id=run_id, plan=plan, at=at, approved=False, accounts=accounts)


@pytest.fixture
def state(tmp_path: Path) -> SchoolState:
    return SchoolState(LocalFolder(tmp_path), "green-abbey")


@pytest.mark.parametrize(
    ("own", "older"),
    [
        (roll(TUESDAY, NIGHT), False),
        (roll(TUESDAY, MORNING), False),
        (roll(MONDAY, MORNING), True),
        (roll(MONDAY, NIGHT), True),
        (roll(TUESDAY, NIGHT - timedelta(seconds=1)), True),
    ],
)
def test_a_roll_that_is_older_in_either_is_superseded(own: RollVersion, older: bool) -> None:
    assert Mark.at(roll(TUESDAY, NIGHT), "run A", {}).is_newer_than(own) == older


def test_the_mark_never_goes_back() -> None:
    mark = Mark.at(roll(TUESDAY, NIGHT), "run A", {"101": 1})
    moved = mark.moved_to(roll(MONDAY, MORNING), "run B", {})
    assert moved == Mark.at(roll(TUESDAY, MORNING), "run B", {})
    assert moved.is_newer_than(roll(TUESDAY, NIGHT))


def test_the_mark_is_kept_from_run_to_run(state: SchoolState) -> None:
    assert state.mark() is None
    mark = Mark.at(roll(TUESDAY, NIGHT), "run A", {"101": 1, "none": 2})
    state.save_mark(mark)
    assert state.mark() == mark


def departures(state: SchoolState) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(each.run_id, each.plan): each.accounts for each in state.departures(MORNING)}


def test_departures_of_the_same_plan_replace_those_written_down_before(state: SchoolState) -> None:
    state.save_departures(departed("run A", "plan 1", NIGHT, "a", "b"))
    state.save_departures(departed("run A", "plan 2", NIGHT, "c"))
    state.save_departures(departed("run A", "plan 1", NIGHT, "a"))
    assert departures(state) == {("run A", "plan 1"): ("a",), ("run A", "plan 2"): ("c",)}


def test_departures_are_forgotten_after_7_days(state: SchoolState) -> None:
    state.save_departures(departed("old", "plan", MORNING - timedelta(days=7), "a"))
    state.save_departures(departed("new", "plan", MORNING - timedelta(days=6, hours=23), "b"))
    assert departures(state) == {("new", "plan"): ("b",)}


def test_what_shows_that_an_earlier_run_wrote_is_its_departures_or_its_files(tmp_path: Path) -> None:
    state = SchoolState(LocalFolder(tmp_path), "green-abbey")
    school = LocalFolder(tmp_path) / "green-abbey"
    (school / "run-a").write("plan.json", b"{}")
    school.write("notes.txt", b"no run")
    state.claim("http://127.0.0.1/scim/v2")
    assert not state.has_applied(), "it was planned, and not applied"
    RunFiles(school / "run-b").save(LoadFacts(approved=REFERENCE, set_mark=False), {}, counts={})
    assert not state.has_applied(), "it was of some students alone"
    RunFiles(school / "run-a").save(LoadFacts(approved=REFERENCE), {}, counts={})
    assert state.has_applied()
    (school / "run-a").write("load.json", b"{}")
    assert state.has_applied(), "nobody can tell that it had not"
    other = SchoolState(LocalFolder(tmp_path), "other")
    other.save_departures(departed("run A", "plan", NIGHT))
    assert other.has_applied()


def test_a_state_file_that_cannot_be_read_says_what_to_do(state: SchoolState) -> None:
    state.folder.write("mark.json", b'{"effective_')
    with pytest.raises(PermanentFault, match=r"mark\.json .* green-abbey .* backup"):
        state.mark()


OTHER_SHAPES = [
    b"",
    b"{",
    b"5",
    b'"x"',
    b"[5]",
    b'{"x": 1}',
    b"[" * 100_000,
    b"\xff\xfe",
    b"\x00",
    b"NaN",
    b'[{"at": "2026-09-14T02:13:00"}]',
]


@pytest.mark.parametrize("file", ["mark", "departures", "disabled", "failing", "claim"])
@pytest.mark.parametrize("content", OTHER_SHAPES)
def test_a_state_file_of_another_shape_is_told_as_one_that_is_no_json(
    tmp_path: Path, file: str, content: bytes
) -> None:
    state = SchoolState(LocalFolder(tmp_path), "green-abbey")
    state.folder.write(f"{file}.json", content)
    read = {
        "mark": state.mark,
        "departures": lambda: state.departures(datetime.now(UTC)),
        "disabled": state.disabled_accounts,
        "failing": state.failing_since,
        "claim": lambda: state.check_claim("https://directory.example.org"),
    }
    with pytest.raises(PermanentFault, match=rf"The file {file}\.json of the state of green-abbey cannot be read"):
        read[file]()
    (tmp_path / "green-abbey" / "state" / f"{file}.json").unlink()
    (tmp_path / "green-abbey" / "state" / f"{file}.json").mkdir()
    with pytest.raises(PermanentFault, match=rf"The file {file}\.json of the state of green-abbey cannot be read"):
        read[file]()


def test_the_claim_of_another_school_that_cannot_be_read_stops_no_other_school(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, url = LocalFolder(tmp_path), "https://directory.example.org"
    (store / "blue-mill" / "state").write("claim.json", b"[" * 100_000)
    (store / "lost+found" / "state" / "claim.json").write("inside", b"")
    store.write("notes.txt", b"")
    (tmp_path / "link").symlink_to(tmp_path)
    SchoolState(store, "green-abbey").claim(url)
    assert "Whether blue-mill has claimed this directory, nobody can tell" in caplog.text
    SchoolState(store, "north-quay").claim("https://other.example.org")
    with pytest.raises(PermanentFault, match="that of the school green-abbey"):
        SchoolState(store, "north-quay").claim(url)


def test_an_earlier_run_that_cannot_be_read_may_have_begun_to_write(tmp_path: Path) -> None:
    store = LocalFolder(tmp_path)
    state = SchoolState(store, "green-abbey")
    (store / "green-abbey" / "dry").write("report.json", b"{}")
    (store / "green-abbey").write("notes.txt", b"")
    assert not state.has_applied()
    (store / "green-abbey" / "odd" / "load.json").write("inside", b"")
    assert state.has_applied()
