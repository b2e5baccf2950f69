"""Silence of the libraries that handle what is personal (SPEC section 9).

They log what they meet: URLs with a user name in the query, headers that they cannot parse, whole bodies. No list of
such messages would stay right, so nothing of theirs is logged while a request of ours is under way, and nothing but
their warnings while a task is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_LINES = "urllib3.connectionpool"
"""The logger that says at DEBUG which address was asked, and the status and the size of the answer."""

_OURS = frozenset({"sims_sync", "airflow", "task"})
_silent_below: ContextVar[int] = ContextVar("the level below which libraries are silent", default=0)
_may_speak: ContextVar[str] = ContextVar("the logger that is not", default="")
_filtered: set[str] = set()


@contextmanager
def unlogged(*, below: int = sys.maxsize, but: str = "") -> Iterator[None]:
    """What libraries log in this context while the block runs goes nowhere. What they log for others goes on.

    :param below: the level from which on it goes on all the same; default: none.
    :param but: a logger whose records of DEBUG do.
    """
    _filter_all()
    before, spoke_before = _silent_below.set(max(below, _silent_below.get())), _may_speak.set(but)
    try:
        yield
    finally:
        _silent_below.reset(before)
        _may_speak.reset(spoke_before)


def _filter_all() -> None:
    """Loggers do not filter what their children log, so it is each of those that there are by now."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name not in _filtered and name.partition(".")[0] not in _OURS:
            logger.addFilter(_passes)
            _filtered.add(name)


def _passes(record: logging.LogRecord) -> bool:
    return record.levelno >= _silent_below.get() or (
        record.levelno <= logging.DEBUG and record.name == _may_speak.get()
    )
