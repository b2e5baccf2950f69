"""Finds a student by Person ID or admission number: in the newest roll that has them, and in the register."""

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
    """The Person IDs that a Person ID or admission number may mean: of a text with leading zeros, those with such an
    admission number first.

    :param runs: the newest first.
    """
    tables = (
        seen(root, school.id, run.run_id, may_edit=False).table(ValidateFacts, "roll") for run in runs[:LOOKED_AT]
    )
    in_rolls = (_meant(roll, wanted) for roll in tables if roll is not None)
    on_roll = next((found for found in in_rolls if any(found)), (set[str](), set[str]()))
    known = _meant(Register(root, school.id).people(), wanted)
    by_id, by_number = (of_roll | of_register for of_roll, of_register in zip(on_roll, known, strict=True))
    first, other = (by_number, by_id) if wanted.startswith("0") else (by_id, by_number)
    return [*sorted(first, key=order), *sorted(other - first, key=order)]


def _meant(people: pd.DataFrame, wanted: str) -> tuple[set[str], set[str]]:
    """Who has this Person ID, and who has this admission number; one exactly so goes before one with other zeros.

    :param people: ``person_id`` and ``school_identifier``.
    """
    known = people.dropna(subset="person_id")
    numbers = known["school_identifier"].fillna("").str.casefold()
    exact = numbers == wanted.casefold()
    same = numbers.str.lstrip("0") == wanted.casefold().lstrip("0") if wanted.strip("0") else exact
    by_id = known[known["person_id"] == (NUMBER.key(wanted) or wanted)]
    by_number = known[exact] if exact.any() else known[same]
    return set(by_id["person_id"]), set(by_number["person_id"])
