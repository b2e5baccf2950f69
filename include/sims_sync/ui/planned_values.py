"""What a plan would write, with its values: only for who may edit the school's DAG."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from sims_sync.config.school_entry import School
from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.attributes import Attribute
from sims_sync.model.person import NUMBER
from sims_sync.runs.documents import Document, PlanFacts
from sims_sync.runs.planned import PlannedValues
from sims_sync.runs.reading import RunReader
from sims_sync.store.content import as_json


class _Entries(Document):
    changes: Any = Field(repr=False)  # models of 30,000 changes take longer than a page may


_PLAN = TypeAdapter(_Entries)
_CHANGES = TypeAdapter(tuple[PlannedValues, ...])


@dataclass(frozen=True)
class ChangedValue:
    """A value of an account before and after, in words."""

    label: str
    before: str
    after: str


def planned_values(files: RunReader, key: str, wanted: Collection[str]) -> Sequence[PlannedValues]:
    """Some changes of a run's plan with their values. Who asks must have the right to edit the DAG.

    :param key: of what tells which: ``kind`` or ``person_id``.
    """
    plan = files.read_of(PlanFacts, "plan.json", _PLAN)
    try:
        some = [each for each in plan.changes if str(each.get(key)) in wanted] if plan else []
        return _CHANGES.validate_json(as_json(some))
    except (AttributeError, TypeError, ValidationError):
        files.unreadable.add(f"{PlanFacts.stage}/plan.json")
        return ()


def mapping_of(school: School, attributes: Sequence[Attribute]) -> AccountMapping:
    """Where values stand in the school's accounts, as it is configured now."""
    return AccountMapping(tuple(attributes), NUMBER, school.directory, off=school.unsent)


def changed_values(change: PlannedValues, mapping: AccountMapping) -> list[ChangedValue]:
    """What a change makes of which value; a value that is written as it is there already is left out."""
    shown = (
        ChangedValue(
            each.label,
            each.kind.show(_held(change, mapping, each)),
            each.kind.show(each.kind.read(change.values[each.name])),
        )
        for each in mapping.attributes
        if each.name in change.values
    )
    return [each for each in shown if each.before != each.after]


def name_of(change: PlannedValues, mapping: AccountMapping) -> str:
    """The name that the account has; empty where it has none."""
    names = (each for each in mapping.attributes if each.column in ("given_name", "family_name"))
    return " ".join(filter(None, (str(_held(change, mapping, each) or "") for each in names)))


def _held(change: PlannedValues, mapping: AccountMapping, attribute: Attribute) -> object:
    """What the account holds; nothing where that has a form of which nothing can be made."""
    place = mapping.mapped(attribute.name)
    try:
        return attribute.kind.read(place.get(change.account or {})) if place else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
