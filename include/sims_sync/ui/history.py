"""The newest runs of each school, from their reports, quick enough for hundreds of schools.

A report that has not changed since it was last read is not read again: the stamp that the store gives it tells.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pydantic import ValidationError

from sims_sync.runs.documents import NOTHING_WRITTEN, STANDING_STILL, Report
from sims_sync.runs.reading import REPORT
from sims_sync.runs.redaction import REDACTED_REPORT, redacted
from sims_sync.store.folder import Folder, Stamp, Unreadable
from sims_sync.store.layout import STATE
from sims_sync.ui.words import Label, run_label

SHOWN = 30
"""Runs of a school in its small picture, and in its history."""


@dataclass(frozen=True)
class RunSummary:
    """A run in one line.

    :param run_id: its id; of one whose report cannot be read, the name of its folder; empty where that of the school
        cannot be listed.
    :param codes: how many records it rejected by code.
    :param oldest: since when the longest failing one fails.
    :param partial: whether it was for some students alone; ``only_person_ids``: for whom, where that is known.
    :param dry_run: whether it was to write nothing.
    :param planned_only: whether its counts are what the plan would have done; none: the outcome tells.
    """

    run_id: str
    outcome: str
    reason: str = ""
    effective_date: date | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    oldest: date | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    partial: bool = False
    only_person_ids: Collection[str] | None = None
    dry_run: bool = False
    planned_only: bool | None = None

    @property
    def wrote_nothing(self) -> bool:
        """Whether its counts are what the plan would have done."""
        return self.outcome in NOTHING_WRITTEN if self.planned_only is None else self.planned_only

    @property
    def is_trial(self) -> bool:
        """Whether it was a dry run, or a run for some students alone."""
        return self.partial or self.dry_run

    @property
    def decides(self) -> bool:
        """Whether it says how the school stands (:attr:`sims_sync.runs.documents.Report.decides`)."""
        return not self.is_trial and self.outcome not in STANDING_STILL

    @property
    def label(self) -> Label:
        """What it is called, and how urgent it is."""
        return run_label(self.outcome, dry_run=self.dry_run, partial=self.partial)

    @property
    def changed(self) -> int:
        """Accounts that were written."""
        return sum(self.counts.get(name, 0) for name in ("created", "updated", "disabled"))

    @property
    def rejected(self) -> int:
        return self.counts.get("rejected", 0)


class History:
    """The newest runs of each school of one store."""

    def __init__(self, root: Folder) -> None:
        self.root = root
        self._read: dict[tuple[str, bool], dict[str, tuple[Stamp, RunSummary]]] = {}
        self._lock = threading.Lock()

    def of_all(
        self, school_ids: Collection[str], most: int = SHOWN, *, editable: Collection[str] = frozenset()
    ) -> dict[str, list[RunSummary]]:
        """The newest runs that have a report, the newest first, by school (:meth:`of`).

        :param editable: the schools whose DAG the user may edit.
        """
        with ThreadPoolExecutor(self.root.at_once) as pool:
            runs = pool.map(lambda each: self.of(each, most, may_edit=each in editable), school_ids)
            return dict(zip(school_ids, runs, strict=True))

    def of(self, school_id: str, most: int = SHOWN, *, may_edit: bool = False) -> list[RunSummary]:
        """The newest runs of a school that have a report, the newest first; one that cannot be read is among them.

        :param most: how many. Where none of them decides how the school stands, as after the backfill of a month,
            older ones follow up to one that does.
        :param may_edit: whether the user may edit the school's DAG.
        """
        with self._lock:
            known = self._read.get((school_id, may_edit), {})
        read: dict[str, tuple[Stamp, RunSummary]] = {}
        try:
            stamps = (self.root / school_id).stamps(REPORT)
        except Unreadable as fault:
            return [_unreadable("", f"The runs of {school_id} cannot be listed: {fault.why}.")]
        newest = sorted(((stamp, folder) for folder, stamp in stamps.items() if folder != STATE), reverse=True)
        for stamp, folder in newest:
            if len(read) >= most and any(summary.decides for _, summary in read.values()):
                break
            if folder in known and known[folder][0] == stamp:
                read[folder] = known[folder]
            elif (summary := _summary(self.root / school_id / folder, folder, may_edit=may_edit)) is not None:
                read[folder] = stamp, summary
        with self._lock:
            self._read[school_id, may_edit] = read  # what is not shown any more is forgotten
        return _in_order([summary for _, summary in read.values()])


def _summary(run: Folder, name: str, *, may_edit: bool) -> RunSummary | None:
    try:
        told = summarise(run.read(REPORT), name, redact=not may_edit)
        if may_edit or told.outcome == "unreadable":
            return told
    except FileNotFoundError:  # deleted or cleared meanwhile
        return None
    except Unreadable as fault:
        return _unreadable(name, f"The run {name} cannot be shown: {fault.why}.")
    try:
        return summarise(run.read(REDACTED_REPORT), name)
    except (FileNotFoundError, Unreadable):  # of an earlier version
        return told


def _in_order(runs: list[RunSummary]) -> list[RunSummary]:
    """Runs as they began, the newest first. One that does not tell stands where its report was written.

    :param runs: by when their reports were written, the newest first.
    """
    placed: list[tuple[datetime, RunSummary]] = []
    newest = datetime.min.replace(tzinfo=UTC)
    for run in reversed(runs):
        newest = max(newest, run.started_at or newest)
        placed.append((run.started_at or newest, run))
    return [run for _, run in sorted(reversed(placed), key=lambda each: each[0], reverse=True)]


def summarise(content: bytes, folder: str, *, redact: bool = False) -> RunSummary:
    """A report in one line; one that cannot be read says so, under the name of its folder.

    :param redact: whether it is for who may only read.
    """
    try:
        report = Report.model_validate_json(content)
    except ValidationError:
        return _unreadable(folder, f"The run {folder} cannot be shown: its {REPORT} is no report.")
    return summary_of(redacted(report) if redact else report)


def summary_of(report: Report) -> RunSummary:
    """A report in one line."""
    return RunSummary(
        run_id=report.run_id,
        outcome=report.outcome,
        reason=report.reason,
        effective_date=report.effective_date,
        counts=report.counts,
        codes=dict(Counter(error.code for error in report.errors).most_common()),
        oldest=min((error.failing_since for error in report.errors if error.failing_since), default=None),
        started_at=report.started_at,
        finished_at=report.finished_at,
        partial=report.partial,
        only_person_ids=report.only_person_ids,
        dry_run=report.dry_run or report.outcome == "dry_run",
        planned_only=report.wrote_nothing,
    )


def _unreadable(folder: str, reason: str) -> RunSummary:
    return RunSummary(run_id=folder, outcome="unreadable", reason=reason)
