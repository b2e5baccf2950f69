"""``plan/plan.json`` for those who only look at it (``changes.plan.Plan`` is what is written)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sims_sync.model.change_kinds import Kind
from sims_sync.runs.documents import Document, PersonId


class PlannedChange(Document):
    """One change of the plan: the names of what is written, without values.

    :param group: of a departure, its group (``changes.departing``); for those who may edit.
    """

    kind: Kind
    person_id: PersonId | None
    school_identifier: str | None
    account_id: str | None
    cause: str
    attributes: tuple[str, ...]
    group: str | None = None


class PlanDocument(Document):
    """All of it.

    :param no_leaver_check: why nobody is disabled in the run, if so.
    """

    changes: tuple[PlannedChange, ...]
    unchanged: tuple[PersonId, ...]
    no_leaver_check: str | None = None


class PlannedValues(PlannedChange):
    """One change with its values; for those who may edit.

    :param values: what is written, by name.
    :param account: the account as the plan saw it; none where there is none yet.
    """

    values: dict[str, Any] = Field(repr=False)
    account: dict[str, Any] | None = Field(default=None, repr=False)
