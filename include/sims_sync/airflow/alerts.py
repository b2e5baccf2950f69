"""What Airflow alone can tell: a report that failed, a run that it stopped as a whole, one that is late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sims_sync.airflow.configured import configured_store
from sims_sync.airflow.smtp import AirflowPost

_OVER = frozenset({"success", "failed"})
"""The states of a run, in Airflow's words, that has ended."""

_SLACK = timedelta(minutes=5)
"""A run may be queued so long after it was due, and counts as begun in time."""


def on_report_failure(school_id: str) -> Callable[[Any], None]:
    """The callback of the task `report`: where it alone fails, Airflow calls the run a success."""

    def report_failed(context: Any) -> None:
        _tell_unreported(school_id, context["dag_run"], "report", "There is no report of what this run did.")

    return report_failed


def on_run_failure(school_id: str) -> Callable[[Any], None]:
    """The callback of the DAG, for runs that Airflow stopped before `report` could tell."""

    def run_failed(context: Any) -> None:
        reason = context.get("reason") or "no reason is known"
        _tell_unreported(school_id, context["dag_run"], "run", f"Airflow stopped the run ({reason}).")

    return run_failed


def _tell_unreported(school_id: str, dag_run: Any, stage: str, message: str) -> None:
    from sims_sync.mails.failure import Failure
    from sims_sync.night.news import tell_unreported
    from sims_sync.night.school import find_school
    from sims_sync.runs.reading import RunReader
    from sims_sync.store.layout import run_folder, state_folder

    parameters = dag_run.conf or {}
    if parameters.get("dry_run"):
        return
    advice = "Look at the run's tasks in Airflow, then clear the one that did not end."
    store = configured_store()
    tell_unreported(
        find_school(school_id),
        state_folder(store, school_id),
        RunReader(run_folder(store, school_id, dag_run.run_id)),
        Failure(datetime.now(UTC), dag_run.run_id, stage, "", message, advice),
        dag_run.start_date,
        AirflowPost(),
        of_school=not parameters.get("only_person_ids"),
    )


async def run_is_late(school_id: str, minutes: int, context: Any) -> None:
    """The callback of the DAG's deadline; it runs in Airflow's triggerer.

    It comes so long after the time that the run was due. One that was begun later, as by a backfill, is not late, nor
    is one that has ended: Airflow 3.3 takes a deadline back only where the run succeeded (apache/airflow#60927).

    :param minutes: how long a run may take.
    :param context: holds the run as a mapping.
    """
    dag_run, after = context["dag_run"], timedelta(minutes=minutes)
    if dag_run.get("state") not in _OVER and _began(dag_run) <= datetime.now(UTC) - after + _SLACK:
        await asyncio.to_thread(_tell_late, school_id, dag_run, after)


def _began(dag_run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(dag_run["queued_at"] or dag_run["run_after"]))


def _tell_late(school_id: str, dag_run: dict[str, Any], after: timedelta) -> None:
    from sims_sync.night.news import tell_late
    from sims_sync.night.parameters import effective_date
    from sims_sync.night.school import find_school
    from sims_sync.runs.reading import RunReader
    from sims_sync.store.layout import run_folder

    school, run_id = find_school(school_id), dag_run["dag_run_id"]
    run = RunReader(run_folder(configured_store(), school_id, run_id))
    began = datetime.fromisoformat(str(dag_run["start_date"])) if dag_run.get("start_date") else None
    due = datetime.fromisoformat(str(dag_run.get("logical_date") or dag_run["run_after"]))
    day = effective_date((dag_run.get("conf") or {}).get("effective_date"), due, school)
    tell_late(school, run_id, run, began, after, day, AirflowPost())
