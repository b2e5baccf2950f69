"""The tasks of the DAG ``sims_sync_digest``: once a day, to each recipient, their schools that still fail, and what
begins tomorrow in the year of their schools."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import task

from sims_sync.airflow.configured import configured_store
from sims_sync.airflow.smtp import all_schools, send_to
from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.config.schools_file import load_schools
from sims_sync.mails.failure import Failure
from sims_sync.mails.messages import begins_tomorrow, still_failing
from sims_sync.store.layout import state_folder

log = logging.getLogger(__name__)

_NEWS = timedelta(hours=20)
"""For so long a failure is news, of which its own mail has told: no digest goes out for it alone."""


@task
def mail_still_failing() -> dict[str, int]:
    """Mail each recipient which of their schools still fail, since when, why, and what to do.

    No mail to who has none, or only such as began to fail last night.

    :returns: how many schools fail, and how many mails were sent.
    """
    from sims_sync.night.news import failing

    root, now = configured_store(), datetime.now(UTC)
    of_recipient: dict[str, list[tuple[School, Failure]]] = defaultdict(list)
    schools = load_schools()[0].values()
    failed = [(school, failure) for school in schools if (failure := failing(state_folder(root, school.id)))]
    for school, failure in failed:
        log.info("%s: fails since %s", school.id, failure.since)
        for address in school.alert_emails:
            of_recipient[address].append((school, failure))
    sent = [
        send_to([address], still_failing(theirs, all_schools()))
        for address, theirs in of_recipient.items()
        if any(failure.since < now - _NEWS for _, failure in theirs)
    ]
    return {"failing": len(failed), "mails": sum(sent)}


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
