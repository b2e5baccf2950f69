"""The task of the DAG ``sims_sync_retention``."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import get_current_context, task

from sims_sync.airflow.run import store_path
from sims_sync.config import School, load_schools
from sims_sync.errors import SyncError

log = logging.getLogger(__name__)


@task
def delete_expired() -> dict[str, dict[str, int]]:
    """Delete run files older than their school's retention, of schools that left the configuration too.

    Nobody's state is touched. One run that cannot be deleted stops no other; the task fails in the end.

    :returns: by school, how many runs and SIMS documents were deleted (in a dry run: would be).
    """
    from sims_sync.runs import store
    from sims_sync.runs.retention import Retention, delete_expired

    dry_run = bool(get_current_context()["params"].get("dry_run"))
    schools = load_schools()[0]
    deleted: dict[str, dict[str, int]] = {}
    kept: list[str] = []
    for school_id in sorted(store.names(store_path())):
        runs, documents = _days(schools.get(school_id))
        retention = Retention(timedelta(days=runs), timedelta(days=documents))
        expired = delete_expired(store_path() / school_id, retention, datetime.now(UTC), dry_run=dry_run)
        kept += [f"{school_id}/{run}" for run in expired.kept]
        if expired.runs or expired.documents:
            deleted[school_id] = {"runs": expired.runs, "documents": expired.documents}
            what = "would be deleted" if dry_run else "deleted"
            log.info("%s: %d runs and %d SIMS documents %s", school_id, expired.runs, expired.documents, what)
    if kept:
        raise SyncError(
            f"Run files whose retention is over could not be deleted: {', '.join(kept)}.",
            advice="They hold personal data: look at the permissions of the store, then clear this task.",
        )
    return deleted


def _days(school: School | None) -> tuple[int, int]:
    """How many days the runs and the SIMS documents of a school are kept; of one that is no longer configured, the
    default number."""
    fields = School.model_fields
    if school is None:
        return fields["retention_days"].default, fields["raw_retention_days"].default
    return school.retention_days, school.raw_retention_days
