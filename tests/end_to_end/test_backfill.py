"""Backfills can do no harm (SPEC section 7): through Airflow's own command and its real scheduler."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any

import pytest

from proxy import Forward, Reply, Request
from scheduled import School, scheduled_schools

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DAYS = [date(2026, 9, 12) + timedelta(days=each) for each in range(4)]
RUNS = [f"night-of-the-{day:%d}" for day in DAYS]
FAILED = 2
NIGHTLY: dict[str, Any] = {"schedule": "30 1 * * *", "timezone": "Europe/London"}
MANY_LEAVERS = {"limits": {"disable_7_days": {"percent": 100}}}


def tick(day: date) -> datetime:
    """When the schedule is due on a day of summer."""
    return datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, School]]:
    folder = tmp_path_factory.mktemp("schools")
    with scheduled_schools(folder, {"four-nights": NIGHTLY, "slow": NIGHTLY | MANY_LEAVERS}, bulk=False) as schools:
        yield schools


@pytest.fixture(scope="module")
def school(schools: dict[str, School]) -> School:
    """A school after four nights with other students each, the third of which failed."""
    school = schools["four-nights"]
    school.enrol(range(101, 111))
    school.sims.leave(101, DAYS[0])
    school.enrol((111, 112), valid_from=DAYS[1])
    school.sims.change("students", {"person_id": 104}, on=DAYS[2], surname="Passing")
    school.sims.leave(102, DAYS[1])
    school.sims.change("students", {"person_id": 104}, on=DAYS[3], surname="Lasting")
    school.sims.rejoin(101, DAYS[3])
    school.sims.leave(103, DAYS[2])
    school.enrol((113,), valid_from=DAYS[3])
    for place, (day, run) in enumerate(zip(DAYS, RUNS, strict=True)):
        school.sims.put_school(estab="9999" if place == FAILED else "4321")
        assert school.night(run, tick(day)) == ("failed" if place == FAILED else "success")
    assert school.active() == {101, *range(104, 114)}
    return school


def backfill(school: School, behavior: str, *more: str, days: list[date] = DAYS) -> None:
    """Airflow's command, for the ticks of these days.

    Alone with the database: where SQLite, which has one writer, is locked, Airflow 3.3.2 removes the backfill that it
    had begun, and with it the runs of history that it was to do again.
    """
    first, last = (tick(day).isoformat() for day in (days[0], days[-1]))
    arguments = ["--dag-id", school.dag_id, "--from-date", first, "--to-date", last, "--reprocess-behavior", behavior]
    while school.stack.airflow.is_backfilling(school.dag_id):
        time.sleep(0.5)
    with school.stack.database_to_ourselves():
        school.stack.run_airflow("backfill", "create", *arguments, *more)


def assert_a_backfill_writes_nothing(school: School, behavior: str) -> None:
    before = school.directory.users()
    school.directory.requests.clear()
    backfill(school, behavior)
    assert [school.wait(run) for run in RUNS] == ["success"] * 4
    assert school.directory.writes == 0
    assert school.directory.users() == before, "no account flickers"
    assert school.broker.overlaps == 0


def outcomes(school: School) -> list[str]:
    return [school.report(run)["outcome"] for run in RUNS]


def test_the_nights_were_those_of_their_own_dates(school: School) -> None:
    assert [school.report(run)["effective_date"] for run in RUNS] == [str(day) for day in DAYS]
    assert outcomes(school) == ["success", "success", "failed", "success"]
    assert school.counts(RUNS[3]) == {
        "extracted": 11, "created": 1, "updated": 2, "enabled": 1, "unchanged": 8, "disabled": 2,
    }  # fmt: skip


def test_a_backfill_of_the_failed_night_writes_nothing(school: School) -> None:
    assert_a_backfill_writes_nothing(school, "failed")
    assert outcomes(school) == ["success", "success", "superseded", "success"]
    failed = school.report(RUNS[FAILED])
    assert "the roll of 2026-09-14" in failed["reason"]
    assert f"the run {RUNS[3]} began to apply a newer one (the roll of 2026-09-15" in failed["reason"]
    assert failed["counts"]["extracted"] == 10, "it reports all the same"
    tasks = school.tasks(RUNS[FAILED])
    assert tasks["load"] == tasks["disable_leavers"] == "skipped"


@dataclass
class SlowWrites:
    """Passes writes on slowly, and counts how many come at the same time."""

    now: int = 0
    most: int = 0
    lock: Lock = field(default_factory=Lock)

    def __call__(self, request: Request, forward: Forward) -> Reply:
        if request.method == "GET" or "/Users" not in request.path:
            return forward(request)
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(0.2)
            return forward(request)
        finally:
            with self.lock:
                self.now -= 1


def test_two_runs_of_a_school_never_write_at_the_same_time(schools: dict[str, School]) -> None:
    school = schools["slow"]
    school.ran_before()
    school.enrol(range(101, 109), surname="First")
    for day, surname in zip(DAYS[1:3], ("Second", "Third"), strict=True):
        for person_id in range(101, 109):
            school.sims.change("students", {"person_id": person_id}, on=day, surname=surname)
    for place, leavers in enumerate((range(121, 124), range(124, 127), range(127, 130))):
        for person_id in leavers:  # on roll on the other two days
            for day in {*DAYS[:3]} - {DAYS[place]}:
                school.sims.put_student(person_id, email=None, valid_from=day, valid_to=day)
            school.sims.put_email(person_id, f"person-{person_id}@example.org", primary=True)
            account = {"userName": f"{person_id:06d}", "externalId": f"{person_id}", "active": True}
            school.directory.put_user({**account, "roles": [{"value": "student"}]})
    school.proxy.meddle = writes = SlowWrites()
    backfill(school, "none", "--dag-run-conf", '{"allow_older": true}', days=DAYS[:2])
    school.trigger("tonight", effective_date=str(DAYS[2]), allow_older=True)
    runs = school.stack.airflow.runs(school.dag_id)
    assert len(runs) == 3
    assert [school.wait(run) for run in runs] == ["success"] * 3
    assert {school.report(run)["outcome"] for run in runs} == {"success"}
    assert all(school.counts(run).get("disabled") for run in runs), "each has leavers of its own"
    assert writes.most == 1
    assert school.broker.overlaps == 0


def test_a_backfill_of_all_nights_writes_nothing(school: School) -> None:
    assert_a_backfill_writes_nothing(school, "completed")
    assert outcomes(school) == ["superseded", "superseded", "superseded", "success"]
    assert school.counts(RUNS[3]) == {"extracted": 11, "unchanged": 11}


def test_clearing_load_of_an_older_night_writes_nothing(school: School) -> None:
    school.directory.requests.clear()
    school.clear(RUNS[0], "load")
    assert school.wait(RUNS[0]) == "success"
    assert school.report(RUNS[0])["outcome"] == "superseded"
    assert school.directory.writes == 0
