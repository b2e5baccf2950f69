"""Deletes run files whose retention is over, every day: personal data is not kept for longer than it is needed."""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, Param, dag

from sims_sync.airflow.retention import delete_expired
from sims_sync.airflow.settings import DEFAULT_ARGS

DOC = """
### Retention of run files

Deletes the files of runs older than the school's `retention_days` (30), and SIMS's own documents older than
`raw_retention_days` (7). A school's `state/` (mark, history, claim) is never touched. A run that waits for an approval
keeps its files. `dry_run` only counts.
"""


@dag(
    schedule=CronTriggerTimetable("30 6 * * *", timezone="Europe/London"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/London"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    doc_md=DOC,
    params={
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Delete nothing: count what would be deleted."
        )
    },
    tags=["sims-sync"],
)
def sims_sync_retention() -> None:
    delete_expired()


sims_sync_retention()
