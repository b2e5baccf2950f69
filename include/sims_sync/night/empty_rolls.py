"""A roll or a document that is empty, though it was not: taken for what it is only once a person has said so (SPEC
sections 2 and 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sims_sync.model.errors import PermanentFault
from sims_sync.night.run import Run
from sims_sync.runs.documents import ExtractFacts
from sims_sync.runs.state import EmptyRoll
from sims_sync.sources.source import SPECIAL, TABLES

STUDENTS = "students"
CAME = "came"
"""The file of a run that names the documents which had rows of students."""

_PROTECTED = "a protected value"
_WHAT = {
    "addresses": "addresses",
    "person_addresses": "addresses",
    "telephones": "telephones",
    "emails": "email addresses",
    **dict.fromkeys(SPECIAL, _PROTECTED),
}
"""What a table tells of students, in words; of special categories not even which."""


def may_be_empty(run: Run) -> bool:
    """Whether a roll of nobody is taken for what it is: the run says so, or an earlier one was approved.

    :raises PermanentFault: the run says so for a date before today.
    """
    if not run.parameters.allow_empty_roll:
        return run.state.empty_roll() is not None
    today = datetime.now(UTC).astimezone(ZoneInfo(run.school.timezone)).date()
    if run.parameters.effective_date < today:
        raise PermanentFault(
            f"`allow_empty_roll` is for the roll of today, {today}, and not for that of "
            f"{run.parameters.effective_date}: nothing was asked.",
            advice="Trigger a run for today, without `effective_date`.",
        )
    return True


def no_leaver_check(run: Run) -> str | None:
    """Why nobody is disabled, where the roll is empty as one was that was approved."""
    approved = run.state.empty_roll()
    if _has_students(run) or run.parameters.allow_empty_roll or approved is None:
        return None
    return (
        f"the roll is empty, as the one of {approved.effective_date} was, which was approved; nothing changes until a "
        "student appears."
    )


def reasons_to_hold(run: Run) -> list[str]:
    """Why the plan is held, whatever its numbers."""
    source = run.source.name
    if not _has_students(run):
        return (
            [
                f"{source} sent no student, and `allow_empty_roll` takes that for what it is: every student account "
                "would be a leaver's."
            ]
            if run.parameters.allow_empty_roll
            else []
        )
    applied = run.state.applied()
    held = applied.documents if applied else ()
    asked = [name for name in held if name in _WHAT and name not in run.choice.unasked]
    came = _came(run)
    emptied = dict.fromkeys(_WHAT[name] for name in asked if name not in came)
    return [
        f"{source} sent nothing of {what} for any student, and did for the last applied run: what the accounts have of "
        "it would be cleared. Check what the user of the connection may see before you approve."
        for what in emptied
    ]


def documents_held(run: Run) -> tuple[str, ...]:
    """Which documents hold rows of students; where the run is for some alone, as it was known before."""
    if run.parameters.only_person_ids is not None:
        applied = run.state.applied()
        return applied.documents if applied else ()
    return _came(run)


def _came(run: Run) -> tuple[str, ...]:
    """The documents that came with rows of students, whatever of it the school wants."""
    extracted = run.files.open(ExtractFacts)
    if f"{CAME}.json" in extracted.files:
        return tuple(extracted.document(CAME))
    return tuple(name for name in TABLES if not extracted.table(name).empty)  # of an extract by an earlier version


def remember_students(run: Run) -> None:
    """Forget an empty roll that was approved, when students are there again and were written."""
    if run.parameters.only_person_ids is None and run.state.empty_roll() is not None and _has_students(run):
        run.state.save_empty_roll(None)


def remember_approved(run: Run) -> None:
    """Keep that an empty roll was approved, when all its leavers are disabled."""
    if run.parameters.allow_empty_roll and run.parameters.only_person_ids is None and not _has_students(run):
        run.state.save_empty_roll(EmptyRoll(run_id=run.run_id, effective_date=run.parameters.effective_date))


def _has_students(run: Run) -> bool:
    return bool(run.files.open(ExtractFacts).counts[STUDENTS])
