"""Retries, time-outs and words of the DAG. The first delay is Airflow's ``[core] default_task_retry_delay``."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from string import Template
from typing import Any

from sims_sync.airflow.retries import FaultRetryPolicy
from sims_sync.airflow.what_to_do import after_failure, before_retry
from sims_sync.config.school_entry import School

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "sims-sync",
    "retries": 3,
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
    "retry_policy": FaultRetryPolicy(),
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": after_failure,
    "on_retry_callback": before_retry,
}

RUN_TIMEOUT = timedelta(hours=23)
"""A run ends before the next night begins."""


def dag_doc(school: School) -> str:
    """What Airflow's UI says of a school's DAG, in Markdown; the tasks' docstrings say what they do."""
    template = Template(resources.files(__package__).joinpath("dag.md").read_text("utf-8"))
    return template.substitute(
        name=school.name,
        sims_connection=school.sims_connection,
        directory_connection=school.directory_connection,
    )
