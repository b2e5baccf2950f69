"""Writes of which nobody can tell whether they were made."""

from __future__ import annotations

from sims_sync.model.change_kinds import LEAVER_KINDS
from sims_sync.model.errors import SyncError
from sims_sync.runs.reading import RunReader

_AFTER = {"load": "approve", "disable_leavers": "approve_leavers"}
"""The stages that write, each with the one that lets it."""

_DEFECT = SyncError.__name__
"""Whatever is no fault of its own kind is kept as one of no kind (``night.run.recorded``)."""


def is_untold(run: RunReader, stage: str) -> bool:
    """Whether a stage may have written without a word of what: it began, and was killed or ended by a defect.

    :param run: one that has ended.
    """
    if stage not in _AFTER or f"{stage}.json" in run.names or f"{_AFTER[stage]}.json" not in run.names:
        return False
    ended = run.ended(stage)
    return ended is None or (ended.how == "failed" and ended.kind == _DEFECT)


def writing_stage(kind: str) -> str:
    """The stage that makes the changes of a kind."""
    return "disable_leavers" if kind in LEAVER_KINDS else "load"
