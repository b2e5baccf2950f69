"""Mails every morning which schools still fail: a failure is told once when it begins, then here, not every night.

Wiring only; the tasks are in ``sims_sync.airflow.digest``.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, dag

from sims_sync.airflow.digest import mail_how_schools_stand, mail_records_of_the_week, mail_what_begins_tomorrow
from sims_sync.airflow.settings import DEFAULT_ARGS

DOC = """
### Daily digest

Mails each address of `alert_emails` how its schools stand: which still fail, wait for an answer, are late or paused;
since when, why, and what to do. No mail where none fails, unless a school has `digest: always`. It reads each school's
files, and talks to no SIMS and no directory. Beside it a mail the day before a window or a pause of a school's year
(`expected`, `pause`) begins, and on Mondays one to the offices that want the records to correct weekly.
"""


@dag(
    dag_display_name="SIMS student sync: daily digest",
    description="Mails which schools still fail, and what begins tomorrow.",
    doc_md=DOC,
    schedule=CronTriggerTimetable("0 7 * * *", timezone="Europe/London"),  # after the nightly runs
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/London"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["sims-sync"],
)
def sims_sync_digest() -> None:
    mail_how_schools_stand()
    mail_what_begins_tomorrow()
    mail_records_of_the_week()


sims_sync_digest()
