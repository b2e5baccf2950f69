"""Rows of Airflow's database: DAGs and their runs, as the DAG processor and the scheduler leave them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, insert, select

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


def put_question(school_id: str, run_id: str, task_id: str, options: Sequence[str]) -> UUID:
    """A task of a run that is parked with a question, as a worker leaves it.

    :returns: the id of the task instance.
    """
    task_instance, version, dag_id = uuid4(), uuid4(), f"sims_student_sync__{school_id}"
    of_task = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "pool": "default_pool"}
    state, asked = TaskInstanceState.AWAITING_INPUT, {"options": list(options), "subject": "Hold", "multiple": False}
    with create_session(scoped=False) as session:
        session.execute(insert(DagVersion).values(id=version, dag_id=dag_id, version_number=1, bundle_name=BUNDLE))
        session.execute(
            insert(TaskInstance).values(id=task_instance, state=state, dag_version_id=version, try_number=1, **of_task)
        )
        session.execute(insert(HITLDetail).values(ti_id=task_instance, **asked))
    return task_instance


def answers(task_instances: Collection[UUID]) -> list[tuple[Sequence[str] | None, str | None, str]]:
    """What was answered to such questions, by whom, and the state of the task."""
    with create_session(scoped=False) as session:
        told = session.execute(
            select(HITLDetail.chosen_options, HITLDetail.responded_by, TaskInstance.state)
            .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
            .where(TaskInstance.id.in_(task_instances))
        )
        return [(options, by and by["name"], state) for options, by, state in told]


def forget_all() -> None:
    """Remove every row of these again."""
    with create_session(scoped=False) as session:
        session.execute(delete(Job))
        session.execute(delete(TaskInstance))
        session.execute(delete(DagVersion))
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
