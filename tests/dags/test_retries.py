"""Which faults are tried again, and when (SPEC sections 2 and 7)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction, RetryDecision

from sims_sync.airflow.retries import LONGEST_WAIT, FaultRetryPolicy
from sims_sync.model.errors import (
    CredentialsRefused,
    DeparturesNotApproved,
    NotApproved,
    PermanentFault,
    PermissionMissing,
    RollRefused,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)

CONTEXT: Any = {
    "task": SimpleNamespace(retry_delay=timedelta(minutes=5), max_retry_delay=timedelta(minutes=30)),
}


def decided(fault: Exception, try_number: int = 1) -> RetryDecision:
    return FaultRetryPolicy().evaluate(fault, try_number, 3, CONTEXT)


def delay(fault: Exception, try_number: int = 1) -> timedelta:
    decision = decided(fault, try_number)
    assert decision.action == RetryAction.RETRY
    assert decision.retry_delay is not None
    return decision.retry_delay


@pytest.mark.parametrize(
    "kind", [PermanentFault, CredentialsRefused, PermissionMissing, RollRefused, NotApproved, DeparturesNotApproved]
)
def test_a_permanent_fault_fails_at_once_with_the_thing_to_do(kind: type[SyncError]) -> None:
    decision = decided(kind("The password is wrong.", advice="Correct it."))
    assert decision.action == RetryAction.FAIL
    assert decision.reason == "The password is wrong. Correct it."


@pytest.mark.parametrize("fault", [UnexpectedAnswer("No SCIM."), SyncError("A defect."), ValueError()])
def test_any_other_fault_is_retried_as_usual(fault: Exception) -> None:
    assert decided(fault).action == RetryAction.DEFAULT


@pytest.mark.parametrize(("try_number", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 30), (9, 30)])
def test_a_transient_fault_backs_off_with_jitter(try_number: int, minutes: int) -> None:
    delays = [delay(TransientFault("Busy."), try_number) for _ in range(200)]
    assert min(delays) >= timedelta(minutes=minutes) / 2
    assert max(delays) <= timedelta(minutes=minutes) * 1.5
    assert max(delays) - min(delays) > timedelta(minutes=minutes) / 2, "schools do not come back all at once"


@pytest.mark.parametrize("seconds", [1, 600, 3 * 3600])
def test_a_server_that_asks_to_wait_is_waited_for(seconds: int) -> None:
    waited = delay(TransientFault("Busy.", retry_after=seconds)).total_seconds()
    assert waited >= seconds
    assert waited <= max(seconds * 1.1, 450)


def test_a_server_that_asks_to_wait_for_more_than_the_night_is_not_waited_for() -> None:
    decision = decided(TransientFault("Busy.", retry_after=LONGEST_WAIT.total_seconds() + 60))
    assert decision.action == RetryAction.FAIL
    assert "6:01:00" in (decision.reason or "")
