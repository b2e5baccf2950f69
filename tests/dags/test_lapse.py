"""When an approval lapses (SPEC section 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from sims_sync.airflow.settings import RUN_TIMEOUT
from sims_sync.config.school_entry import School
from sims_sync.night.approval import lapse
from sims_sync.night.parameters import RunParameters
from sims_sync.night.run import Run
from sims_sync.runs.files import RunFiles
from sims_sync.runs.state import SchoolState
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.store.local import LocalFolder

NIGHT = datetime(2026, 9, 15, 2, 10, tzinfo=UTC)


def nothing() -> NoReturn:
    raise AssertionError("nothing is opened to tell when an approval lapses")


def run_of(schedule: str, timezone: str = "Etc/UTC") -> Run:
    school = School(
        id="green-abbey",
        name="Green Abbey",
        la="823",
        estab="4321",
        modules=["timetable"],
        username="email",
        schedule=schedule,
        timezone=timezone,
    )
    parameters = RunParameters(dry_run=False, effective_date=NIGHT.date(), only_person_ids=None, allow_older=False)
    return Run(
        school,
        "run",
        parameters,
        RunFiles(LocalFolder(Path("run"))),
        SchoolState(LocalFolder(Path()), "green-abbey"),
        source=Sims(nothing, school.la, school.estab),
        open_directory=nothing,
    )


@pytest.mark.parametrize(
    ("schedule", "timezone", "lapses"),
    [
        ("0 2 * * *", "Etc/UTC", "2026-09-16 00:10"),  # an hour before the end of the run's 23 hours
        ("0 1 * * *", "Etc/UTC", "2026-09-16 00:00"),  # an hour before the next run
        ("0 2 * * *", "Europe/London", "2026-09-16 00:00"),  # which is due at 01:00 UTC
        ("manual", "Etc/UTC", "2026-09-16 00:10"),
        ("0 */4 * * *", "Etc/UTC", "2026-09-15 03:50"),  # a little before the next of many runs in a day
    ],
)
def test_an_approval_lapses_before_the_next_scheduled_run(schedule: str, timezone: str, lapses: str) -> None:
    at = lapse(run_of(schedule, timezone), NIGHT, NIGHT, ends_at=NIGHT + RUN_TIMEOUT)
    assert abs(at - datetime.fromisoformat(f"{lapses}+00:00")) < timedelta(minutes=10)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=12), timedelta(hours=23, minutes=59)])
def test_an_approval_lapses_before_the_plan_is_too_old_to_be_applied(age: timedelta) -> None:
    now = NIGHT + age
    at = lapse(run_of("0 2 * * 1"), NIGHT, now, ends_at=now + RUN_TIMEOUT)
    assert now < at < NIGHT + timedelta(hours=24)


def test_a_plan_that_is_too_old_already_lapses_at_once() -> None:
    now = NIGHT + timedelta(days=2)
    assert lapse(run_of("0 2 * * *"), NIGHT, now, ends_at=NIGHT + RUN_TIMEOUT) == now
