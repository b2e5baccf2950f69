"""The page of a run: where the records went, the plan, and what has to be corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from sims_sync.changes.departing import in_words
from sims_sync.config.school_entry import School
from sims_sync.model.change_kinds import LEAVER_KINDS, Kind
from sims_sync.runs.documents import (
    ExtractFacts,
    LoadFacts,
    MeasuredLimit,
    PlanFacts,
    Report,
    ReportedError,
    ReportedWarning,
    ValidateFacts,
    WriteResult,
)
from sims_sync.runs.planned import PlannedChange
from sims_sync.runs.reading import ERRORS_CSV, REPORT, RunReader, StageOutput
from sims_sync.runs.standing import StageState
from sims_sync.runs.untold import is_untold, writing_stage
from sims_sync.store.folder import Folder
from sims_sync.ui.airflow_runs import AirflowRun
from sims_sync.ui.charts import Flow, flow
from sims_sync.ui.departures import ShownDeparture, departures_of
from sims_sync.ui.pairs_to_link import ShownPair, pair_tables, pairs_of
from sims_sync.ui.seen import seen
from sims_sync.ui.so_far import so_far
from sims_sync.ui.tables import Table, table
from sims_sync.ui.words import KINDS, OUTCOMES, Label

W = TypeVar("W", bound=ReportedWarning)

_UNDER_WAY = {True: Label("Waits for approval", "warn"), False: Label("Under way", "info")}
_NO_REPORT = Label("No report", "bad")


@dataclass(frozen=True)
class ShownChange:
    """A planned change, as far as it may be shown: old and new values are not among it.

    :param account_id: none where the user may not see it.
    :param attributes: the names of what is written.
    :param result: what became of it; empty where it was not tried, ``not_known`` where nobody can tell.
    :param detail: why a departure was not written; ``prose``: likewise, in the directory's own words.
    """

    kind: Kind
    person_id: str | None
    school_identifier: str | None
    account_id: str | None
    cause: str
    attributes: Sequence[str]
    result: str
    detail: str
    prose: str


@dataclass(frozen=True)
class RunPage:
    """What the page shows of a run.

    :param partial: it was for some students alone.
    :param dry_run: it was to write nothing, and its label does not say so.
    :param would: nothing of the plan was written, so that the numbers are what it would have done.
    :param refused: why somebody refused the plan, in their words; only for who may edit.
    :param waits: why the plan waits for an answer now; empty where it does not.
    :param waits_at: the stage that asked; ``lapses_at``: until when it can be answered.
    :param leaving: how many would leave of each group, in words, while it waits; ``departures``: who.
    :param pairs: students whose account stands under another Person ID or under none; ``ambiguous``: those of them whom
        a person must decide about.
    :param picture: none where nothing was extracted.
    :param prose: what the directory said of refused writes in its own words, by Person ID; empty for who may only read.
    :param unreadable: the files of the run that are there and cannot be read.
    """

    school: School
    run_id: str
    label: Label
    partial: bool
    dry_run: bool
    reason: str
    refused: Sequence[str]
    notes: Sequence[str]
    effective_date: date | None
    started_at: datetime | None
    finished_at: datetime | None
    counts: Mapping[str, int]
    would: bool
    waits: Sequence[str]
    waits_at: str
    lapses_at: datetime | None
    leaving: str
    departures: Table[ShownDeparture]
    stages: Sequence[StageState]
    limits: Sequence[MeasuredLimit]
    picture: Flow | None
    changes: Table[ShownChange] | None
    pairs: Table[ShownPair]
    ambiguous: Table[ShownPair]
    errors: Table[ReportedError]
    prose: Mapping[str, Sequence[str]]
    warnings: Table[ReportedWarning]
    has_csv: bool
    unreadable: Sequence[str]

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

    :param parameters: the request's query.
    :param may_edit: whether the user may edit the DAG.
    """
    files = seen(root, school.id, run.run_id, may_edit=may_edit)
    if files.is_empty:
        return None
    report, waits = files.report(), files.waits_for_approval()
    extracted, validated, planned = files.output(ExtractFacts), files.output(ValidateFacts), files.output(PlanFacts)
    known = report or so_far(files)
    pairs, ambiguous = pair_tables(pairs_of(files, may_edit=may_edit), parameters)
    return RunPage(
        school=school,
        run_id=run.run_id,
        label=OUTCOMES[report.outcome] if report else _without_report(run, waits),
        partial=report.partial if report else validated is not None and validated.facts.only_person_ids is not None,
        dry_run=report is not None and report.dry_run and report.outcome != "dry_run",
        reason=report.reason if report else "",
        refused=_refused(files, planned) if may_edit else (),
        notes=report.notes if report else (),
        effective_date=_effective_date(report, extracted),
        started_at=report.started_at if report else run.started_at,
        finished_at=report.finished_at if report else None,
        counts=known.counts,
        would=report.wrote_nothing if report else files.output(LoadFacts) is None,
        waits=waits,
        waits_at=files.waits_at(),
        lapses_at=lapses_at(files),
        leaving=in_words(planned.facts.departing) if planned and waits else "",
        departures=_departures(files if waits else None, school, parameters, may_edit=may_edit),
        stages=files.stages(),
        limits=limits(planned),
        picture=flow(known.counts, validated.counts.get("accepted") if validated else None)
        if known.counts.get("extracted")
        else None,
        changes=_changes(files, parameters, has_ended=report is not None or not run.active, may_edit=may_edit),
        pairs=pairs,
        ambiguous=ambiguous,
        errors=_findings("errors", known.errors, parameters, "failing_since"),
        prose=_prose(files),
        warnings=_findings("warnings", known.warnings, parameters),
        has_csv={REPORT, ERRORS_CSV} <= files.names,
        unreadable=sorted(files.unreadable),
    )


