"""The tasks of the DAG ``sims_sync_digest``: once a day, to each recipient, how their schools stand, what begins
tomorrow in the year of their schools, and once a week to offices what is to be corrected."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import task

from sims_sync.airflow.configured import configured_store
from sims_sync.airflow.smtp import AirflowPost, all_schools, send_to
from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.config.schools_file import load_schools
from sims_sync.mails.messages import Morning, begins_tomorrow, daily_digest
from sims_sync.model.errors import PermanentFault
from sims_sync.store.layout import state_folder

log = logging.getLogger(__name__)

_MONDAY = 0

_NEWS = timedelta(hours=20)
"""For so long a failure is news, of which its own mail has told: no digest goes out for it alone."""


@task
def mail_how_schools_stand() -> dict[str, int]:
    """Mail each recipient how their schools stand: which fail, wait for an answer, are late or paused, and why.

    No mail to who has none that fails, or only such as began to fail last night, unless one of their schools wants it
    always (`digest: always`).

    :returns: how many schools fail, and how many mails were sent.
    """
    from sims_sync.night.morning import morning_of

    root, now, post = configured_store(), datetime.now(UTC), AirflowPost()
    of_recipient: dict[str, list[Morning]] = defaultdict(list)
    for school in load_schools()[0].values():
        if school.synchronised:
            morning = morning_of(root, school, now, replace(post.places(school, "").school, words=school.name))
            log.info("%s: %s since %s", school.id, morning.state, morning.since)
            for address in school.alert_emails:
                of_recipient[address].append(morning)
    sent = [
        send_to([address], daily_digest(theirs, all_schools()))
        for address, theirs in of_recipient.items()
        if any(each.school.digest == "always" or _fails_long(each, now) for each in theirs)
    ]
    failing = {each.school.id for theirs in of_recipient.values() for each in theirs if each.state == "fails"}
    return {"failing": len(failing), "mails": sum(sent)}


@task
def mail_records_of_the_week() -> dict[str, int]:
    """Mail the offices that want it once a week, on Mondays, which records are to be corrected.

    One school stops no other; the task fails in the end, and is not tried again, as that would mail the others twice.

    :returns: how many mails were sent.
    :raises PermanentFault: some schools were not told, or it could not be kept that they were.
    """
    from sims_sync.night.news import tell_records

    root, post, now = configured_store(), AirflowPost(), datetime.now(UTC)
    weekly = [
        school
        for school in load_schools()[0].values()
        if school.office_emails and school.records_mail == "weekly" and school.synchronised
        if now.astimezone(ZoneInfo(school.timezone)).weekday() == _MONDAY
    ]
    sent, broken = 0, list[str]()
    for school in weekly:
        links = (post.places(school, "").school,)
        try:
            sent += tell_records(school, state_folder(root, school.id), links, post, to_office=True, again=True)
        except Exception as error:  # whatever it is, the other offices wait for their mail
            log.error("%s: the records to correct were not mailed, or not kept: %s", school.id, type(error).__name__)
            broken.append(school.id)
    if broken:
        raise PermanentFault(
            f"The records to correct of {', '.join(broken)} were not mailed, or it could not be kept that they were. "
            "That kept no other school from its mail.",
            advice="Look whether the state/ of each can be written in the store. Do not clear this task: it would mail "
            "all of them again.",
        )
    return {"mails": sent}


def _fails_long(morning: Morning, now: datetime) -> bool:
    return morning.state == "fails" and (morning.since is None or morning.since < now - _NEWS)


@task
def mail_what_begins_tomorrow() -> dict[str, int]:
    """Mail each recipient which windows and pauses (`expected`, `pause`) of their schools begin tomorrow.

    :returns: how many begin, and how many mails were sent.
    """
    now = datetime.now(UTC)
    of_recipient: dict[str, list[tuple[School, Window | Pause]]] = defaultdict(list)
    begin = [
        (school, each)
        for school in load_schools()[0].values()
        if school.synchronised
        for each in school.begins_on(now.astimezone(ZoneInfo(school.timezone)).date() + timedelta(days=1))
    ]
    for school, each in begin:
        log.info("%s: %s begins tomorrow", school.id, each.name)
        for address in school.alert_emails:
            of_recipient[address].append((school, each))
    sent = [send_to([address], begins_tomorrow(theirs, all_schools())) for address, theirs in of_recipient.items()]
    return {"begin": len(begin), "mails": sum(sent)}
