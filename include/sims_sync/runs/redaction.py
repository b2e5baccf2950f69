"""What of a run is told to who may only read its DAG: nothing that depends on special categories, or on what is
withheld of single students (SPEC sections 4 and 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sims_sync.model.attributes import only_special, special_names
from sims_sync.model.findings import FOR_EDITORS, OF_WITHHOLDING
from sims_sync.runs.documents import F, PlanFacts, Report, WriteResult
from sims_sync.runs.planned import PlanDocument, PlannedChange
from sims_sync.runs.reading import ERRORS_CSV, REPORT, RunReader, StageOutput
from sims_sync.runs.to_correct import errors_csv
from sims_sync.runs.withheld_values import withheld_in

if TYPE_CHECKING:
    import pandas as pd

REDACTED_REPORT = "report.redacted.json"
"""The report for who may only read."""


class RedactedReader(RunReader):
    """The same for who may only read: nothing in it depends on special categories or tells what is withheld, and no
    prose of a directory is told (SPEC section 9)."""

    def output(self, facts: type[F]) -> StageOutput[F] | None:
        output = super().output(facts)
        if output is None:
            return None
        manifest, told = output.manifest, output.facts
        if isinstance(told, PlanFacts):
            special = special_names(self.attributes)
            limits = tuple(each for each in told.limits if each.attribute not in special)
            told = told.model_copy(update={"limits": limits})
        return replace(output, manifest=manifest.model_copy(update={"counts": dict(output.told), "facts": told}))

    def findings(self) -> pd.DataFrame:
        found = super().findings()
        labels = [attribute.label for attribute in self.attributes if attribute.special]
        shown = found[~found["detail"].isin(labels) & ~found["code"].isin(list(OF_WITHHOLDING))]
        return shown.assign(detail=shown["detail"].mask(shown["code"].isin(list(FOR_EDITORS))))

    @cached_property
    def _whole_plan(self) -> PlanDocument | None:
        return super().plan()

    def plan(self) -> PlanDocument | None:
        plan = self._whole_plan
        if plan is None:
            return None
        shown = tuple(self._redacted(change) for change in plan.changes if not self._is_hidden(change))
        hidden = [change.person_id for change in plan.changes if self._is_hidden(change)]
        return plan.model_copy(update={"changes": shown, "unchanged": (*plan.unchanged, *hidden, *self._nameless())})

    def _redacted(self, change: PlannedChange) -> PlannedChange:
        """A change without the names of what is special or withheld. Of a new account it is not told which values it
        has: one without an email would tell that this is withheld."""
        hidden = special_names(self.attributes) | self._withheld.get(change.person_id or "", frozenset())
        shown = tuple(name for name in change.attributes if name not in hidden and change.kind != "create")
        return change.model_copy(update={"attributes": shown, "group": None})

    @cached_property
    def _withheld(self) -> Mapping[str, frozenset[str]]:
        return withheld_in(self)

    def _nameless(self) -> list[str]:
        """Who gets no account since what would be the user name is withheld."""
        found = super().table(PlanFacts, "findings")
        return [] if found is None else found.loc[found["code"].isin(list(OF_WITHHOLDING)), "person_id"].tolist()

    def results(self) -> list[WriteResult]:
        hidden = self._hidden_people()
        return [
            result.model_copy(update={"prose": None})
            for result in super().results()
            if result.kind != "update" or result.person_id not in hidden
        ]

    def _is_hidden(self, change: PlannedChange) -> bool:
        withheld = self._withheld.get(change.person_id or "", frozenset())
        return only_special(change.kind, change.attributes, self.attributes, withheld)

    def _hidden_people(self) -> set[str | None]:
        """Whose change is told only to who may edit."""
        plan = self._whole_plan
        return {change.person_id for change in plan.changes if self._is_hidden(change)} if plan else set()

    def report(self) -> Report | None:
        if {REPORT, REDACTED_REPORT} <= self.names:  # a run that is cleared has no report any more
            return self.read_report(REDACTED_REPORT)
        report = super().report()
        return redacted(report) if report else None

    def errors_csv(self) -> bytes | None:
        report = self.report() if ERRORS_CSV in self.names else None
        return errors_csv(report) if report else None


def redacted(report: Report) -> Report:
    """The same for a report of an earlier version, which wrote none for who may only read: nothing that may come from
    special categories is left of it."""
    errors = tuple(entry for entry in report.errors if entry.code != "rejected_by_directory")
    warnings = tuple(entry for entry in report.warnings if entry.code not in ("invalid_date", *FOR_EDITORS))
    left_out = {"rejected": len(report.errors) - len(errors), "warnings": len(report.warnings) - len(warnings)}
    counts = {
        name: number - left_out.get(name, 0)
        for name, number in report.counts.items()
        if name not in ("updated", "unchanged", "failed")
    }
    return report.model_copy(update={"counts": counts, "errors": errors, "warnings": warnings, "solved": ()})
