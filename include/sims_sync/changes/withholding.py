"""What is withheld of single students: none of it is written, and it is cleared where that is said (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sims_sync.changes.apply import Replan, Replanned
from sims_sync.changes.change import Change
from sims_sync.changes.differences import CLEARED
from sims_sync.changes.plan import Plan
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.findings import OF_WITHHOLDING


@dataclass(frozen=True)
class Withholding:
    """What is withheld, as the configuration and the state have it now.

    :param withheld: columns of attributes by Person ID.
    :param clears: those of them that are to be cleared, and were not yet.
    """

    withheld: Mapping[str, Collection[str]] = field(default_factory=dict, repr=False)
    clears: Mapping[str, Collection[str]] = field(default_factory=dict, repr=False)
    attributes: tuple[Attribute, ...] = ATTRIBUTES

    def names(self, person_id: str | None) -> frozenset[str]:
        """The names of what is withheld of a person."""
        return self._named(self.withheld, person_id)

    def names_to_clear(self, person_id: str | None) -> frozenset[str]:
        """The names of what is to be cleared in a person's account."""
        return self._named(self.clears, person_id)

    def wanted(self, accounts: pd.DataFrame) -> pd.DataFrame:
        """Accounts as they should be: what is withheld is left as it is, or blank where it is to be cleared."""
        if not self.withheld:
            return accounts
        people = accounts["person_id"].tolist()
        clears = [sorted(self.clears.get(person, ())) for person in people]
        kept = [
            sorted({*kept, *self.withheld.get(person, ())}.difference(cleared))
            for person, kept, cleared in zip(people, accounts["keep"], clears, strict=True)
        ]
        blank = {
            column: accounts[column].mask(pd.Series([column in each for each in clears], index=accounts.index))
            for column in {column for each in clears for column in each}
        }
        lists = {"keep": kept, CLEARED: clears}
        return accounts.assign(
            **blank, **{name: pd.Series(each, index=accounts.index, dtype=object) for name, each in lists.items()}
        )

    def let_through(self, change: Change) -> Change | None:
        """A change without what is withheld; none where nothing is left of it."""
        names, clears = self.names(change.person_id), self.names_to_clear(change.person_id)
        values = {
            name: value
            for name, value in change.values.items()
            if name not in names or (value is None and name in clears)
        }
        return _with(change, values)

    def plan(self, plan: Plan) -> Plan:
        """A plan of which nothing is written that is withheld."""
        return _parted(plan, [self.let_through(change) for change in plan.changes]) if self.withheld else plan

    def replan(self, replan: Replan) -> Replan:
        """Plans afresh likewise."""

        def afresh(change: Change, account: dict[str, Any] | None) -> Replanned:
            replanned = replan(change, account)
            if replanned.change is None:
                return replanned
            return replace(replanned, change=self.let_through(replanned.change))

        return afresh

    def untold(self, plan: Plan) -> Plan:
        """The plan as who may only read is told of it: nothing is cleared, and nobody is without a user name."""
        if not self.withheld:
            return plan
        shown = _parted(plan, [self._untold(change) for change in plan.changes])
        hidden = plan.findings["code"].isin(list(OF_WITHHOLDING))
        nameless = plan.findings.loc[hidden, "person_id"].tolist()
        return replace(shown, unchanged=[*shown.unchanged, *nameless], findings=plan.findings[~hidden])

    def as_document(self, people: Collection[str]) -> list[dict[str, Any]]:
        """What is withheld of these people, as a run's file holds it."""
        return [
            {
                "person_id": person,
                "attributes": sorted(self.names(person)),
                "to_clear": sorted(self.names_to_clear(person)),
            }
            for person in people
            if self.names(person)
        ]

    def _untold(self, change: Change) -> Change | None:
        names = self.names(change.person_id)
        return _with(change, {name: value for name, value in change.values.items() if name not in names})

    def _named(self, columns: Mapping[str, Collection[str]], person_id: str | None) -> frozenset[str]:
        own = columns.get(person_id or "", ())
        return frozenset(each.name for each in self.attributes if each.column in own)


def _with(change: Change, values: dict[str, Any]) -> Change | None:
    if len(values) == len(change.values):
        return change
    return replace(change, values=values) if values or change.kind != "update" else None


def _parted(plan: Plan, changes: Sequence[Change | None]) -> Plan:
    """A plan with these changes in place of its own; whose is none is unchanged."""
    emptied = [str(before.person_id) for before, after in zip(plan.changes, changes, strict=True) if after is None]
    return replace(
        plan,
        changes=[change for change in changes if change is not None],
        unchanged=[*plan.unchanged, *emptied],
    )
