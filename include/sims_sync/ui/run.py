"""The page of a run: where the records went, the plan, and what has to be corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sims_sync.config import School
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.store.folder import Folder
from sims_sync.ui.airflow_runs import AirflowRun
from sims_sync.ui.charts import Flow, flow
from sims_sync.ui.run_files import RunFolder, StageState
from sims_sync.ui.tables import Table, table
from sims_sync.ui.unreported import unreported
from sims_sync.ui.words import OUTCOMES, WRITES_NOTHING, Label

_UNDER_WAY = {True: Label("Waits for approval", "warn"), False: Label("Under way", "info")}
_NO_REPORT = Label("No report", "bad")


@dataclass(frozen=True)
class RunPage:
    """What the page shows of a run.

    :param would: nothing of the plan was written, so that the numbers are what it would have done.
    :param held: why the plan waits for an answer now; empty where it does not.
    :param picture: none where nothing was extracted.
    """

    school: School
    run_id: str
    label: Label
    reason: str
    notes: Sequence[str]
    effective_date: str | None
    started_at: datetime | None
    finished_at: datetime | None
    counts: Mapping[str, int]
    would: bool
    held: Sequence[str]
    stages: Sequence[StageState]
    limits: Sequence[Mapping[str, Any]]
    picture: Flow | None
    changes: Table | None
    errors: Table
    warnings: Table
    has_csv: bool

    @property
    def duration(self) -> int | None:
        """Seconds."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds())


def run_page(
    root: Folder, school: School, run: AirflowRun, parameters: Mapping[str, str], *, may_edit: bool
) -> RunPage | None:
    """What the page shows; none where the run has no files (any more).

    :param parameters: the request's query. :param may_edit: whether the user may edit the DAG, and so may see that an
        attribute changes which tells health or poverty.
    """
    files = RunFolder(root, school.id, run.run_id)
    if files.is_empty:
        return None
    report = files.report() or {}
    plan = files.manifest("plan")
    validated = files.manifest("validate")
    held = files.held()
    extracted = files.manifest("extract")
    findings = report or unreported(files)
    counts = findings.get("counts", {})
    return RunPage(
        school=school,
        run_id=run.run_id,
        label=OUTCOMES[report["outcome"]] if report else _without_report(run, held),
        reason=report.get("reason", ""),
        notes=report.get("notes", ()),
        effective_date=report.get("effective_date") or (extracted["facts"]["effective_date"] if extracted else None),
        started_at=datetime.fromisoformat(report["started_at"]) if report else run.started_at,
        finished_at=datetime.fromisoformat(report["finished_at"]) if report else None,
        counts=counts,
        would=not report or report["outcome"] in WRITES_NOTHING,
        held=held,
        stages=files.stages(),
        limits=limits(plan),
        picture=flow(counts, validated["counts"]["accepted"] if validated else None)
        if counts.get("extracted")
        else None,
        changes=_changes(files, parameters, may_edit=may_edit),
        errors=_findings("errors", findings, parameters),
        warnings=_findings("warnings", findings, parameters),
        has_csv="errors.csv" in files.names,
    )


def limits(plan: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """How near a plan came to each limit, the nearest first."""
    measures = plan["facts"].get("limits", []) if plan else []
    return sorted(measures, key=lambda each: -each["count"] / max(each["allowed"], 1))


def _without_report(run: AirflowRun, held: Sequence[str]) -> Label:
    return _UNDER_WAY[bool(held)] if run.active else _NO_REPORT


def _findings(which: str, report: Mapping[str, Any], parameters: Mapping[str, str]) -> Table:
    return table(
        which,
        [{"failing_since": None, **entry} for entry in report.get(which, ())],
        parameters,
        filter_by="code",
        columns=("person_id", "school_identifier", "code", "failing_since"),
    )


def _changes(files: RunFolder, parameters: Mapping[str, str], *, may_edit: bool) -> Table | None:
    """The planned changes, each with what became of it; old and new values are not among them."""
    plan = files.document("plan", "plan")
    if plan is None:
        return None
    results = {
        _key(result): result["result"]
        for stage in ("load", "disable_leavers")
        for result in files.document(stage, "results") or ()
    }
    entries = []
    for change in plan["changes"]:
        shown, hidden = visible_attributes(change["attributes"], may_edit=may_edit)
        entries.append(
            {
                **{name: change[name] for name in ("kind", "person_id", "school_identifier", "account_id", "cause")},
                "attributes": shown,
                "hidden": hidden,
                "result": results.get(_key(change), ""),
            }
        )
    columns = ("kind", "person_id", "school_identifier", "cause", "result")
    return table("changes", entries, parameters, filter_by="kind", columns=columns)


def _key(entry: Mapping[str, Any]) -> tuple[str, Any]:
    """What a planned change and what became of it have in common: who, or whose account where that is nobody's."""
    return entry["kind"], entry["account_id"] if entry["person_id"] is None else entry["person_id"]


def visible_attributes(
    written: Sequence[str], *, may_edit: bool, attributes: Sequence[Attribute] = ATTRIBUTES
) -> tuple[list[str], int]:
    """The names of written attributes that a user may see, and how many others there are."""
    special = {attribute.name for attribute in attributes if attribute.special}
    shown = [name for name in written if may_edit or name not in special]
    return shown, len(written) - len(shown)
