"""The last line of the log of a task that did not end well: what to do.

Airflow's log view folds what comes after a task's traceback, and cuts a long line above it: who opens the log looks at
its end, and finds a stack. So the advice stands there once more, alone, outside of the folded group.
"""

from __future__ import annotations

import logging
from typing import Any

from sims_sync.mails.failure import CLEAR
from sims_sync.model.errors import SyncError

log = logging.getLogger(__name__)

_END_OF_GROUP = "::endgroup::"
"""Ends the group *Post Execute*, in which Airflow calls callbacks. Its own end, which follows, then ends nothing."""


def after_failure(context: Any) -> None:
    """The callback of a task that failed for good."""
    fault = context.get("exception")
    advice = fault.advice if isinstance(fault, SyncError) else ""
    log.info(_END_OF_GROUP)
    log.error("What to do: %s", advice or CLEAR)


def before_retry(_context: Any) -> None:
    """The callback of a task that is tried again."""
    log.info(_END_OF_GROUP)
    log.warning("What to do: nothing yet. Airflow tries this task again by itself: see its next log.")
