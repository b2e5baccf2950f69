"""How a school stands in the morning, as its files tell it: for the daily digest."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.mails.mail import Link
from sims_sync.mails.messages import Morning, what_fails
from sims_sync.night.news import failing
from sims_sync.runs.reading import REPORT, RunReader
from sims_sync.runs.standing import QUESTIONS
from sims_sync.store.folder import Folder, Unreadable
from sims_sync.store.layout import STATE, state_folder

_LATE = "No run has ended since. Is its DAG paused, or Airflow's scheduler down?"


def morning_of(root: Folder, school: School, now: datetime, link: Link) -> Morning:
    """How a school stands. Of one whose files cannot be listed that is told, and the others are told of all the same.

    Whether Airflow was told to pause its DAG is not in its files: then it is late, which says so.

    :param link: to its page.
    """
    try:
        return _morning_of(root, school, now, link)
    except Unreadable as fault:
        return Morning(school, "fails", link, f"Its files cannot be listed: {fault.why}. Look at the store.")


def _morning_of(root: Folder, school: School, now: datetime, link: Link) -> Morning:
    if failure := failing(state_folder(root, school.id)):
        return Morning(school, "fails", link, what_fails(failure), failure.since)
    reported = {folder: stamp for folder, stamp in (root / school.id).stamps(REPORT).items() if folder != STATE}
    if waiting := _waiting(root / school.id, reported, now):
        return Morning(school, "waits", link, f"{waiting[0]} Approve or reject it under Required Actions.")
    if pause := school.paused_on(now.astimezone(ZoneInfo(school.timezone)).date(), "all"):
        return Morning(school, "paused", link, f"{pause.reason}: until {pause.last:%d %B %Y}.")
    if not reported:
        return Morning(school, "new", link)
    due = school.due_before(now - timedelta(minutes=school.late_after_minutes))
    report = RunReader(root / school.id / max(reported, key=lambda folder: (reported[folder], folder))).report()
    if due is not None and report is not None and report.finished_at < due:
        return Morning(school, "late", link, _LATE, due)
    return Morning(school, "in order", link)


def _waiting(school: Folder, reported: Collection[str], now: datetime) -> tuple[str, ...]:
    """Why the plan of a run of the school waits for an answer; empty where none does. What has lapsed waits no more."""
    asked = {folder for file in QUESTIONS.values() for folder in school.stamps(file)}
    for folder in sorted(asked.difference(reported, {STATE}), reverse=True):
        files = RunReader(school / folder)
        question = files.question(stage) if (stage := files.waits_at()) else None
        if question and question.lapses_at > now and (reasons := files.waits_for_approval()):
            return reasons
    return ()
