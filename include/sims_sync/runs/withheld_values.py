"""``plan/withheld.json``: what is withheld of single students, for those who may edit (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter

from sims_sync.runs.documents import Document, PersonId, PlanFacts
from sims_sync.runs.reading import RunReader

WITHHELD = "withheld"
"""The name of the document, which a plan has only where something is withheld."""


class WithheldValues(Document):
    """What is withheld of a student.

    :param attributes: names of attributes.
    :param to_clear: those of them that the plan clears, where the account has a value.
    """

    person_id: PersonId
    attributes: tuple[str, ...]
    to_clear: tuple[str, ...]


LIST = TypeAdapter(list[WithheldValues])
"""What the document holds."""


def withheld_in(run: RunReader) -> Mapping[str, frozenset[str]]:
    """The names of what was withheld of single students when a run was planned, by Person ID."""
    entries = run.read_of(PlanFacts, f"{WITHHELD}.json", LIST) or ()
    return {each.person_id: frozenset(each.attributes) for each in entries}
