"""How a school stands in the morning, as its files tell it: for the daily digest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.mails.mail import Link
from sims_sync.mails.messages import Morning, what_fails
from sims_sync.model.errors import PermanentFault
from sims_sync.night.news import failing
from sims_sync.runs.reading import REPORT, RunReader
from sims_sync.runs.standing import QUESTIONS
from sims_sync.runs.state import SchoolState
from sims_sync.store.folder import Folder, Stamp, Unreadable
from sims_sync.store.layout import STATE, state_folder

_LATE = "No run has ended since. Is its DAG paused, or Airflow's scheduler down?"
_UNREADABLE = "Look at its rights and its content in the store; or clear the run."


def morning_of(root: Folder, school: School, now: datetime, link: Link) -> Morning:
    """How a school stands. Of one whose files cannot be listed that is told, and the others are told of all the same.

    Whether Airflow was told to pause its DAG is not in its files: then it is late, which says so.

    :param link: to its page.
    """
    try:
        return _morning_of(root, school, now, link)
    except Unreadable as fault:
        return Morning(school, "fails", link, f"Its files cannot be listed: {fault.why}. Look at the store.")
    except PermanentFault as fault:
        return Morning(school, "fails", link, str(fault))


def _morning_of(root: Folder, school: School, now: datetime, link: Link) -> Morning:
    if failure := failing(state_folder(root, school.id)):
        return Morning(school, "fails", link, what_fails(failure), failure.since)
    reported = {folder: stamp for folder, stamp in (root / school.id).stamps(REPORT).items() if folder != STATE}
    if waiting := _waiting(root / school.id, reported, now):
        return Morning(school, "waits", link, f"{waiting[0]} Approve or reject it under Required Actions.")
    past = _past(root / school.id, reported)
    if past.unreadable:
        why = f"The report of its run {past.unreadable} cannot be read. {_UNREADABLE}"
        return Morning(school, "fails", link, why)
    if pause := school.paused_on(now.astimezone(ZoneInfo(school.timezone)).date(), "all"):
        return Morning(school, "paused", link, f"{pause.reason}: until {pause.last:%d %B %Y}.")
    if (last := past.ended_at or _applied_at(root, school)) is None:
        return Morning(school, "new", link)
    due = school.due_before(now - timedelta(minutes=school.late_after_minutes))
    if due is not None and last < due:
        return Morning(school, "late", link, _LATE, due)
    return Morning(school, "in order" if past.ended_at else "new", link)


@dataclass(frozen=True)
class _Past:
    """What the reports of a school tell.

    :param ended_at: when its newest run ended that is no trial.
    :param unreadable: the folder of a run that may say how the school stands, and whose report cannot be read; or none.
    """

    ended_at: datetime | None
    unreadable: str = ""


def _past(school: Folder, reported: Mapping[str, Stamp]) -> _Past:
    """What the reports tell, from the newest to the one that decides how the school stands."""
    ended_at: datetime | None = None
    for folder in sorted(reported, key=lambda folder: (reported[folder], folder), reverse=True):
        files = RunReader(school / folder)
        report = files.report()
        if report is None and files.unreadable:
            return _Past(ended_at, folder)
        if report is None or report.is_trial:
            continue
        ended_at = ended_at or report.finished_at
        if report.decides:
            break
    return _Past(ended_at)


def _applied_at(root: Folder, school: School) -> datetime | None:
    """When the newest roll was extracted that a run of the school began to apply, if one ever did."""
    mark = SchoolState(root, school.id).mark()
    return mark.extracted_at if mark else None


def _waiting(school: Folder, reported: Collection[str], now: datetime) -> tuple[str, ...]:
    """Why the plan of a run of the school waits for an answer; empty where none does. What has lapsed waits no more."""
    asked = {folder for file in QUESTIONS.values() for folder in school.stamps(file)}
    for folder in sorted(asked.difference(reported, {STATE}), reverse=True):
        files = RunReader(school / folder)
        question = files.question(stage) if (stage := files.waits_at()) else None
        if question and question.lapses_at > now and (reasons := files.waits_for_approval()):
            return reasons
    return ()