def lapses_at(files: RunReader) -> datetime | None:
    """Until when the question of a run that waits can be answered."""
    stage = files.waits_at()
    question = files.question(stage) if stage else None
    return question.lapses_at if question else None


def _refused(files: RunReader, plan: StageOutput[PlanFacts] | None) -> Sequence[str]:
    """Why somebody refused the plan that there is now, in their words."""
    return [each.why for each in files.answers() if plan and each.why and each.plan == plan.reference.sha256]


def _departures(
    files: RunReader | None, school: School, parameters: Mapping[str, str], *, may_edit: bool
) -> Table[ShownDeparture]:
    entries = departures_of(files, school, may_edit=may_edit) if files else []
    columns = ("kind", "person_id", "school_identifier", "name", "group", "cause")
    return table("departures", entries, parameters, filter_by="group", columns=columns)


def limits(plan: StageOutput[PlanFacts] | None) -> Sequence[MeasuredLimit]:
    """How near a plan came to each limit, the nearest first."""
    return sorted(plan.facts.limits, key=lambda each: -each.count / max(each.allowed, 1)) if plan else ()


def _effective_date(report: Report | None, extracted: StageOutput[ExtractFacts] | None) -> date | None:
    if report is not None and report.effective_date is not None:
        return report.effective_date
    return extracted.facts.effective_date if extracted else None


def _without_report(run: AirflowRun, waits: Sequence[str]) -> Label:
    return _UNDER_WAY[bool(waits)] if run.active else _NO_REPORT


def _findings(which: str, entries: Sequence[W], parameters: Mapping[str, str], *more: str) -> Table[W]:
    columns = ("person_id", "school_identifier", "code", *more)
    return table(which, entries, parameters, filter_by="code", columns=columns)


def _changes(
    files: RunReader, parameters: Mapping[str, str], *, has_ended: bool, may_edit: bool
) -> Table[ShownChange] | None:
    plan = files.plan()
    if plan is None:
        return None
    results = {_key(result): result for result in files.results()}
    untold = {kind for kind in KINDS if has_ended and is_untold(files, writing_stage(kind))}
    entries = [
        _shown(change, results.get(_key(change)), "not_known" if change.kind in untold else "", may_edit=may_edit)
        for change in plan.changes
    ]
    columns = ("kind", "person_id", "school_identifier", "cause", "result")
    return table("changes", entries, parameters, filter_by="kind", columns=columns)


def _shown(change: PlannedChange, became: WriteResult | None, without: str, *, may_edit: bool) -> ShownChange:
    """:param without: what is said where nothing says what became of it."""
    told = became if became and change.kind in LEAVER_KINDS and became.result != "done" else None
    return ShownChange(
        kind=change.kind,
        person_id=change.person_id,
        school_identifier=change.school_identifier,
        account_id=change.account_id if may_edit else None,
        cause=change.cause,
        attributes=change.attributes,
        result=became.result if became else without,
        detail=told.detail or "" if told else "",
        prose=told.prose or "" if told else "",
    )


def _key(entry: PlannedChange | WriteResult) -> tuple[Kind, str | int | None]:
    """What a planned change and what became of it have in common: who, or whose account where that is nobody's."""
    return entry.kind, entry.account_id if entry.person_id is None else entry.person_id


def _prose(files: RunReader) -> dict[str, list[str]]:
    prose: dict[str, list[str]] = {}
    for result in files.results():
        if result.prose and result.person_id:
            prose.setdefault(result.person_id, []).append(result.prose)
    return prose
