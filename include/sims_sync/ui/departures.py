"""Who would leave by a plan that waits: groups for everybody, names for who may edit the school's DAG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sims_sync.config.school_entry import School
from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.change_kinds import LEAVER_KINDS, Kind
from sims_sync.model.person import order
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.reading import RunReader
from sims_sync.runs.spreadsheet import as_csv
from sims_sync.ui.planned_values import mapping_of, name_of, planned_values
from sims_sync.ui.words import KINDS


@dataclass(frozen=True)
class ShownDeparture:
    """Whose account would be disabled, or lose its role.

    :param account_id: likewise, and ``name`` and ``group``: empty where the user may not see them.
    """

    kind: Kind
    person_id: str | None
    school_identifier: str | None
    cause: str
    name: str = ""
    group: str = ""
    account_id: str = ""


def departures_of(files: RunReader, school: School, *, may_edit: bool) -> list[ShownDeparture]:
    """The departures of a run's plan: the largest group first, in each by Person ID.

    :param may_edit: whether the user may edit the DAG.
    """
    facts = files.output(PlanFacts)
    groups = list(facts.facts.departing) if facts else []
    shown = _with_names(files, school) if may_edit else _without_names(files)
    by_person = sorted(shown, key=lambda each: order(each.person_id))
    return sorted(by_person, key=lambda each: groups.index(each.group) if each.group in groups else len(groups))


def departures_csv(departures: Sequence[ShownDeparture], *, may_edit: bool) -> bytes:
    """The same as a file for a spreadsheet."""
    names = ("person_id", "school_identifier", *(("name", "group", "account_id") if may_edit else ()), "cause")
    rows = [[KINDS[each.kind].words, *(getattr(each, name) for name in names)] for each in departures]
    return as_csv(("change", *names), rows)


def _with_names(files: RunReader, school: School) -> list[ShownDeparture]:
    mapping = mapping_of(school, ATTRIBUTES)
    return [
        ShownDeparture(
            kind=each.kind,
            person_id=each.person_id,
            school_identifier=each.school_identifier,
            cause=each.cause,
            name=name_of(each, mapping),
            group=each.group or "",
            account_id=each.account_id or "",
        )
        for each in planned_values(files, "kind", LEAVER_KINDS)
    ]


def _without_names(files: RunReader) -> list[ShownDeparture]:
    plan = files.plan()
    return [
        ShownDeparture(each.kind, each.person_id, each.school_identifier, each.cause)
        for each in (plan.changes if plan else ())
        if each.kind in LEAVER_KINDS
    ]
