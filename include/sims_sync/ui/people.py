"""Finds a student by Person ID or admission number: in the newest roll that has them, else in the register."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sims_sync.config.school_entry import School
from sims_sync.model.person import NUMBER, order
from sims_sync.runs.documents import ValidateFacts
from sims_sync.runs.register import Register
from sims_sync.store.folder import Folder
from sims_sync.ui.history import RunSummary
from sims_sync.ui.seen import seen

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 10
"""Runs that are looked at for a student."""


def find_people(root: Folder, school: School, runs: Sequence[RunSummary], wanted: str) -> list[str]:
    """The Person IDs that a Person ID or admission number may mean.

    :param runs: the newest first.
    """
    for run in runs[:LOOKED_AT]:
        roll = seen(root, school.id, run.run_id, may_edit=False).table(ValidateFacts, "roll")
        if roll is not None and (found := _meant(roll, wanted)):
            return found
    return _meant(Register(root, school.id).people(), wanted)


def _meant(people: pd.DataFrame, wanted: str) -> list[str]:
    """:param people: ``person_id`` and ``school_identifier``."""
    known = people.dropna(subset="person_id")
    numbers = known["school_identifier"].fillna("").str.casefold()
    exact = numbers == wanted.casefold()
    same = numbers.str.lstrip("0") == wanted.casefold().lstrip("0") if wanted.strip("0") else exact
    by_number = known[exact] if exact.any() else known[same]
    by_id = known[known["person_id"] == (NUMBER.key(wanted) or wanted)]
    return sorted({person for each in (by_id, by_number) for person in each["person_id"]}, key=order)
