"""When the data team is mailed: one mail for each event, never the same one night after night.

`report` ends every run, so it tells most: it knows what failed and what was written. What it cannot tell (its own
failure, and that of a run that Airflow stops as a whole) the callbacks here do. A failure is told once for as long as
it is the same one (:attr:`Failure.words`), then by the daily digest (``sims_sync.airflow.digest``). Dry runs and
superseded runs are nobody's emergency: they neither fail a school nor heal it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sims_sync.airflow.mail import places, send
from sims_sync.airflow.run import Run, configured_store, find_school
from sims_sync.config import School
from sims_sync.mails import kinds
from sims_sync.mails.failure import Failure
from sims_sync.runs.notices import Notices
from sims_sync.store.folder import Folder
from sims_sync.store.layout import run_folder, state_folder

log = logging.getLogger(__name__)

_SLACK = timedelta(minutes=5)
"""A run may be queued so long after it was due, and counts as begun in time."""

_WRITTEN = ("created", "updated", "disabled")


def after_report(run: Run, document: dict[str, Any], failure: Failure | None) -> None:
    """Tell what the run's report says, if it is news.

    :param document: the report. :param failure: how the run failed, if it did.
    """
    if run.parameters.dry_run or document["outcome"] == "superseded":
        return
    state = run.state.folder
    if failure is not None:
        # The counts of a run that was not approved are those of its plan: nothing was written.
        held = document["outcome"] == "held"
        tell_failure(run.school, state, failure, 0 if held else sum(document["counts"][name] for name in _WRITTEN))
    elif run.parameters.only_person_ids is None:
        _tell_recovery(run, document)
        _tell_records(run, document)


def tell_failure(school: School, state: Folder, failure: Failure, written: int | None) -> None:
    """Tell of a failure, unless it was told before; keep it for the digest.

    :param written: accounts written until then; none where nobody can tell.
    """
    before = Notices.of(state)
    first = _failing(before)
    if first is not None:
        failure = replace(failure, since=first.since)
    told = before.told
    if told != failure.words:
        mail = kinds.run_failed(school, failure, written, places(school.dag_id, failure.run_id))
        told = failure.words if send(school, mail) else ""
    replace(before, failing=failure.as_document(), told=told).save(state)


def _tell_recovery(run: Run, document: dict[str, Any]) -> None:
    before = Notices.of(run.state.folder)
    failure = _failing(before)
    if failure is None:
        return
    replace(before, failing=None, told="").save(run.state.folder)
    if before.told:
        send(
            run.school,
            kinds.works_again(run.school, failure, document["counts"], places(run.school.dag_id, run.run_id)),
        )


def _tell_records(run: Run, document: dict[str, Any]) -> None:
    before = Notices.of(run.state.folder)
    now = sorted(
        {
            f"{entry['school_identifier'] if entry['person_id'] is None else entry['person_id']}:{entry['code']}"
            for entry in document["errors"] + document["warnings"]
        }
    )
    if now == list(before.records or ()):
        return
    mail = kinds.records_changed(run.school, before.records or (), now, places(run.school.dag_id, run.run_id))
    if send(run.school, mail):  # else the next night tells of both
        replace(before, records=tuple(now)).save(run.state.folder)


def failing(state: Folder) -> Failure | None:
    """How a school fails, if it does."""
    return _failing(Notices.of(state))


def _failing(notices: Notices) -> Failure | None:
    try:
        return None if notices.failing is None else Failure.from_document(notices.failing)
    except (TypeError, ValueError, KeyError):
        return None


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
    store = configured_store()
    state = state_folder(store, school_id)
    if _has_reported(run_folder(store, school_id, dag_run.run_id), dag_run.start_date):
        return  # `report` has told it
    told = failing(state)
    if told is not None and told.run_id == dag_run.run_id and told.stage == "report":
        return
    if (dag_run.conf or {}).get("dry_run"):
        return
    advice = "Look at the run's tasks in Airflow, then clear the one that did not end."
    failure = Failure(datetime.now(UTC), dag_run.run_id, stage, "", message, advice)
    tell_failure(find_school(school_id), state, failure, None)


def _has_reported(folder: Folder, started_at: datetime | None) -> bool:
    """Whether there is a report of this try of the run: one that was cleared keeps its old one until a task begins."""
    if not folder.exists("report.json"):
        return False
    return (
        started_at is None
        or datetime.fromisoformat(json.loads(folder.read("report.json"))["finished_at"]) >= started_at
    )


async def run_is_late(school_id: str, minutes: int, context: Any) -> None:
    """The callback of the DAG's deadline; it runs in Airflow's triggerer.

    It comes so long after the time that the run was due. One that was begun later, as by a backfill, is not late.

    :param minutes: how long a run may take. :param context: holds the run as a mapping.
    """
    dag_run, after = context["dag_run"], timedelta(minutes=minutes)
    if _began(dag_run) <= datetime.now(UTC) - after + _SLACK:
        await asyncio.to_thread(_tell_late, school_id, dag_run["dag_run_id"], after)


def _began(dag_run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(dag_run["queued_at"] or dag_run["run_after"]))


def _tell_late(school_id: str, run_id: str, after: timedelta) -> None:
    school = find_school(school_id)
    folder = run_folder(configured_store(), school_id, run_id)
    if _waits_for_approval(folder):
        return  # that was mailed when the question was asked
    done = ("extract", "validate", "transform", "plan", "approve", "load", "disable_leavers")
    at_work = next((stage for stage in done if not folder.exists(f"{stage}.json")), "report")
    send(school, kinds.run_late(school, run_id, after, at_work, places(school.dag_id, run_id)))


def _waits_for_approval(folder: Folder) -> bool:
    if not folder.exists("plan.json") or folder.exists("approve.json") or folder.exists("approve.ended.json"):
        return False
    return bool(json.loads(folder.read("plan.json"))["facts"]["held"])
