"""The tasks of a school's DAG, as Airflow's UI shows them: each opens its run, and hands over to what does the work.

XCom carries references, hashes and counts (``runs.documents.Reference``), never a value of a person. The modules are
imported when a task runs: the DAG processor needs none of them.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context, task

from sims_sync.airflow import assets, metrics
from sims_sync.airflow.approval_operator import Approval
from sims_sync.airflow.running import running
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.runs.documents import Reference

# `max_active_tis_per_dag`: what keeps two runs of a school apart is the lease (`store.lease`); this keeps the second
# one from waiting for it in a worker.


@task(show_return_value_in_logs=False, multiple_outputs=False, max_active_tis_per_dag=1)
def extract(school_id: str) -> dict[str, Any]:
    """Fetch the school's documents from SIMS, one call at a time, and read them into tables.

    Refuses another school's answers, an empty roll, and a roll without a single email address.
    """
    from sims_sync.night import preparing

    with running("extract", school_id) as run:
        return preparing.extract(run).model_dump()


@task(show_return_value_in_logs=False, multiple_outputs=False)
def validate(school_id: str, extracted: dict[str, Any] | None) -> dict[str, Any]:
    """Tell the records that can be imported from those that cannot, with every reason at once.

    A rejected student is still a student: an existing account is neither changed nor disabled.
    """
    from sims_sync.night import preparing

    with running("validate", school_id) as run:
        return preparing.validate(run, _reference(extracted)).model_dump()


@task(show_return_value_in_logs=False, multiple_outputs=False)
def transform(school_id: str, validated: dict[str, Any] | None) -> dict[str, Any]:
    """Make the accounts as they should be: for each student the values that the selection rules take."""
    from sims_sync.night import preparing

    with running("transform", school_id) as run:
        return preparing.transform(run, _reference(validated)).model_dump()


@task(show_return_value_in_logs=False, multiple_outputs=False)
def plan(school_id: str, transformed: dict[str, Any] | None) -> dict[str, Any]:
    """Compare with the directory, and plan every change before anything is written. The plan is a file.

    Measures it against the school's limits; a plan over one of them is held.
    """
    from sims_sync.night import planning

    with running("plan", school_id) as run:
        return planning.plan(run, _reference(transformed)).model_dump()


def approve(school_id: str, planned: Any) -> Any:
    """Let a plan through that is within the limits; one that is held waits until a person approves it.

    Where only its departures are over a limit, they wait at `approve_leavers`, and everything else goes on.
    """
    return Approval(stage="approve", school_id=school_id, told=planned, doc_md=approve.__doc__).output


@task(show_return_value_in_logs=False, multiple_outputs=False, max_active_tis_per_dag=1)
def load(school_id: str, approved: dict[str, Any] | None) -> dict[str, Any]:
    """Write the planned changes of the students on roll: create, update, enable; only the values that differ.

    Writes nothing when a newer roll was applied. Running it again writes nothing twice.
    """
    from sims_sync.night import applying

    with running("load", school_id) as run:
        return applying.load(run, _reference(approved)).model_dump()


def approve_leavers(school_id: str, loaded: Any) -> Any:
    """Let the departures through that are within the limits; those that are held wait until a person approves them.

    Everybody on roll has been created and changed by then.
    """
    return Approval(stage="approve_leavers", school_id=school_id, told=loaded, doc_md=approve_leavers.__doc__).output


@task(show_return_value_in_logs=False, multiple_outputs=False, max_active_tis_per_dag=1)
def disable_leavers(school_id: str, approved: dict[str, Any] | None) -> dict[str, Any]:
    """Disable the accounts of those who left, and read them back; one with further roles only loses a role."""
    from sims_sync.night import applying

    with running("disable_leavers", school_id) as run:
        return applying.disable_leavers(run, _reference(approved)).model_dump()


@task(show_return_value_in_logs=False)
def report(school_id: str) -> dict[str, Any]:
    """Say what happened to every record, whatever happened before: ``report.json``, ``errors.csv``, the platform."""
    from sims_sync.night.news import after_report
    from sims_sync.night.reporting import report_run

    context: Any = get_current_context()
    ti = context["ti"]
    with running("report", school_id) as run:
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        reported = report_run(run, states, context["dag_run"].start_date)
        metrics.emit(reported.report)
        if reported.is_whole_sync:
            assets.updated(context["outlet_events"], reported.redacted)
        after_report(run, reported, AirflowPost())
    return {
        "report": reported.place,
        "outcome": reported.report.outcome,
        "counts": reported.redacted.counts,
    }


def _reference(told: dict[str, Any] | None) -> Reference | None:
    """What the task before told, none where it was marked as done by hand."""
    return None if told is None else Reference.model_validate(told)
