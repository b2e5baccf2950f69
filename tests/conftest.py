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
    AIRFLOW__API_AUTH__JWT_SECRET="a secret of these tests alone, as long as it has to be: 64 bytes or more",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
)


NOT_MEASURED = (
    # the sandbox, of which coverage is not asked
    "sandbox_directory/",
    "sandbox_sims/",
    # so many small calls, or so little time for them, that measuring them takes longer than they do; what they run,
    # other tests run too
    "changes/test_idempotence.py",
    "students/test_rules_are_the_plain_ones.py",
    "ui/test_hundreds_of_schools.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix().startswith(NOT_MEASURED):
            item.add_marker(pytest.mark.no_cover)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture(autouse=True)
def _looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a directory answered success to, and does not show, is looked at again at once."""
    monkeypatch.setattr("sims_sync.changes.checking.PAUSES", (0.0, 0.02, 0.05))


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)
