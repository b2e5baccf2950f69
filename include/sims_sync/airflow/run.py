"""What every task of a run starts from: the school, the parameters, and the files."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from sims_sync.airflow.parameters import RunParameters, read_parameters
from sims_sync.config import ConfigError, School, load_schools
from sims_sync.errors import NotApproved, PermanentFault, SyncError

if TYPE_CHECKING:
    from sims_sync.runs.stages import RunFiles
    from sims_sync.runs.state import SchoolState
    from sims_sync.store.folder import Folder

STORE_VARIABLE = "SIMS_SYNC_STORE"


class Superseded(AirflowSkipException):
    """The run has an older roll than one that was applied: it writes nothing."""


@dataclass(frozen=True)
class Run:
    """One run of one school, as a task sees it."""

    school: School
    run_id: str
    parameters: RunParameters
    files: RunFiles
    state: SchoolState


@contextmanager
def running(stage: str, school_id: str) -> Iterator[Run]:
    """Open the run for a stage, and take care of the faults that leave it.

    The message of a :class:`SyncError` is kept for the report. Any other exception is a defect of ours whose text may
    hold a value of a person: only its type and place go on.
    """
    from sims_sync.runs.stages import RunFiles
    from sims_sync.runs.state import SchoolState
    from sims_sync.store.layout import run_folder

    context: Any = get_current_context()
    store, run_id = configured_store(), context["run_id"]
    files = RunFiles(run_folder(store, school_id, run_id))
    files.begin(stage)
    try:
        school = find_school(school_id)
        dag_run = context["dag_run"]
        parameters = read_parameters(context["params"], school, dag_run.logical_date or dag_run.run_after)
        yield Run(school, run_id, parameters, files, SchoolState(store, school_id))
    except SyncError as fault:
        files.record_failure(stage, fault, held=isinstance(fault, NotApproved))
        raise
    except AirflowSkipException as skip:
        files.record_skip(stage, str(skip), superseded=isinstance(skip, Superseded))
        raise
    except AirflowException:
        raise
    except Exception as error:
        defect = _without_values(error)
        files.record_failure(stage, defect)
        raise defect from None


def find_school(school_id: str) -> School:
    """The school of this id.

    :raises PermanentFault: it is no longer in the configuration, or its entry is wrong.
    """
    try:
        schools, errors = load_schools()
    except ConfigError as error:
        raise PermanentFault(str(error)) from None
    if school_id in schools:
        return schools[school_id]
    raise PermanentFault(" ".join(map(str, errors)) or f"The school {school_id} is not in the configuration any more.")


def configured_store() -> Folder:
    """The store that ``SIMS_SYNC_STORE`` names; default: the folder ``sims-sync`` in Airflow's home."""
    from sims_sync.store.opening import open_store

    place = os.environ.get(STORE_VARIABLE) or str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")) / "sims-sync")
    if "://" in place and not place.startswith("file://"):
        return open_store(ObjectStoragePath(place))
    return open_store(Path(place.removeprefix("file://")).expanduser())


def _without_values(error: Exception) -> SyncError:
    frames = [
        f"{frame.filename.rpartition('sims_sync/')[2]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "sims_sync" in frame.filename
    ]
    return SyncError(
        f"Unexpected {type(error).__name__} at {' > '.join(frames[1:]) or 'an unknown place'} "
        "(its message is withheld, as it may hold personal data).",
        advice="This is a defect: report it with these places.",
    )
