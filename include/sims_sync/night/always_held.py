"""What holds a plan whatever its numbers: the school's memory or its directory is not what it was (SPEC section 7)."""

from __future__ import annotations

import pandas as pd

from sims_sync.directory.scim_client import Directory
from sims_sync.night.run import Run
from sims_sync.runs.mark import Mark


def always_held(run: Run, directory: Directory, mark: Mark | None, accounts: pd.DataFrame) -> list[str]:
    """Why a plan is held, in words without a value; empty where it is not.

    :param mark: of the school, if it has one.
    :param accounts: as they are.
    """
    return [*_lost_mark(run, mark, accounts), *_another_directory(run, directory, accounts)]


def _another_directory(run: Run, directory: Directory, accounts: pd.DataFrame) -> list[str]:
    """A directory that is not what it was after the last applied run is held (SPEC section 7)."""
    applied, students = run.state.applied(), int(accounts["is_student"].sum())
    if applied is None:
        return []
    changed = (
        "The directory's address or its settings (`directory`) changed since the last run that was applied: is it the "
        "right directory, and are its accounts the same?"
    )
    emptied = (
        f"The directory lists {students} student accounts, and had {applied.still_listed} after the last run that was "
        "applied: was it emptied, or does it list fewer than it has?"
    )
    return [
        *([changed] if applied.of != directory.learnt.of else []),
        *([emptied] if 2 * students < applied.still_listed else []),
    ]


def _lost_mark(run: Run, mark: Mark | None, accounts: pd.DataFrame) -> list[str]:
    """A school with earlier runs whose mark is gone is held (SPEC section 7)."""
    if mark is not None or not (accounts["disabled_by_sync"].any() or run.state.has_applied()):
        return []
    return [
        "The school's mark is gone (state/mark.json in its folder of the store), though earlier runs wrote to this "
        "directory: nobody can tell whether a newer roll was applied. Restore state/ from a backup and clear `plan`; "
        "or approve, if this roll is the newest."
    ]
