"""What one run did with one person, and what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sims_sync.model.change_kinds import LEAVER_KINDS
from sims_sync.runs.documents import ReportedError, ReportedWarning, ValidateFacts
from sims_sync.runs.planned import PlanDocument, PlannedChange
from sims_sync.runs.reading import REPORT, RunReader
from sims_sync.runs.untold import is_untold, writing_stage
from sims_sync.ui.history import RunSummary
from sims_sync.ui.so_far import so_far
from sims_sync.ui.words import DONE, RESULTS, Label


@dataclass(frozen=True)
class Fate:
    """What a run did with a person.

    :param known: whether the run knows the person at all.
    :param label: what was done, in a few words.
    :param sentence: the same in full.
    :param attributes: names of the written attributes.
    :param is_done: whether they were written.
    """

    known: bool
    label: Label
    sentence: str
    school_identifier: str | None
    errors: Sequence[ReportedError] = ()
    warnings: Sequence[ReportedWarning] = ()
    attributes: Sequence[str] = ()
    is_done: bool = False


_WOULD: dict[str, tuple[Label, str]] = {
    # kind: (would be written, in full)
    "create": (
        Label("would be created", "info"),
        "The student is on roll and had no account: {}.",
    ),
    "update": (
        Label("would be updated", "info"),
        "The student is on roll and has an account that differed from SIMS: {}.",
    ),
    "enable": (
        Label("would be enabled again", "info"),
        "The student is back on roll, and the sync had disabled the account: {}.",
    ),
    "link": (
        Label("would be linked", "info"),
        "The student is on roll, and the account stood under another Person ID or under none: {}.",
    ),
    "disable": (
        Label("would be disabled", "warn"),
        "The person is not on roll, so the account is that of a leaver: {}.",
    ),
    "unlink_role": (
        Label("role would be removed", "warn"),
        "The person is not on roll, and the account has further roles, so it keeps working without the role "
        "of a student: {}.",
    ),
}

_UNCHANGED = Label("unchanged", "good")
_REJECTED = Label("rejected", "bad")
_FAILED = Label("write failed", "bad")
_NOT_WRITTEN = Label("not written", "warn")
_NOT_KNOWN = RESULTS["not_known"]
_NOT_COMPARED = Label("not compared", "quiet")
_NOT_ON_ROLL = Label("not on roll", "quiet")

_STILL_WORKS: dict[str, tuple[Label, str]] = {
    "disable": (
        Label("not disabled", "bad"),
        "The person is not on roll; the directory refused to disable the account, which still works.",
    ),
    "unlink_role": (
        Label("role not removed", "bad"),
        "The person is not on roll; the directory refused to remove the role of a student from the account.",
    ),
}
"""What is said of departures that the directory refused."""

_NOT_FOR_THIS_ONE = Fate(
    known=False,
    label=_NOT_COMPARED,
    sentence="The run was for some students alone, and not for this one.",
    school_identifier=None,
)

_NOT_YET = {
    "waiting": " by this run, once a person approves its plan; nothing is done before",
    "under_way": " by this run, which has not come to it yet",
}
"""What is said of a planned change of a run that has no report yet."""


def fate_of(files: RunReader, run: RunSummary, person_id: str) -> Fate | None:
    """What a run did with a person, or would do, where it has no report yet; none where it has no roll (it failed
    before, or its files are gone)."""
    roll = files.table(ValidateFacts, "roll")
    report = files.report() if REPORT in files.names else so_far(files)
    if report is None or roll is None:
        return None
    if run.only_person_ids is not None and person_id not in run.only_person_ids:
        return _NOT_FOR_THIS_ONE
    own = roll[roll["person_id"] == person_id]
    on_roll = not own.empty
    identifiers = [each for each in own["school_identifier"] if isinstance(each, str)]
    errors = [entry for entry in report.errors if entry.person_id == person_id]
    warnings = [entry for entry in report.warnings if entry.person_id == person_id]
    plan = files.plan()
    change = next((each for each in plan.changes if each.person_id == person_id), None) if plan else None
    if change and not identifiers and change.school_identifier:
        identifiers = [change.school_identifier]
    result = _result(files, change)
    label, sentence = _what(run, person_id, on_roll, errors, plan, change, result)
    return Fate(
        known=on_roll or change is not None,
        label=label,
        sentence=sentence,
        school_identifier=next(iter(identifiers), None),
        errors=errors,
        warnings=warnings,
        attributes=change.attributes if change else (),
        is_done=result == "done",
    )


def _what(
    run: RunSummary,
    person_id: str,
    on_roll: bool,
    errors: Sequence[ReportedError],
    plan: PlanDocument | None,
    change: PlannedChange | None,
    result: str | None,
) -> tuple[Label, str]:
    if change is not None and change.kind in LEAVER_KINDS and result == "rejected":
        return _STILL_WORKS[change.kind]
    if errors:
        codes = ", ".join(error.code for error in errors)
        return _REJECTED, (
            f"The student is on roll, but the record was not imported ({codes}). An account that there is already is "
            "neither changed nor disabled."
        )
    if plan is None:
        where = "is on roll" if on_roll else "is not on roll"
        return _NOT_COMPARED, f"The person {where}; the run ended before it compared with the directory."
    if change is not None:
        return _changed(run, change, result)
    if person_id in plan.unchanged:
        return _UNCHANGED, "The student is on roll, and the account is as it should be: nothing was written."
    if on_roll:
        return _NOT_COMPARED, "The student is on roll, but the files of this run do not tell what became of the record."
    if plan.no_leaver_check:
        return _NOT_ON_ROLL, f"The person is not on roll. Nobody is disabled in this run: {plan.no_leaver_check}"
    return _NOT_ON_ROLL, "The person is not on roll, and has no active student account."


def _changed(run: RunSummary, change: PlannedChange, result: str | None) -> tuple[Label, str]:
    written, (would, sentence) = DONE[change.kind], _WOULD[change.kind]
    if result == "done":
        return written, sentence.format(written.words)
    if result == "failed":
        return _FAILED, sentence.format(f"the write failed for the directory's reasons ({would.words})")
    if run.outcome in _NOT_YET:
        return would, sentence.format(f"it {would.words}{_NOT_YET[run.outcome]}")
    if result == "not_known":
        told = f"it is {_NOT_KNOWN.words}, for the task ended before it could tell ({would.words})"
        return _NOT_KNOWN, sentence.format(told)
    if run.wrote_nothing:
        return would, sentence.format(f"it {would.words}, but this run wrote nothing")
    return _NOT_WRITTEN, sentence.format(f"it {would.words}, but the run ended before that")


def _result(files: RunReader, change: PlannedChange | None) -> str | None:
    """What became of a change: ``done``, ``failed`` or ``rejected``; none where it was not tried, ``not_known`` where
    nobody can tell."""
    if change is None:
        return None
    for each in files.results():
        same_account = change.account_id in (None, each.account_id)
        if each.kind == change.kind and each.person_id == change.person_id and same_account:
            return each.result
    return "not_known" if is_untold(files, writing_stage(change.kind)) else None
