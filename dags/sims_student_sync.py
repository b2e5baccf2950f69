"""One DAG for each school of ``schools.yaml``: the students on roll in SIMS become accounts in the school's directory.

Wiring only; the tasks are in ``sims_sync.airflow.tasks``. A school whose configuration is wrong is left out here and
shows as an import error of ``sims_student_sync_errors.py``, so that the others run. So is one whose DAG cannot be made
all the same: one DAG that raises would make every school's DAG stale.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta

import pendulum
from airflow.sdk import (
    AsyncCallback,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Label,
    TaskGroup,
    get_parsing_context,
)

from sims_sync.airflow import tasks
from sims_sync.airflow.alerts import on_report_failure, on_run_failure, run_is_late
from sims_sync.airflow.assets import directory_alias
from sims_sync.airflow.school_dag import SchoolDag
from sims_sync.airflow.settings import DEFAULT_ARGS, RUN_TIMEOUT, dag_doc
from sims_sync.airflow.trigger_form import trigger_form
from sims_sync.airflow.what_to_do import after_failure
from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import ConfigError, load_schools

log = logging.getLogger(__name__)


def school_dag(school: School) -> SchoolDag:
    """The DAG of one school, as far as Airflow looks at it before it is written into the database."""

    with SchoolDag(
        dag_id=school.dag_id,
        dag_display_name=f"{school.name}: SIMS student sync",
        description=f"Students on roll in the SIMS of {school.name} become accounts in its directory.",
        doc_md=dag_doc(school),
        schedule=CronTriggerTimetable(school.cron, timezone=school.timezone) if school.cron else None,
        start_date=pendulum.datetime(2026, 1, 1, tz=school.timezone),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=RUN_TIMEOUT,
        default_args=DEFAULT_ARGS,
        on_failure_callback=on_run_failure(school.id),
        # Not DAGRUN_QUEUED_AT: with that one, Airflow 3.3.2 fails whenever a run is cleared.
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
            interval=timedelta(minutes=school.late_after_minutes),
            callback=AsyncCallback(run_is_late, {"school_id": school.id, "minutes": school.late_after_minutes}),
        ),
        params=trigger_form(),
        tags=["sims-sync", f"la:{school.la}", *(["no modules"] if not school.synchronised else [])],
        auto_register=False,  # not before it is known to be right
    ) as dag:
        with TaskGroup("sims", group_display_name="From SIMS", prefix_group_id=False):
            extracted = tasks.extract(school.id)
            validated = tasks.validate(school.id, extracted)
            transformed = tasks.transform(school.id, validated)
        with TaskGroup("directory", group_display_name="Into the directory", prefix_group_id=False):
            planned = tasks.plan(school.id, transformed)
            approved = tasks.approve(school.id, planned)
            loaded = tasks.load(school.id, approved)
            let_go = tasks.approve_leavers(school.id, loaded)
            disabled = tasks.disable_leavers(school.id, let_go)
        planned >> Label("over a limit: waits for a person") >> approved
        loaded >> Label("departures over a limit: wait for a person") >> let_go
        reported = tasks.report.override(
            on_failure_callback=[on_report_failure(school.id), after_failure], outlets=[directory_alias(school.id)]
        )(school.id)
        # A teardown runs whatever happened; without `on_failure_fail_dagrun`, for with it the teardown alone would be
        # the leaf that decides the run's state, and a failed `extract` would leave the run green.
        disabled >> reported.as_teardown()
    dag.validate()
    return dag


with contextlib.suppress(ConfigError):  # sims_student_sync_errors.py raises it
    wanted = get_parsing_context().dag_id
    for school in load_schools()[0].values():
        if wanted not in (None, school.dag_id):
            continue
        try:
            globals()[school.dag_id] = school_dag(school)
        except Exception:  # whatever it is, it is this school's
            log.exception("No DAG was made for the school %s", school.id)
