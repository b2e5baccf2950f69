"""What holds a plan whatever its numbers: the school's memory or its directory is not what it was (SPEC section 7)."""

from __future__ import annotations

import pandas as pd

from sims_sync.directory.scim_client import Directory
from sims_sync.night.preparing import on_roll
from sims_sync.night.run import Run
from sims_sync.runs.mark import Mark


def always_held(
    run: Run, directory: Directory, mark: Mark | None, accounts: pd.DataFrame, pairs: pd.DataFrame
) -> list[str]:
    """Why a plan is held, in words without a value; empty where it is not.

    :param mark: of the school, if it has one.
    :param accounts: as they are.
    :param pairs: students and accounts that seem to be theirs (``changes.pairs.PAIR_COLUMNS``).
    """
    without_a_mark = () if mark else (_lost_mark(run, accounts) or _first_run(run, accounts, pairs))
    return [*without_a_mark, *_another_directory(run, directory, accounts)]


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


def _lost_mark(run: Run, accounts: pd.DataFrame) -> list[str]:
    """A school with earlier runs whose mark is gone is held (SPEC section 7)."""
    if not (accounts["disabled_by_sync"].any() or run.state.has_applied()):
        return []
    return [
        "The school's mark is gone (state/mark.json in its folder of the store), though earlier runs wrote to this "
        "directory: nobody can tell whether a newer roll was applied. Restore state/ from a backup and clear `plan`; "
        "or approve, if this roll is the newest."
    ]


def _first_run(run: Run, accounts: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """The first run on a directory that has student accounts is held, one of some students alone, too (SPEC section
    7)."""
    students = accounts[accounts["is_student"]]
    if students.empty or run.state.applied() is not None:
        return []
    linked = int(students["linked_person_id"].isin(on_roll(run)["person_id"]).sum())
    return [
        f"This is the school's first run, and the directory has {len(students):,} student accounts already: "
        f"{linked:,} of them have the Person ID of a student on roll, and those of {pairs['person_id'].nunique():,} "
        "more students seem to be there under another Person ID or under none. Is it the right directory? Approve if "
        "it is: that is not asked again."
    ]
