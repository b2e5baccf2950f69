"""The pages behind Airflow's own API server app, its database and its login, in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from airflow.api_fastapi.app import create_app, purge_cached_app
from airflow_rows import forget_all, put_dags, put_scheduler
from fastapi.testclient import TestClient
from school_users import ROLES
from ui_client import Pages


@pytest.fixture(scope="session")
def _airflow_database() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pages(_airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The pages of a store and a configuration that the tests of one module fill."""
    folder = tmp_path_factory.mktemp("pages")
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({user: f"password of {user}" for user in ROLES}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "SIMS_SYNC_STORE": str(folder / "store"),
            "SIMS_SYNC_CONFIG": str(folder / "schools.yaml"),
            "AIRFLOW__CORE__AUTH_MANAGER": "school_users.SchoolUsers",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(":".join(each) for each in ROLES.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }.items():
            patch.setenv(name, value)
        purge_cached_app()
        with TestClient(create_app(apps="core"), follow_redirects=False) as client:
            yield Pages(client, folder / "store", folder / "schools.yaml")
        purge_cached_app()


@pytest.fixture(scope="module")
def know_dags(pages: Pages) -> Iterator[Callable[..., None]]:
    """Tells Airflow's database of DAGs and runs, as its DAG processor and its scheduler do."""
    yield put_dags
    forget_all()


@pytest.fixture
def scheduler_reported(pages: Pages) -> Callable[[datetime], None]:
    """Tells Airflow's database when its scheduler was last alive."""
    return put_scheduler
