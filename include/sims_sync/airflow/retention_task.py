"""The task of the DAG ``sims_sync_retention``."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.sdk import get_current_context, task

from sims_sync.airflow.configured import configured_store
from sims_sync.config.school_entry import Kept, School
from sims_sync.config.schools_file import ConfigError, default_retention, load_schools
from sims_sync.model.errors import PermanentFault, SyncError

log = logging.getLogger(__name__)


@task
def delete_expired() -> dict[str, dict[str, int]]:
    """Delete run files and months of the register older than their school's retention, of schools that left the
    configuration too.

    Nothing else of anybody's state is touched. What cannot be deleted stops nothing else; the task fails in the end.

    :returns: by school, how many runs, SIMS documents and months of the register were deleted (in a dry run: would be).
    """
    from sims_sync.runs import retention

    dry_run = bool(get_current_context()["params"]["dry_run"])
    root, now = configured_store(), datetime.now(UTC)
    schools, default, errors = _configured()
    deleted: dict[str, dict[str, int]] = {}
    undecided: list[str] = []
    left: list[str] = []
    for school_id in retention.school_ids(root):
        kept = schools.get(school_id, default)
        if kept is None:
            undecided.append(school_id)
            continue
        how_long = retention.Retention(
            runs=timedelta(days=kept.retention_days),
            documents=timedelta(days=kept.raw_retention_days),
            register=timedelta(days=kept.register_days),
        )
        expired = retention.delete_expired(root / school_id, how_long, now, dry_run=dry_run)
        left += [f"{school_id}/{run}" for run in expired.kept]
        deleted[school_id] = {"runs": expired.runs, "documents": expired.documents, "months": expired.months}
        what = "would be deleted" if dry_run else "deleted"
        log.info(
            "%s: %d runs, %d SIMS documents and %d months of the register %s",
            *(school_id, expired.runs, expired.documents, expired.months, what),
        )
    _check_complete(left, undecided, errors)
    return deleted


def _configured() -> tuple[dict[str, School], Kept | None, list[ConfigError]]:
    """The right schools, how long the files of any other are kept, and what is wrong.

    While something is wrong there is no such default: nobody can tell whether a folder is of a school that left.
    """
    schools: dict[str, School] = {}
    try:
        schools, errors = load_schools()
        return schools, None if errors else default_retention(), errors
    except ConfigError as error:
        if schools:  # the defaults are wrong, of which these have no need
            return schools, None, [error]
        raise PermanentFault(
            f"No run files were deleted: {error}", advice="Correct it, then clear this task."
        ) from None


def _check_complete(left: list[str], undecided: list[str], errors: list[ConfigError]) -> None:
    """:raises SyncError: files are left.
    :raises PermanentFault: they are, and another try would leave them too.
    """
    told = []
    if left:
        told.append(
            f"Run files whose retention is over could not be deleted: {', '.join(left)}. They hold personal data: give "
            "the service's user the right to delete them in the store, or delete them by hand."
        )
    if undecided:
        told.append(
            f"Nothing of {', '.join(undecided)} was deleted, for nobody can tell how long to keep it while the "
            f"configuration is wrong: {' '.join(map(str, errors))} Correct it."
        )
    if told:
        fault = SyncError if left else PermanentFault
        raise fault(" ".join(told), advice="Then clear this task.")
