"""What Airflow's database knows of the schools' DAGs and their runs; the pages only read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import func, or_, select

_ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class AirflowRun:
    """A run as Airflow knows it."""

    run_id: str
    state: str
    started_at: datetime | None

    @property
    def active(self) -> bool:
        return self.state in _ACTIVE


@dataclass(frozen=True)
class DagState:
    """A school's DAG as Airflow knows it.

    :param runs: the newest run and every active one, the newest first.
    """

    paused: bool
    runs: tuple[AirflowRun, ...]

    @property
    def active(self) -> AirflowRun | None:
        return next((run for run in self.runs if run.active), None)

    @property
    def newest(self) -> AirflowRun | None:
        return next(iter(self.runs), None)


def dag_states(dag_ids: Collection[str]) -> dict[str, DagState]:
    """The DAGs that Airflow knows, by id; one that it has not parsed is not among them."""
    wanted = list(dag_ids)
    newest = (
        select(DagRun.dag_id, func.max(DagRun.run_after).label("run_after"))
        .where(DagRun.dag_id.in_(wanted))
        .group_by(DagRun.dag_id)
        .subquery()
    )
    runs = (
        select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date)
        .join(newest, newest.c.dag_id == DagRun.dag_id)
        .where(or_(DagRun.run_after == newest.c.run_after, DagRun.state.in_(_ACTIVE)))
        .order_by(DagRun.run_after.desc(), DagRun.id.desc())
    )
    dags = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(wanted), ~DagModel.is_stale)
    with create_session(scoped=False) as session:
        found: dict[str, list[AirflowRun]] = defaultdict(list)
        for dag_id, run_id, state, started_at in session.execute(runs):
            found[dag_id].append(AirflowRun(run_id, str(state), started_at))
        return {dag_id: DagState(bool(paused), tuple(found[dag_id])) for dag_id, paused in session.execute(dags)}


def find_run(dag_id: str, run_id: str) -> AirflowRun | None:
    """A run, if Airflow knows it."""
    query = select(DagRun.run_id, DagRun.state, DagRun.start_date).where(
        DagRun.dag_id == dag_id, DagRun.run_id == run_id
    )
    with create_session(scoped=False) as session:
        row = session.execute(query).first()
    return AirflowRun(row[0], str(row[1]), row[2]) if row else None
