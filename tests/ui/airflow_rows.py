"""Rows of Airflow's database: DAGs and their runs, as the DAG processor and the scheduler leave them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, insert

BUNDLE = "schools"


Runs = Mapping[str, tuple[str, datetime]]
"""State and start by run id."""


def put_dags(schools: Mapping[str, Runs], *, paused: bool = False) -> None:
    """The DAGs of schools, with their runs; what was there before is forgotten."""
    forget_all()
    dags = {f"sims_student_sync__{school_id}": runs for school_id, runs in schools.items()}
    with create_session(scoped=False) as session:
        session.merge(DagBundleModel(name=BUNDLE))
        session.flush()
        session.add_all(
            DagModel(dag_id=dag_id, bundle_name=BUNDLE, is_paused=paused, is_stale=False, max_active_tasks=1)
            for dag_id in dags
        )
        session.flush()
        session.execute(
            insert(DagRun.__table__),
            [
                {
                    "dag_id": dag_id,
                    "run_id": run_id,
                    "run_type": DagRunType.MANUAL,
                    "triggered_by": DagRunTriggeredByType.TEST,
                    "state": state,
                    "queued_at": began,
                    "start_date": began,
                    "run_after": began,
                    "updated_at": datetime.now(UTC),
                }
                for dag_id, runs in dags.items()
                for run_id, (state, began) in runs.items()
            ],
        )


def forget_all() -> None:
    """Remove every row of these again."""
    with create_session(scoped=False) as session:
        session.execute(delete(Job))
        session.execute(delete(DagRun))
        session.execute(delete(DagModel))


def put_scheduler(reported_at: datetime) -> None:
    """A scheduler that works, or has died; the ones that were there before are forgotten."""
    with create_session(scoped=False) as session:
        session.execute(delete(Job))
        session.execute(
            insert(Job.__table__),
            {
                "job_type": "SchedulerJob",
                "state": "running",
                "hostname": "here",
                "start_date": reported_at,
                "latest_heartbeat": reported_at,
            },
        )
