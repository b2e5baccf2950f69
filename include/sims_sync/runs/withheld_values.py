"""What is withheld of single students in a run, in ``withheld.json``: for those who may edit (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter

from sims_sync.runs.documents import Document, PersonId, PlanFacts, TransformFacts
from sims_sync.runs.reading import RunReader

WITHHELD = "withheld"
"""The name of the document, which is there only where something is withheld."""


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
    """The names of what was withheld of single students in a run, by Person ID."""
    stage = TransformFacts if run.output(PlanFacts) is None else PlanFacts
    entries = run.read_of(stage, f"{WITHHELD}.json", LIST) or ()
    return {each.person_id: frozenset(each.attributes) for each in entries}
