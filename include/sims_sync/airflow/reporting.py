"""The task ``report``: what happened, gathered from whatever the other tasks left."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from airflow.sdk.exceptions import AirflowSkipException

from sims_sync.airflow import assets, metrics
from sims_sync.airflow.alerts import after_report
from sims_sync.airflow.connections import open_directory
from sims_sync.airflow.run import Run
from sims_sync.errors import SyncError
from sims_sync.findings import FINDING_COLUMNS
from sims_sync.mails.failure import Failure
from sims_sync.model.person import from_document
from sims_sync.runs.report import (
    NOTHING_WRITTEN,
    Outcome,
    RunFacts,
    build_report,
    count,
    errors_csv,
    failing_since,
    sync_report,
)
from sims_sync.runs.stages import STAGES, StageOutput
from sims_sync.store.content import as_json

log = logging.getLogger(__name__)

_FAILED = frozenset({"failed", "upstream_failed"})
_STOPPED = "the task was stopped or marked failed"


def report_run(run: Run, context: Any) -> dict[str, Any]:
    """Write ``report.json`` and ``errors.csv``, and send the report to a directory that takes it.

    :returns: where the report lies, the outcome and the counts.
    """
    states = _task_states(context)
    if states.get("extract") == "skipped":
        raise AirflowSkipException((run.files.ended("extract") or ("", "The school was skipped."))[1])
    outputs = {stage: output for stage in STAGES if (output := run.files.find(stage)) is not None}
    broken = next((stage for stage in STAGES if states.get(stage) in _FAILED), None)
    outcome, reason = _outcome(run, broken)
    findings = _findings(outputs)
    before = since = run.state.failing_since()
    solved: dict[str, str] = {}
    if "plan" in outputs:
        since = failing_since(findings, before, run.parameters.effective_date)
        if outcome in ("success", "failed") and run.parameters.only_person_ids is None:
            run.state.save_failing_since(since)
            solved = {key: date for key, date in before.items() if key not in since}
    validated = outputs["validate"].counts if "validate" in outputs else {}
    counts = count(
        extracted=validated.get("extracted", 0),
        accepted=validated.get("accepted", 0),
        findings=findings,
        planned=outputs["plan"].counts if "plan" in outputs else None,
        results=None if outcome in NOTHING_WRITTEN and "load" not in outputs else _results(outputs),
    )
    facts = RunFacts(
        school=run.school.id,
        run_id=run.run_id,
        effective_date=run.parameters.effective_date,
        outcome=outcome,
        reason=reason,
        started_at=context["dag_run"].start_date,
        finished_at=datetime.now(UTC),
    )
    document = build_report(facts, counts, findings, since, solved, _notes(outputs))
    run.files.folder.write("errors.csv", errors_csv(document))
    run.files.folder.write("report.json", as_json(document))
    log.info("%s: %s", outcome, ", ".join(f"{number} {name}" for name, number in counts.items()))
    if outcome != "dry_run":
        _send(run, document)
    metrics.emit(document)
    if outcome == "success" and run.parameters.only_person_ids is None:
        assets.updated(context["outlet_events"], document)
    after_report(run, document, None if broken is None else _failure(run, broken))
    return {"report": f"{run.files.folder}/report.json", "outcome": outcome, "counts": counts}


def _task_states(context: Any) -> dict[str, str]:
    ti = context["ti"]
    states: dict[str, str] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return states


def _outcome(run: Run, broken: str | None) -> tuple[Outcome, str]:
    """The outcome, and why, from how the other tasks ended.

    :param broken: the first that failed, if one did.
    """
    if broken is not None:
        how, reason = run.files.ended(broken) or ("failed", _STOPPED)
        return ("held" if how == "held" else "failed"), f"{broken}: {reason}"
    if run.parameters.dry_run:
        return "dry_run", "nothing was written"
    how, reason = run.files.ended("load") or run.files.ended("disable_leavers") or ("", "")
    return ("superseded" if how == "superseded" else "success"), reason


def _failure(run: Run, broken: str) -> Failure:
    kind, message, advice = run.files.fault(broken) or ("", f"{_STOPPED.capitalize()}.", "")
    return Failure(datetime.now(UTC), run.run_id, broken, kind, message, advice)


def _notes(outputs: dict[str, StageOutput]) -> list[str]:
    """What a reader must know of the whole run, once."""
    if "plan" not in outputs:
        return []
    plan = outputs["plan"].facts
    notes = [f"The plan is over a limit: {reason}" for reason in plan["held"]]
    if plan["superseded"]:
        notes.append(plan["superseded"])
    if "approve" in outputs and outputs["approve"].facts["held"]:
        notes.append(f"The plan was held, and approved by {outputs['approve'].facts['approved_by']}.")
    if not plan["knows_extension"]:
        notes.append(
            "The directory does not know the student extension: admission number, date of birth, free school meals, "
            "gender, email preference and SEN information are not written."
        )
    return notes


def _findings(outputs: dict[str, StageOutput]) -> pd.DataFrame:
    tables = [outputs[stage].table("findings") for stage in ("validate", "transform", "plan") if stage in outputs]
    results = _results(outputs)
    refused = results[results["result"] == "rejected"].assign(stage="load")
    empty = pd.DataFrame(columns=list(FINDING_COLUMNS))
    return pd.concat(
        [table for table in (*tables, refused[list(FINDING_COLUMNS)]) if len(table)] or [empty], ignore_index=True
    )


def _results(outputs: dict[str, StageOutput]) -> pd.DataFrame:
    written = [
        {**result, "person_id": from_document(result["person_id"])}
        for stage in ("load", "disable_leavers")
        if stage in outputs
        for result in outputs[stage].document("results")
    ]
    columns = ["kind", "result", "person_id", "school_identifier", "account_id", "code", "detail"]
    return pd.DataFrame(written, columns=columns)


def _send(run: Run, document: dict[str, Any]) -> None:
    """Send the report to a directory that takes it; its failure fails nothing (SPEC section 5)."""
    try:
        directory = open_directory(run.school)
        if directory.capabilities.sync_reports:
            directory.send_report(sync_report(document))
    except SyncError as fault:
        log.warning("The report was not sent to the directory: %s", fault)
