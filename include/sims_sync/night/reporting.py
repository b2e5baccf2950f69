"""The stage ``report``: what happened, gathered from whatever the other stages left (SPEC sections 5 and 11)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sims_sync.directory.mapping import DISABLED_BY_SYNC
from sims_sync.mails.failure import Failure
from sims_sync.model.attributes import Attribute, label_of
from sims_sync.model.errors import SyncError
from sims_sync.model.person import order
from sims_sync.night.planning import discovered
from sims_sync.night.run import Run, Skipped
from sims_sync.runs.documents import (
    NOTHING_WRITTEN,
    STAGES,
    ApproveFacts,
    ApproveLeaversFacts,
    ExtractFacts,
    LoadFacts,
    Outcome,
    PlanFacts,
    Report,
    ValidateFacts,
)
from sims_sync.runs.reading import RunReader
from sims_sync.runs.redaction import RedactedReader
from sims_sync.runs.report import (
    ReportHead,
    build_report,
    count_of,
    failing_since,
    sync_report,
)
from sims_sync.runs.to_correct import errors_csv

log = logging.getLogger(__name__)

_FAILED = frozenset({"failed", "upstream_failed"})
_BY_ENDING: Mapping[str, Outcome] = {"superseded": "superseded", "paused": "paused"}
"""The outcome of a run of which a stage ended so; any other that is skipped is a part of a success."""
_STOPPED = "the task was stopped or marked failed"
_NAMED = 20
"""The most people whom a note names."""


@dataclass(frozen=True)
class Reported:
    """What was reported of a run.

    :param redacted: the report for who may only read, as Airflow shows it to them.
    :param place: where the report lies.
    :param failure: how the run failed, if it did.
    :param is_whole_sync: whether the directory agrees with the whole roll now: all of it was applied.
    """

    report: Report
    redacted: Report
    place: str
    failure: Failure | None
    is_whole_sync: bool


def report_run(run: Run, states: Mapping[str, str], started_at: datetime) -> Reported:
    """Write ``report.json`` and ``errors.csv``, and send the report to a directory that takes it.

    :param states: how the other stages ended, by name: ``success``, ``failed``, ``upstream_failed`` or ``skipped``.
    :param started_at: when the run began.
    :raises Skipped: the school is not synchronised.
    """
    left = run.files.read()
    ended = left.ended("extract")
    paused = ended is not None and ended.how == "paused"
    if states.get("extract") == "skipped" and not paused:
        raise Skipped(ended.reason if ended else "The school was skipped.")
    broken = next((stage for stage in STAGES if states.get(stage) in _FAILED), None)
    outcome, reason = _outcome(run, left, broken)
    findings, plan = left.findings(), left.output(PlanFacts)
    since, solved = run.state.failing_since(), dict[str, date]()
    if plan is not None:
        before, since = since, failing_since(findings, since, run.parameters.effective_date)
        if outcome in ("success", "failed", "held") and run.is_whole:
            run.state.save_failing_since(since)
            solved = {key: date for key, date in before.items() if key not in since}
    written = outcome not in NOTHING_WRITTEN or left.output(LoadFacts) is not None
    head = ReportHead(
        school=run.school.id,
        run_id=run.run_id,
        effective_date=run.parameters.effective_date,
        outcome=outcome,
        reason=reason,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        only_person_ids=run.parameters.only_person_ids,
        dry_run=run.parameters.dry_run,
        planned_only=not written,
    )
    notes = [*_for_whom(run, left), *_notes(run, left)]
    report = build_report(head, count_of(left, findings, written=written), findings, since, solved, notes)
    shown = RedactedReader(left.folder, run.attributes)
    told = shown.findings()
    redacted = build_report(head, count_of(shown, told, written=written), told, since, notes=notes)
    place = run.files.save_report(report, redacted, errors_csv(report))
    log.info("%s: %s", outcome, ", ".join(f"{number} {name}" for name, number in redacted.counts.items()))
    if outcome not in ("dry_run", "superseded", "paused") and run.is_whole and run.parameters.fault is None:
        _send(run, report, left)
    return Reported(
        report,
        redacted,
        place,
        failure=None if broken is None else _failure(run, left, broken),
        is_whole_sync=outcome == "success" and run.is_whole,
    )


def _outcome(run: Run, left: RunReader, broken: str | None) -> tuple[Outcome, str]:
    """The outcome, and why, from how the other tasks ended.

    :param broken: the first that failed, if one did.
    """
    if broken is not None:
        ended = left.ended(broken)
        held = ended is not None and ended.how == "held"
        return ("held" if held else "failed"), f"{broken}: {ended.reason if ended else _STOPPED}"
    if run.parameters.dry_run:
        return "dry_run", "nothing was written"
    ended = next(filter(None, map(left.ended, ("extract", "load", "disable_leavers"))), None)
    if ended is None:
        return "success", ""
    return _BY_ENDING.get(ended.how, "success"), ended.reason


def _failure(run: Run, left: RunReader, broken: str) -> Failure:
    fault = left.ended(broken)
    if fault is None or not fault.kind:
        return Failure(datetime.now(UTC), run.run_id, broken, "", f"{_STOPPED.capitalize()}.")
    return Failure(datetime.now(UTC), run.run_id, broken, fault.kind, fault.message, fault.advice)


def _for_whom(run: Run, left: RunReader) -> list[str]:
    """For whom the run was, if for some students alone, and who of them is not on roll."""
    only = run.parameters.only_person_ids
    if only is None:
        return []
    people = ", ".join(_people(sorted(only, key=order), "and {} more"))
    notes = [f"The run was for some students alone: {people or 'no valid Person ID was given'}."]
    roll = left.table(ValidateFacts, "roll")
    if roll is not None:
        missing = sorted(only.difference(roll["person_id"]), key=order)
        notes += [f"{words}." for words in _people(missing, "{} more are on no roll", " is on no roll")]
    return notes


def _people(person_ids: Sequence[str], more: str, said: str = "") -> list[str]:
    """People by Person ID, each with what is said of them; of many some, and how many more."""
    named = [f"person {person_id}{said}" for person_id in person_ids[:_NAMED]]
    return [*named, *([more.format(len(person_ids) - _NAMED)] if person_ids[_NAMED:] else [])]


def _notes(run: Run, left: RunReader) -> list[str]:
    """What a reader must know of the whole run, once."""
    plan, approval, departures = left.output(PlanFacts), left.output(ApproveFacts), left.output(ApproveLeaversFacts)
    if plan is None:
        return []
    unwritten = run.parameters.dry_run or plan.facts.superseded
    held = f"The plan {'would be' if unwritten else 'is'} held"
    notes = [f"{held}: {reason}" for reason in (*plan.facts.reasons, *plan.facts.departure_reasons)]
    notes += [
        f"{number} departures were expected ({name}): they count towards no limit."
        for name, number in plan.facts.expected.items()
    ]
    if plan.facts.superseded:
        notes.append(plan.facts.superseded)
    if approval and approval.facts.asked:
        without = ", without its departures" if approval.facts.without_departures else ""
        notes.append(f"The plan was held, and approved by {approval.facts.approved_by}{without}.")
    elif departures and departures.facts.asked:
        notes.append(f"The departures were held, and approved by {departures.facts.approved_by}.")
    return [*notes, *_without_a_place(plan.facts, left.attributes)]


def _without_a_place(plan: PlanFacts, attributes: Sequence[Attribute]) -> list[str]:
    """Which values the directory cannot hold; what is off is no lack."""
    extension = {each.name for each in attributes if each.extension} | {DISABLED_BY_SYNC}
    others = [label_of(name) for name in plan.lacking if plan.knows_extension or name not in extension]
    notes = []
    if not plan.knows_extension and (lost := _of_extension(attributes, plan.off)):
        notes.append(f"The directory does not know the student extension. These are not written: {', '.join(lost)}.")
    if others:
        notes.append(
            f"The directory has no place that can be written for these: {', '.join(others)}. They are left as they are."
        )
    if plan.unnamed_genders:
        notes.append("No gender is written: neither the directory names genders, nor the school (`genders`).")
    return notes


def _of_extension(attributes: Sequence[Attribute], off: Collection[str]) -> list[str]:
    """What a directory without the student extension has no place for, of what the school sends."""
    return [each.label for each in attributes if each.extension and each.column not in off]


def _send(run: Run, report: Report, left: RunReader) -> None:
    """Send the report to a directory that takes it; its failure fails nothing (SPEC section 5).

    The report of an older roll than one that was applied would replace the school's list by an older one.
    """
    plan = left.output(PlanFacts)
    try:
        if _is_older(run, left):
            return
        endpoint = run.open_directory()
        directory = run.directory(endpoint, discovered(run, plan, endpoint))
        if directory.capabilities.sync_reports:
            directory.send_report(sync_report(report))
    except SyncError as fault:
        log.warning("The report was not sent to the directory: %s", fault)


def _is_older(run: Run, left: RunReader) -> bool:
    """Whether the run has an older roll than one that another began to apply."""
    mark, extracted = run.state.mark(), left.output(ExtractFacts)
    if mark is None or run.parameters.allow_older:
        return False
    if extracted is None:
        return run.parameters.effective_date < mark.effective_date
    return mark.is_newer_than(extracted.facts)
