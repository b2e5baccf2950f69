"""Nights write down in the register what they did: who, what, why, in which run, approved by whom (SPEC section 9)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from night_schools import NightSchool

from nights_without_airflow import run_night
from sims_sync.changes.result import Result
from sims_sync.night import applying
from sims_sync.runs.documents import ApproveFacts
from sims_sync.runs.register import Register

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 9, 14) + timedelta(days=day) for day in range(3))
ALL, STAY = range(101, 113), range(101, 105)


def register(school: NightSchool) -> Register:
    return Register(school.store, school.school.id)


def told(school: NightSchool, person_id: int) -> list[tuple[str, str, str, str | None, bool]]:
    """What stands there of a person, the oldest first."""
    entries = register(school).of_person(str(person_id))
    return [(each.kind, each.cause, each.run_id, each.approved_by, each.done) for each in reversed(entries)]


def test_who_was_created_changed_disabled_and_enabled_stands_there_with_run_and_approval(school: NightSchool) -> None:
    school.on_roll((ALL, "9"))
    assert school.night(MONDAY).fault is None
    school.on_roll((STAY, "9"), mobiles={101: "07700 900123"})
    assert school.night(TUESDAY, approved_by="Anna").fault is None, "8 of 12 have left, which is over the limits"
    school.on_roll((STAY, "9"), (range(112, 113), "9"), mobiles={101: "07700 900123"})
    assert school.night(WEDNESDAY).fault is None
    assert told(school, 101) == [
        ("create", "on roll, no account", "night 1", None, True),
        ("update", "values differ", "night 2", None, True),
    ]
    created, disabled, enabled = told(school, 112)
    assert (created[0], disabled, enabled[0]) == (
        "create",
        ("disable", "not on roll", "night 2", "Anna", True),
        "enable",
    )
    accounts = {user["externalId"]: user["id"] for user in school.users()}
    assert {each.account_id for each in register(school).of_person("112")} == {accounts["112"]}
    assert [each.person_id for each in register(school).disabled()] == [str(number) for number in range(105, 112)]
    assert {each.school_identifier for each in register(school).of_person("112")} == {"000112"}


def test_a_dry_run_a_held_plan_and_one_that_is_rejected_did_nothing(school: NightSchool) -> None:
    school.on_roll((ALL, "9"))
    school.night(MONDAY, dry_run=True)
    school.configure(limits={"reject": {"percent": 0, "floor": 0}})
    school.on_roll((ALL, "9"), (range(101, 102), "9"))
    assert school.night(TUESDAY).fault is not None
    assert register(school).folder.names() == []


class Killed(BaseException):
    """What ends a process without asking anybody."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Kills the writing after so many results; never, unless a test says so."""
    after: dict[str, int] = {}
    whole = applying.apply_changes

    def killed(*given: Any) -> Iterator[Result]:
        for number, result in enumerate(whole(*given), start=1):
            yield result
            if number == after.get("results"):
                raise Killed

    monkeypatch.setattr(applying, "apply_changes", killed)
    return after


def test_a_run_that_was_killed_and_cleared_stands_there_once(school: NightSchool, kill: dict[str, int]) -> None:
    school.on_roll((ALL, "9"))
    run = school.run(MONDAY)
    kill["results"] = 5
    with pytest.raises(Killed):
        run_night(run)
    assert told(school, 101) == [("create", "on roll, no account", "night 1", None, False)], "nobody knows yet"
    kill.clear()
    for _ in range(2):
        applying.load(run, run.files.open(ApproveFacts).reference)
        assert {person: told(school, person) for person in ALL} == {
            person: [("create", "on roll, no account", "night 1", None, True)] for person in ALL
        }


def test_what_was_planned_anew_after_a_kill_leaves_what_the_first_try_began(
    school: NightSchool, kill: dict[str, int]
) -> None:
    school.on_roll((ALL, "9"))
    run = school.run(MONDAY)
    kill["results"] = 5
    with pytest.raises(Killed):
        run_night(run)
    kill.clear()
    assert run_night(run).fault is None
    done = {person: [each.done for each in register(school).of_person(str(person))] for person in ALL}
    assert done == {person: [False] for person in ALL}, "all were sent at once"


def test_what_the_directory_refused_was_not_done(school: NightSchool) -> None:
    school.on_roll((ALL, "9"))
    school.ask("POST", "/Users", {"userName": "000101", "roles": [{"value": "staff"}]})
    school.night(MONDAY)
    assert told(school, 101) == []
    assert [each[0] for each in told(school, 102)] == ["create"]
