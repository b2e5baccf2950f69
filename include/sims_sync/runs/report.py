"""The report of a run: what happened to every record, in numbers and reasons (SPEC sections 5 and 11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import pandas as pd

from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.change_kinds import LEAVER_KINDS
from sims_sync.model.findings import CODES
from sims_sync.model.person import order
from sims_sync.runs.documents import (
    Outcome,
    PlanFacts,
    Report,
    ReportedError,
    ReportedWarning,
    Solved,
    ValidateFacts,
)
from sims_sync.runs.reading import RunReader

_STUDENT_KINDS = {"create": "created", "update": "updated", "enable": "updated", "link": "updated"}


@dataclass(frozen=True)
class ReportHead:
    """What a run is, and how it ended.

    :param reason: why it ended so, in words without a value; empty for a success.
    :param only_person_ids: the students whom alone it was for; none for all.
    :param dry_run: whether it was to write nothing.
    :param planned_only: whether nothing was written, so that its counts are those of the plan; none: the outcome tells.
    """

    school: str
    run_id: str
    effective_date: date | None
    outcome: Outcome
    reason: str
    started_at: datetime
    finished_at: datetime
    only_person_ids: Collection[str] | None = None
    dry_run: bool = False
    planned_only: bool | None = None


def count(
    *,
    extracted: int,
    accepted: int,
    findings: pd.DataFrame,
    planned: Mapping[str, int] | None,
    results: pd.DataFrame | None,
    enabling: Collection[str | None] = (),
) -> dict[str, int]:
    """How many records met which fate; each extracted record is counted once (SPEC section 11).

    :param extracted: records extracted.
    :param accepted: those that validated.
    :param findings: all findings of the run.
    :param planned: the plan's counts by kind, none where the run did not come that far: then all who validated failed.
    :param results: what the writes did: ``kind``, ``result`` (``done``, ``rejected`` or ``failed``); none where nothing
        was to be written.
    :param enabling: the people whose linked account is enabled with that; ``results`` then has ``person_id``, too.
    """
    plan = planned or {}
    if results is None:
        done: Mapping[str, int] = plan
        refused, enabled = 0, len(enabling)
    else:
        done = Counter(map(str, results.loc[results["result"] == "done", "kind"]))
        refused = int(((results["result"] == "rejected") & results["kind"].isin(list(_STUDENT_KINDS))).sum())
        linked = results[(results["result"] == "done") & (results["kind"] == "link")]
        enabled = int(linked["person_id"].isin(list(enabling)).sum()) if enabling else 0
    to_write = sum(plan.get(kind, 0) for kind in _STUDENT_KINDS)
    written = sum(done.get(kind, 0) for kind in _STUDENT_KINDS)
    stops = findings["code"].map(lambda code: CODES[code].stops).astype(bool)
    return {
        "extracted": extracted,
        "rejected": extracted - accepted + plan.get("reject", 0) + refused,
        "warnings": int((~stops).sum()),
        "created": done.get("create", 0),
        "updated": sum(done.get(kind, 0) for kind, count in _STUDENT_KINDS.items() if count == "updated"),
        "unchanged": plan.get("unchanged", 0),
        "enabled": done.get("enable", 0) + enabled,
        "disabled": sum(done.get(kind, 0) for kind in LEAVER_KINDS),
        "failed": accepted if planned is None else to_write - written - refused,
    }


def count_of(run: RunReader, findings: pd.DataFrame, *, written: bool) -> dict[str, int]:
    """How many records of a run met which fate (:func:`count`), by what its stages have left.

    :param findings: all findings of the run.
    :param written: whether its writes count, and not what its plan would do.
    """
    validated, plan = run.output(ValidateFacts), run.output(PlanFacts)
    return count(
        extracted=validated.counts.get("extracted", 0) if validated else 0,
        accepted=validated.counts.get("accepted", 0) if validated else 0,
        findings=findings,
        planned=plan.counts if plan else None,
        results=_results(run) if written else None,
        enabling=_links_that_enable(run) if plan and plan.counts.get("link") else (),
    )


def _results(run: RunReader) -> pd.DataFrame:
    return pd.DataFrame([each.model_dump() for each in run.results()], columns=["kind", "result", "person_id"])


def _links_that_enable(run: RunReader) -> frozenset[str | None]:
    """Who gets an account back that the sync had disabled, under another Person ID."""
    plan = run.plan()
    links = [change for change in plan.changes if change.kind == "link"] if plan else []
    return frozenset(change.person_id for change in links if "active" in change.attributes)


def failing_since(findings: pd.DataFrame, before: Mapping[str, date], today: date) -> dict[str, date]:
    """Since which effective date each record fails, by :func:`failure_key`; solved ones are gone."""
    stops = findings[findings["code"].map(lambda code: CODES[code].stops).astype(bool)]
    keys = [failure_key(row) for row in stops.itertuples(index=False)]
    return {key: min(before.get(key, today), today) for key in keys}


def failure_key(finding: Any) -> str:
    """What makes a failure the same one from run to run: the person (else the admission number) and the code."""
    person = finding.school_identifier if pd.isna(finding.person_id) else finding.person_id
    return f"{'' if pd.isna(person) else person}:{finding.code}"


def build_report(
    head: ReportHead,
    counts: Mapping[str, int],
    findings: pd.DataFrame,
    since: Mapping[str, date],
    solved: Mapping[str, date] = MappingProxyType({}),
    notes: Sequence[str] = (),
) -> Report:
    """The document ``report.json``.

    :param since: since when records fail, by :func:`failure_key`.
    :param solved: those that failed in the run before and do not any more, likewise; they are noted this once.
    :param notes: what a reader must know of the whole run.
    """
    errors, warnings = entries(findings, since)
    return Report(
        school=head.school,
        run_id=head.run_id,
        effective_date=head.effective_date,
        outcome=head.outcome,
        reason=head.reason,
        partial=head.only_person_ids is not None,
        only_person_ids=None if head.only_person_ids is None else tuple(sorted(head.only_person_ids, key=order)),
        dry_run=head.dry_run,
        notes=tuple(notes),
        counts=dict(counts),
        errors=errors,
        warnings=warnings,
        solved=tuple(_solved(key, date) for key, date in solved.items()),
        planned_only=head.planned_only,
        started_at=head.started_at,
        finished_at=head.finished_at,
    )


def entries(
    findings: pd.DataFrame, since: Mapping[str, date]
) -> tuple[tuple[ReportedError, ...], tuple[ReportedWarning, ...]]:
    """Findings in words: the records that were not imported, and those that were with a warning.

    :param since: since when records fail, by :func:`failure_key`.
    """
    errors: list[ReportedError] = []
    warnings: list[ReportedWarning] = []
    for row in findings.itertuples(index=False):
        entry = _entry(row)
        if CODES[entry.code].stops:
            errors.append(ReportedError(**entry.model_dump(), failing_since=since.get(failure_key(row))))
        else:
            warnings.append(entry)
    return tuple(errors), tuple(warnings)


def sync_report(report: Report) -> dict[str, Any]:
    """The report as the directory's resource type ``SyncReport`` holds it (``sync-report.schema.json``)."""
    return {
        "runId": report.run_id,
        "effectiveDate": report.effective_date.isoformat() if report.effective_date else None,
        "finishedAt": report.finished_at.isoformat(),
        "outcome": report.outcome,
        "counts": {key: number for key, number in report.counts.items() if key != "warnings"},
        "errors": [
            {
                key: value
                for key, value in {
                    "personId": None if error.person_id is None else str(error.person_id),
                    "schoolIdentifier": error.school_identifier,
                    "code": error.code,
                    "message": error.message,
                }.items()
                if value is not None
            }
            for error in report.errors
        ],
    }


def _entry(finding: Any) -> ReportedWarning:
    code = CODES[finding.code]
    return ReportedWarning(
        person_id=None if pd.isna(finding.person_id) else finding.person_id,
        school_identifier=None if pd.isna(finding.school_identifier) else finding.school_identifier,
        stage=finding.stage,
        code=finding.code,
        message=code.reason if pd.isna(finding.detail) else f"{code.reason} ({finding.detail})",
        correct=code.correct,
        where=code.panel or _panels("" if pd.isna(finding.detail) else finding.detail),
    )


def _panels(labels: str) -> str:
    """The panels of SIMS where the attributes with these labels are entered."""
    named = labels.split(", ")
    return ", ".join(dict.fromkeys(attribute.panel for attribute in ATTRIBUTES if attribute.label in named))


def _solved(key: str, since: date) -> Solved:
    record, _, code = key.rpartition(":")
    return Solved(record=record, code=code, failing_since=since)
