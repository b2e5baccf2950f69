"""Options and fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="sims-sync-tests-"))

# Airflow reads these when it is first imported, so they stand here and not in a fixture.
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).parents[1] / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(Path(__file__).parents[1] / "plugins"),
    AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="1",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)
