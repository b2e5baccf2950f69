"""Answers of SIMS that must not disable a school (SPEC section 2), through the whole DAG."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night

from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker

MONDAY, TUESDAY = date(2026, 9, 14), date(2026, 9, 15)


@pytest.fixture(autouse=True)
def _a_good_night_before(sims: Database, broker: Broker, directory: Running, night: Night) -> None:
    for person_id in (101, 102, 103):
        sims.put_student(person_id)
    assert night(MONDAY).state == "success"
    broker.calls.clear()
    directory.requests.clear()


def nothing_happened(directory: Running) -> None:
    assert directory.writes == 0
    assert all(user["active"] for user in directory.users())


BAD: dict[str, tuple[Callable[[Broker, Database], object], str, int]] = {
    "a wrong password is tried once and names the connection": (
        lambda broker, _: setattr(broker, "password", "changed"),
        "sims_green_abbey",
        1,
    ),
    "a missing permission fails at once and names it": (
        lambda broker, _: broker.deny("Students -> Basic Details -> View (All)"),
        "Students -> Basic Details -> View (All)",
        2,
    ),
    "another school's numbers are refused before any student is read": (
        lambda _, sims: sims.put_school(estab="9999"),
        "9999",
        1,
    ),
    "zero students are refused": (lambda _, sims: sims.delete("students"), "no student", 2),
    "students but not one email address are refused": (lambda _, sims: sims.delete("emails"), "email", 6),
}


@pytest.mark.parametrize("case", list(BAD))
def test_a_permanent_fault_disables_nobody(
    case: str, sims: Database, broker: Broker, directory: Running, night: Night
) -> None:
    spoil, message, calls = BAD[case]
    spoil(broker, sims)
    ran = night(TUESDAY)
    assert (ran.state, ran.tasks["extract"]) == ("failed", "failed")
    assert ran.report
    assert ran.report["outcome"] == "failed"
    assert message in ran.report["reason"]
    assert len(broker.calls) <= calls, "never hammered"
    nothing_happened(directory)


def test_a_transient_fault_is_retried(broker: Broker, directory: Running, dag_night: Night) -> None:
    broker.fail_next(503)
    ran = dag_night(TUESDAY)
    assert ran.state == "success"
    assert ran.counts == {"extracted": 3, "unchanged": 3}
