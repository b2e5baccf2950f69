"""Silence of the libraries while they talk to SIMS or to the directory (SPEC section 9).

They log what they meet: URLs with a user name in the query, headers that they cannot parse, whole bodies. No list of
such messages would stay right, so nothing of theirs is logged while a request of ours is under way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_LINES = "urllib3.connectionpool"
"""The logger that says at DEBUG which address was asked, and the status and the size of the answer."""

_OURS = frozenset({"sims_sync", "airflow"})
_silent: ContextVar[bool] = ContextVar("libraries are silent", default=False)
_may_speak: ContextVar[str] = ContextVar("the logger that is not", default="")
_filtered: set[str] = set()


@contextmanager
def unlogged(*, but: str = "") -> Iterator[None]:
    """What libraries log in this context while the block runs goes nowhere; what they log for others does.

    :param but: a logger whose records of DEBUG are let through.
    """
    _filter_all()
    before, spoke_before = _silent.set(True), _may_speak.set(but)
    try:
        yield
    finally:
        _silent.reset(before)
        _may_speak.reset(spoke_before)


def _filter_all() -> None:
    """Loggers do not filter what their children log, so it is each of those that there are by now."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name not in _filtered and name.partition(".")[0] not in _OURS:
            logger.addFilter(_passes)
            _filtered.add(name)


def _passes(record: logging.LogRecord) -> bool:
    return not _silent.get() or (record.levelno <= logging.DEBUG and record.name == _may_speak.get())
