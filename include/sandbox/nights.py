"""What the demos share: the invented school, and a night of it that is followed to its end."""

from __future__ import annotations

import json
import time
from pathlib import Path

from sandbox.airflow_api import AirflowApi
from sandbox.demo_output import Output
from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import load_schools
from sims_sync.store.layout import run_name

SCHOOLS = Path(__file__).parent / "config" / "schools.yaml"
NIGHT_SECONDS = 900  # a night that takes longer has failed


def demo_school() -> School:
    """The one school of :data:`SCHOOLS`."""
    (school,) = load_schools(SCHOOLS)[0].values()
    return school


def follow_night(airflow: AirflowApi, store: Path, school: School, run_id: str, output: Output) -> bool:
    """Show the tasks of a run as they end, and then its report.

    :param store: where the run files lie.
    :returns: whether all went well.
    """
    began = time.monotonic()
    state = airflow.wait(school.dag_id, run_id, NIGHT_SECONDS, on_change=output.task)
    output.line(f"The run took {time.monotonic() - began:.0f} s: {state}")
    report = store / school.id / run_name(run_id) / "report.json"
    if not report.exists():
        output.failure(f"There is no report at {report}. The logs of the tasks are in Airflow's UI: {airflow.url}")
        return False
    document = json.loads(report.read_text())
    output.report(document)
    return state == "success" and document["outcome"] == "success"
