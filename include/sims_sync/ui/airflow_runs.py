"""What Airflow's database knows of the schools' DAGs and their runs; the pages only read it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any

from airflow.api.common.airflow_health import UNHEALTHY, get_airflow_health
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

_ACTIVE = ("queued", "running")
_LOOKED_AT = 50
"""Runs among which the newest one that is no trial is looked for."""


@dataclass(frozen=True)
class AirflowRun:
    """A run as Airflow knows it.

    :param is_trial: whether it was triggered as a dry run, or for some students alone.
    """

    run_id: str
    state: str
    started_at: datetime | None
    is_trial: bool = False

    @property
    def active(self) -> bool:
        return self.state in _ACTIVE


@dataclass(frozen=True)
class DagState:
    """A school's DAG as Airflow knows it.

    :param runs: the newest run that is no trial, the newest one, and every active one, the newest first.
    """

    paused: bool
    runs: tuple[AirflowRun, ...]

    @property
    def active(self) -> tuple[AirflowRun, ...]:
        """Those that run before those that are queued."""
        return tuple(sorted((run for run in self.runs if run.active), key=lambda run: run.state == "queued"))

    @property
    def newest(self) -> AirflowRun | None:
        """The newest run that says how the school stands."""
        return next((run for run in self.runs if not run.is_trial), None)


@dataclass(frozen=True)
class Silent:
    """A process of Airflow that has not reported for too long.

    :param meaning: what does not happen meanwhile.
    :param since: when it last did; none: never.
    """

    name: str
    meaning: str
    since: datetime | None


_PROCESSES = {
    "scheduler": ("scheduler", "No run begins and none goes on; schools whose run is overdue are not told as late."),
    "dag_processor": ("DAG processor", "No school is added or taken away, and changes of the configuration wait."),
    "triggerer": ("triggerer", "No question lapses, and nobody is told of a run that is late."),
}
"""The processes in Airflow's health check: what they are called, and what does not happen without them."""


def silent() -> list[Silent]:
    """The processes of Airflow that its own health check calls down, the scheduler first. One that Airflow never had is
    none, but the scheduler."""
    health = get_airflow_health()
    told = {key: health[key][f"latest_{key}_heartbeat"] for key in _PROCESSES if health[key]["status"] == UNHEALTHY}
    return [Silent(*_PROCESSES[key], datetime.fromisoformat(at) if at else None) for key, at in told.items()]


def scheduled(processes: Collection[Silent]) -> bool:
    """Whether Airflow's scheduler is none of those that do not report."""
    return all(each.name != "scheduler" for each in processes)


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
        select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.conf)
        .join(newest, newest.c.dag_id == DagRun.dag_id)
        .where(or_(DagRun.run_after == newest.c.run_after, DagRun.state.in_(_ACTIVE)))
        .order_by(DagRun.run_after.desc(), DagRun.id.desc())
    )
    dags = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(wanted), ~DagModel.is_stale)
    with create_session(scoped=False) as session:
        found: dict[str, list[AirflowRun]] = defaultdict(list)
        for dag_id, *run in session.execute(runs):
            found[dag_id].append(_run(*run))
        for dag_id, of_dag in found.items():
            if all(run.is_trial for run in of_dag) and (whole := _newest_whole(session, dag_id)):
                of_dag.append(whole)
        return {dag_id: DagState(bool(paused), tuple(found[dag_id])) for dag_id, paused in session.execute(dags)}


def _run(run_id: str, state: object, started_at: datetime | None, conf: Any) -> AirflowRun:
    asked = conf if isinstance(conf, dict) else {}
    return AirflowRun(run_id, str(state), started_at, any(asked.get(name) for name in ("dry_run", "only_person_ids")))


def _newest_whole(session: Session, dag_id: str) -> AirflowRun | None:
    """The newest run that is no trial, of those that came before some trials."""
    runs = (
        select(DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.conf)
        .where(DagRun.dag_id == dag_id)
        .order_by(DagRun.run_after.desc(), DagRun.id.desc())
        .limit(_LOOKED_AT)
    )
    return next((run for run in starmap(_run, session.execute(runs)) if not run.is_trial), None)


def is_odd(name: str) -> bool:
    """Whether a name has a control character, so that it is nothing's; PostgreSQL takes no U+0000 in a query."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def find_run(dag_id: str, run_id: str) -> AirflowRun | None:
    """A run, if Airflow knows it."""
    if is_odd(run_id):
        return None
    query = select(DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.conf).where(
        DagRun.dag_id == dag_id, DagRun.run_id == run_id
    )
    with create_session(scoped=False) as session:
        row = session.execute(query).first()
    return _run(*row) if row else None
