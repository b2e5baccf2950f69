"""Deletes run files whose retention is over, every morning: personal data is not kept for longer than it is needed.

Wiring only; the task is in ``sims_sync.airflow.retention_task``.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, Param, dag

from sims_sync.airflow.retention_task import delete_expired
from sims_sync.airflow.settings import DEFAULT_ARGS

DOC = """
### Retention of run files

Deletes the files of runs older than the school's `retention_days` (default 30), and in younger runs SIMS's own
documents older than its `raw_retention_days` (default 7). Of the register (`state/register/`) the months go of which
every entry is older than its `register_days` (default 800). The files of a school that is no longer configured go too.
Nothing else of a school's `state/` (mark, history, claim) is touched, and a run that waits for an approval keeps its
files.

With `dry_run`, the log and the result say what would go.

When it fails, it names each school and run whose files are still there. They hold personal data past its time: do what
the message says, then clear the task. More in *Retention* of `docs/configuration.md`.
"""


@dag(
    dag_display_name="SIMS student sync: retention",
    description="Deletes run files whose retention is over.",
    doc_md=DOC,
    schedule=CronTriggerTimetable("30 6 * * *", timezone="Europe/London"),  # after the nightly runs
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/London"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
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
