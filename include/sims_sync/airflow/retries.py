"""Which faults are worth another try."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from sims_sync.errors import PermanentFault, TransientFault


class FaultRetryPolicy(RetryPolicy):
    """Permanent faults fail at once; transient ones wait as long as the server asked; the rest is retried as usual.

    SIMS locks an account whose password is tried too often, so a refused login is never retried.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide by the type of the fault."""
        if isinstance(exception, PermanentFault):
            return RetryDecision.fail(reason=str(exception))
        if isinstance(exception, TransientFault) and exception.retry_after is not None:
            return RetryDecision.retry(
                delay=timedelta(seconds=exception.retry_after), reason="the server asked to wait"
            )
        return RetryDecision.default()
