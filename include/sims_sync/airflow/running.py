"""Opens a run for one of its tasks: the school, the parameters, the files, and what leads to SIMS and the directory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from sims_sync.airflow.configured import configured_store
from sims_sync.airflow.connections import directory_endpoint, sims_client

if TYPE_CHECKING:
    from sims_sync.night.run import Run

log = logging.getLogger(__name__)


@contextmanager
def running(stage: str, school_id: str) -> Iterator[Run]:
    """Open the run for a stage, and keep how the stage ends (``night.run.recorded``).

    :raises AirflowSkipException: the stage has nothing to do.
    """
    from sims_sync.night.parameters import read_parameters
    from sims_sync.night.run import Run, Skipped, recorded
    from sims_sync.night.school import find_school
    from sims_sync.runs.files import RunFiles
    from sims_sync.runs.state import SchoolState
    from sims_sync.sources.choice import Choice
    from sims_sync.sources.sims.sims_source import Sims
    from sims_sync.store.layout import run_folder
    from sims_sync.transport.unlogged import unlogged

    context: Any = get_current_context()
    store, run_id = configured_store(), context["run_id"]
    files = RunFiles(run_folder(store, school_id, run_id))
    try:
        with (
            unlogged(below=logging.WARNING),
            _warnings_without_values(),
            recorded(files, stage, passes=AirflowException),
        ):
            school, dag_run = find_school(school_id), context["dag_run"]
            source = Sims(
                lambda: sims_client(school.sims_connection),
                school.la,
                school.estab,
                school.sims.names,
                Choice(off=school.unsent).unasked,
            )
            run_date = dag_run.logical_date or dag_run.run_after
            yield Run(
                school=school,
                run_id=run_id,
                parameters=read_parameters(context["params"], school, run_date, source.key),
                files=files,
                state=SchoolState(store, school_id),
                source=source,
                open_directory=lambda: directory_endpoint(school.directory_connection),
            )
    except Skipped as skipped:
        raise AirflowSkipException(str(skipped)) from None


@contextmanager
def _warnings_without_values() -> Iterator[None]:
    """Airflow logs Python's warnings, and those of a library can quote what it met: kind and place are enough."""

    def show(_: Any, category: type[Warning], filename: str, lineno: int, *__: Any, **___: Any) -> None:
        log.warning("%s at %s:%d (its text may hold personal data)", category.__name__, filename, lineno)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment] # it takes whatever comes
        yield
