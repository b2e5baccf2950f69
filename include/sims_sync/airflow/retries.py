"""Which faults are worth another try, and when."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from sims_sync.model.errors import PermanentFault, TransientFault

LONGEST_WAIT = timedelta(hours=6)
"""A server that asks to wait for longer is not waited for: the night is over by then."""


class FaultRetryPolicy(RetryPolicy):
    """Permanent faults fail at once; transient ones back off with jitter and wait as long as the server asked; the rest
    is retried as usual.

    SIMS locks an account whose password is tried too often, so a refused login is never retried. Without the jitter,
    hundreds of schools whose common server was down would all be back at the same second.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide by the type of the fault."""
        if isinstance(exception, PermanentFault):
            return RetryDecision.fail(reason=str(exception))
        if not isinstance(exception, TransientFault) or context is None:
            return RetryDecision.default()
        task = context["task"]
        delay = min(task.retry_delay * 2 ** (try_number - 1), task.max_retry_delay)
        asked = timedelta(seconds=exception.retry_after or 0)
        if asked > LONGEST_WAIT:
            return RetryDecision.fail(reason=f"The server asks to come back in {asked}: clear the task then.")
        if asked > delay:
            return RetryDecision.retry(delay=asked * random.uniform(1, 1.1), reason="the server asked to wait")  # noqa: S311 # no secret
        return RetryDecision.retry(delay=delay * random.uniform(0.5, 1.5), reason="a transient fault")  # noqa: S311 # no secret
