"""What a school remembers keeps its accounts safe from one night to the next (SPEC section 7)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night, Ran

from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker

MONDAY, TUESDAY, WEDNESDAY = date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16)


@pytest.fixture(autouse=True)
def tuesday(sims: Database, broker: Broker, directory: Running, night: Night) -> Ran:
    """A good night: 20 students, all of whom have accounts; 4 were there on Monday only, and have left."""
    for person_id in range(101, 121):
        sims.put_student(person_id, valid_to=MONDAY if person_id > 116 else None)
    assert night(MONDAY).counts == {"extracted": 20, "created": 20}
    ran = night(TUESDAY)
    assert ran.counts == {"extracted": 16, "unchanged": 16, "disabled": 4}
    directory.requests.clear()
    return ran


def state_of(ran: Ran) -> Path:
    return ran.folder.parent / "state"


def mark_of(ran: Ran) -> dict[str, Any]:
    mark: dict[str, Any] = json.loads((state_of(ran) / "mark.json").read_text())
    return mark


def test_the_mark_is_the_effective_date_and_extract_time_of_the_newest_roll(tuesday: Ran) -> None:
    mark = mark_of(tuesday)
    extracted = json.loads((tuesday.folder / "extract.json").read_text())["facts"]
    assert (mark["effective_date"], mark["extracted_at"]) == ("2026-09-15", extracted["extracted_at"])


def test_yesterdays_roll_does_not_undo_todays(directory: Running, night: Night, tuesday: Ran) -> None:
    ran = night(MONDAY)
    assert (ran.state, ran.tasks["approve"], ran.tasks["load"]) == ("success", "success", "skipped")
    assert ran.tasks["disable_leavers"] == "skipped"
    assert ran.report
    assert ran.report["outcome"] == "superseded"
    assert "2026-09-15" in ran.report["reason"]
    assert "allow_older" in ran.report["reason"]
    assert ran.counts["enabled"] == 4, "it reports what it would have done"
    assert directory.writes == 0
    assert mark_of(ran) == mark_of(tuesday)


def test_allow_older_overrides_it_for_one_run_and_the_mark_stays(
    directory: Running, night: Night, tuesday: Ran
) -> None:
    ran = night(MONDAY, allow_older=True)
    assert ran.counts == {"extracted": 20, "updated": 4, "enabled": 4, "unchanged": 16}
    assert mark_of(ran)["effective_date"] == "2026-09-15"
    assert night(MONDAY).report["outcome"] == "superseded"  # type: ignore[index]


def test_only_these_person_ids_leave_the_mark(sims: Database, night: Night, tuesday: Ran) -> None:
    sims.change("students", {"person_id": 101}, on=WEDNESDAY, surname="Newer")
    assert night(WEDNESDAY, only_person_ids=[101]).counts == {"extracted": 1, "updated": 1}
    assert mark_of(tuesday) == json.loads((state_of(tuesday) / "mark.json").read_text())
    assert mark_of(tuesday)["effective_date"] == "2026-09-15"


def test_a_dry_run_leaves_the_mark_and_may_be_older(directory: Running, night: Night, tuesday: Ran) -> None:
    before = mark_of(tuesday)
    ran = night(MONDAY, dry_run=True)
    assert ran.report
    assert ran.report["outcome"] == "dry_run"
    assert any("superseded" in note for note in ran.report["notes"])
    assert mark_of(ran) == before
    assert directory.writes == 0


def held(ran: Ran) -> list[str]:
    """Why a real run would have been held, told by a dry one."""
    assert ran.report
    return [note for note in ran.report["notes"] if note.startswith("The plan would be held: ")]


def test_a_school_with_earlier_runs_whose_mark_is_gone_is_held(night: Night, tuesday: Ran) -> None:
    assert held(night(WEDNESDAY, dry_run=True)) == []
    (state_of(tuesday) / "mark.json").unlink()
    (reason,) = held(night(WEDNESDAY, dry_run=True))
    assert "mark is gone" in reason


def test_a_school_whose_whole_state_and_run_files_are_gone_is_held_for_the_accounts_that_it_disabled(
    night: Night, tuesday: Ran
) -> None:
    school = tuesday.folder.parent
    school.rename(school.parent.with_name("lost"))
    (reason,) = held(night(WEDNESDAY, dry_run=True))
    assert "mark is gone" in reason


def test_leavers_of_the_last_7_days_count_and_their_run_files_may_be_gone(
    sims: Database, night: Night, tuesday: Ran
) -> None:
    for person_id in (101, 102):
        sims.end("students", {"person_id": person_id}, TUESDAY)
    (reason,) = held(night(WEDNESDAY, dry_run=True))
    assert "`limits.disable_7_days`" in reason
    assert "6 accounts" in reason


def test_records_that_were_rejected_the_night_before_do_not_hold_the_plan(sims: Database, night: Night) -> None:
    for person_id in range(101, 107):
        sims.change("students", {"person_id": person_id}, on=WEDNESDAY, surname="")
    assert any("`limits.reject`" in reason for reason in held(night(WEDNESDAY, dry_run=True)))
    assert night(WEDNESDAY, only_person_ids=[101, 102, 103]).counts == {"extracted": 3, "rejected": 3}
    assert any("`limits.reject`" in reason for reason in held(night(WEDNESDAY, dry_run=True))), "a part is no baseline"
