"""The tasks of a school's DAG, as Airflow's UI shows them: each opens its run, and hands over to what does the work.

XCom carries references, hashes and counts (``runs.stages.Reference``), never a value of a person. The modules are
imported when a task runs: the DAG processor needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task

from sims_sync.airflow.approval import ApprovePlan
from sims_sync.airflow.run import running

if TYPE_CHECKING:
    from sims_sync.runs.stages import Reference

# `max_active_tis_per_dag`: what keeps two runs of a school apart is the lease (`store.lease`); this keeps the second
# one from waiting for it in a worker.


@task(show_return_value_in_logs=False, max_active_tis_per_dag=1)
def extract(school_id: str) -> Reference:
    """Fetch the school's documents from SIMS, one call at a time, and read them into tables.

    Refuses another school's answers, an empty roll, and a roll without a single email address.
    """
    from sims_sync.airflow import planning

    with running("extract", school_id) as run:
        return planning.extract(run)


@task(show_return_value_in_logs=False)
def validate(school_id: str, extracted: Reference) -> Reference:
    """Tell the records that can be imported from those that cannot, with every reason at once.

    A rejected student is still a student: an existing account is neither changed nor disabled.
    """
    from sims_sync.airflow import planning

    with running("validate", school_id) as run:
        return planning.validate(run, extracted)


@task(show_return_value_in_logs=False)
def transform(school_id: str, validated: Reference) -> Reference:
    """Make the accounts as they should be: for each student the values that the selection rules take."""
    from sims_sync.airflow import planning

    with running("transform", school_id) as run:
        return planning.transform(run, validated)


@task(show_return_value_in_logs=False)
def plan(school_id: str, transformed: Reference) -> Reference:
    """Compare with the directory, and plan every change before anything is written. The plan is a file.

    Measures it against the school's limits; a plan over one of them is held.
    """
    from sims_sync.airflow import planning

    with running("plan", school_id) as run:
        return planning.plan(run, transformed)


def approve(school_id: str, planned: Any) -> Any:
    """Let a plan through that is within the limits; one that is held waits until a person approves it."""
    return ApprovePlan(task_id="approve", school_id=school_id, planned=planned, doc_md=approve.__doc__).output


@task(show_return_value_in_logs=False, max_active_tis_per_dag=1)
def load(school_id: str, approved: Reference | None) -> Reference:
    """Write the planned changes of the students on roll: create, update, enable; only the values that differ.

    Writes nothing when a newer roll was applied. Running it again writes nothing twice.
    """
    from sims_sync.airflow import applying

    with running("load", school_id) as run:
        return applying.load(run, approved)


@task(show_return_value_in_logs=False, max_active_tis_per_dag=1)
def disable_leavers(school_id: str, loaded: Reference) -> Reference:
    """Disable the accounts of those who left, and read them back; one with further roles only loses a role."""
    from sims_sync.airflow import applying

    with running("disable_leavers", school_id) as run:
        return applying.disable_leavers(run, loaded)


@task(show_return_value_in_logs=False)
def report(school_id: str) -> dict[str, Any]:
    """Say what happened to every record, whatever happened before: ``report.json``, ``errors.csv``, the platform."""
    from sims_sync.airflow.reporting import report_run

    context: Any = get_current_context()
    with running("report", school_id) as run:
        return report_run(run, context)
