"""A window of the school's year and a pause, as nights meet them (SPEC section 7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from night_schools import NightSchool

from nights_without_airflow import Night, run_night
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.mails.mail import Mail
from sims_sync.model.errors import SyncError
from sims_sync.night.news import after_report, tell_late
from sims_sync.runs.reading import RunReader

BEFORE, INSIDE, LAST, AFTER = date(2026, 7, 14), date(2026, 7, 15), date(2026, 9, 15), date(2026, 9, 16)
SUMMER = {"name": "Summer", "from": "07-15", "to": "09-15", "leavers_of": ["11"], "joiners": True}
STAY, LEAVE = range(101, 113), range(113, 121)
"""12 stay and 8 leave, which is over both limits, and less than 60 %."""


def pause(what: str, first: date = INSIDE, last: date = INSIDE + timedelta(days=1)) -> list[dict[str, Any]]:
    return [{"from": first, "to": last, "what": what, "reason": "the platform moves"}]


def outcome(night: Night) -> str:
    assert night.reported
    return night.reported.report.outcome


def reason(night: Night) -> str:
    assert night.reported
    return night.reported.report.reason


def begun(school: NightSchool, year_of_leavers: str | None, day: date = BEFORE) -> None:
    """The school after a night with everybody."""
    school.configure(expected=[SUMMER])
    school.on_roll((STAY, "Year 9"), (LEAVE, year_of_leavers))
    assert school.night(day).fault is None


@pytest.mark.parametrize(
    ("year", "day", "held"),
    [
        ("Year 11", INSIDE, False),
        (" year  011", LAST, False),
        ("11", BEFORE + timedelta(days=365), True),
        ("11", AFTER, True),
        ("Year 10", INSIDE, True),
        (None, INSIDE, True),
        ("Year", INSIDE, True),
    ],
)
def test_leavers_of_the_named_year_groups_go_in_the_window_without_a_question(
    school: NightSchool, year: str | None, day: date, held: bool
) -> None:
    begun(school, year)
    school.on_roll((STAY, "Year 9"))
    night = school.night(day)
    assert outcome(night) == ("held" if held else "success")
    assert night.reported
    assert (school.active() == {*STAY}) == (not held)
    notes = " ".join(night.reported.report.notes)
    assert ("8 departures were expected (Summer)" in notes) == (not held)


def test_expected_leavers_count_for_no_limit_after_the_window_either_and_unexpected_ones_do(
    school: NightSchool,
) -> None:
    begun(school, "11")
    school.on_roll((STAY, "9"))
    assert outcome(school.night(LAST)) == "success"
    school.on_roll((range(101, 108), "9"))
    assert outcome(school.night(AFTER)) == "success", "5 are within the limits, for the 8 do not count"
    school.on_roll((range(101, 107), "9"))
    night = school.night(AFTER + timedelta(days=1))
    assert outcome(night) == "held"
    assert "With those of the last 7 days that no person approved, 6 accounts" in reason(night)


def test_unexpected_leavers_among_expected_ones_are_held_with_all_departures(school: NightSchool) -> None:
    school.configure(expected=[SUMMER], limits={"disable": {"percent": 0, "floor": 2}})
    school.on_roll((STAY, "9"), (LEAVE, "11"))
    assert school.night(BEFORE).fault is None
    school.on_roll((range(101, 110), "9"))
    night = school.night(INSIDE)
    assert outcome(night) == "held"
    assert "3 of 20 active student accounts would be disabled" in reason(night)
    assert school.active() == {*STAY, *LEAVE}


@pytest.mark.parametrize(("leaving", "held"), [(12, False), (13, True)])
def test_departures_of_more_than_60_per_cent_are_held_even_when_expected(
    school: NightSchool, leaving: int, held: bool
) -> None:
    school.configure(expected=[SUMMER])
    stay, leave = range(1, 21 - leaving), range(21 - leaving, 21)
    school.on_roll((stay, "9"), (leave, "11"))
    assert school.night(BEFORE).fault is None
    school.on_roll((stay, "9"))
    night = school.night(INSIDE)
    assert (outcome(night) == "held") == held
    assert ("more than 60 % always takes an approval" in reason(night)) == held


def test_the_last_known_year_group_is_kept_until_the_account_is_disabled(school: NightSchool) -> None:
    begun(school, "11")

    def known() -> dict[str, str]:
        return dict(school.run(BEFORE).state.year_groups())

    assert known() == {**dict.fromkeys(map(str, STAY), "Year 9"), **dict.fromkeys(map(str, LEAVE), "11")}
    school.on_roll((STAY, "Year 9"), (LEAVE, None))
    assert school.night(BEFORE).fault is None
    assert known()["113"] == "11", "SIMS has none any more"
    school.on_roll((STAY, "10"))
    assert outcome(school.night(BEFORE)) == "held"
    assert (known()["101"], known()["113"]) == ("10", "11"), "nobody was disabled"
    assert outcome(school.night(INSIDE)) == "success"
    assert known() == dict.fromkeys(map(str, STAY), "10")


def test_runs_that_apply_no_whole_roll_leave_the_year_groups_as_they_are(school: NightSchool) -> None:
    begun(school, "11")
    before = dict(school.run(BEFORE).state.year_groups())
    school.on_roll((STAY, "10"), (LEAVE, "12"))
    school.night(BEFORE, dry_run=True)
    school.night(BEFORE, only_person_ids=frozenset({"113"}))
    school.night(BEFORE - timedelta(days=1))
    assert dict(school.run(BEFORE).state.year_groups()) == before


def test_more_joiners_are_let_through_in_the_window(school: NightSchool) -> None:
    begun(school, "11")
    school.configure(expected=[SUMMER], limits={"create": {"floor": 0}})
    school.on_roll((STAY, "9"), (LEAVE, "11"), (range(201, 211), "7"))
    assert outcome(school.night(BEFORE)) == "held", "10 of 20 are more than 25 %"
    assert outcome(school.night(INSIDE)) == "success"
    school.on_roll((STAY, "9"), (LEAVE, "11"), (range(201, 227), "7"))
    assert outcome(school.night(INSIDE)) == "held", "16 of 30 are more than 50 %"


def test_in_a_pause_of_leavers_everybody_else_is_written_and_the_reason_is_told(school: NightSchool) -> None:
    begun(school, "9")
    school.configure(pause=pause("leavers"))
    school.on_roll((STAY, "9"), (range(201, 203), "7"))
    night = school.night(INSIDE)
    assert outcome(night) == "success"
    assert night.states["disable_leavers"] == "skipped"
    assert reason(night) == ("Nobody is disabled: Leavers are paused until 16 July 2026 (`pause`): the platform moves")
    assert school.active() == {*STAY, *LEAVE, 201, 202}
    assert outcome(school.night(INSIDE + timedelta(days=2), approved_by="admin")) == "success"
    assert school.active() == {*STAY, 201, 202}


def test_in_a_pause_of_all_a_run_ends_as_paused_and_asks_nobody_for_anything(school: NightSchool) -> None:
    begun(school, "9")
    school.configure(pause=pause("all"))
    writes = school.active()
    school.on_roll((STAY, "9"))
    for day in (INSIDE, INSIDE + timedelta(days=1)):
        night = school.night(day)
        assert (outcome(night), night.fault) == ("paused", None)
        assert night.reported
        assert set(night.reported.report.counts.values()) == {0}
        assert reason(night) == "The school is paused until 16 July 2026 (`pause`): the platform moves"
        assert set(night.states.values()) == {"skipped", "success"}
        assert not night.reported.is_whole_sync
    assert school.active() == writes
    mark = school.run(BEFORE).state.mark()
    assert mark
    assert mark.effective_date == BEFORE
    assert outcome(school.night(INSIDE, dry_run=True)) == "dry_run"
    assert outcome(school.night(AFTER, approved_by="admin")) == "success"
    assert outcome(school.night(BEFORE)) == "superseded"


def test_a_pause_of_all_asks_sims_for_nothing(school: NightSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    school.configure(pause=pause("all"))

    def refuse(*_: Any) -> Any:
        raise AssertionError("asked")

    monkeypatch.setattr(type(school.source), "fetch", refuse)
    monkeypatch.setattr("sims_sync.night.preparing.hold_lease", refuse)
    monkeypatch.setattr(NightSchool, "_session", refuse)
    assert outcome(school.night(INSIDE)) == "paused"


class Letters:
    """Keeps the mails."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    def send(self, school: Any, mail: Mail) -> bool:
        self.mails.append(mail)
        return True

    def places(self, school: Any, run_id: str) -> Any:
        return AirflowPost().places(school, run_id)


def test_a_paused_run_neither_fails_a_school_nor_heals_it_and_is_never_late(school: NightSchool) -> None:
    post = Letters()
    school.on_roll((range(0), "9"))
    for day, paused in ((BEFORE, False), (INSIDE, True)):
        school.configure(pause=pause("all") if paused else [])
        run = school.run(day)
        night = run_night(run)
        assert night.reported
        after_report(run, night.reported, post)
    assert [mail.subject for mail in post.mails] == ["Green Abbey: the roll from SIMS was refused"]
    reader, hours = RunReader(run.files.folder), timedelta(hours=3)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    tell_late(run.school, "tonight", reader, tomorrow, hours, INSIDE, post)
    assert len(post.mails) == 1
    tell_late(run.school, "tonight", reader, tomorrow, hours, AFTER, post)
    assert post.mails[1].subject == "Green Abbey: the run is late"


def test_an_unreadable_state_of_year_groups_says_what_to_do(school: NightSchool) -> None:
    begun(school, "11")
    school.run(BEFORE).state.folder.write("year_groups.json", b"[]")
    night = school.night(INSIDE)
    assert isinstance(night.fault, SyncError)
    assert "year_groups.json" in str(night.fault)
