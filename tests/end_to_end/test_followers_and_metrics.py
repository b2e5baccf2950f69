"""What others build on: a DAG that follows a school's sync, and the metrics of a run, from Airflow's real scheduler."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduled import School, scheduled_schools
from statsd import StatsD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DAGS = Path(__file__).parents[2] / "dags"
FOLLOWER = """
from airflow.sdk import dag, task

from sims_sync.airflow.assets import directory_asset

ACCOUNTS = directory_asset("green-abbey")


@dag(schedule=[ACCOUNTS])
def follower():
    @task(inlets=[ACCOUNTS])
    def look(*, triggering_asset_events=None):
        (event,) = triggering_asset_events[ACCOUNTS]
        print("FOLLOWED", event.extra["effective_date"], event.extra["counts"]["created"])

    look()


follower()
"""


@pytest.fixture(scope="module")
def statsd() -> StatsD:
    return StatsD()


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, statsd: StatsD) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    shutil.copytree(DAGS, folder / "dags")
    (folder / "dags" / "follower.py").write_text(FOLLOWER)
    metrics = {
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",  # which the followers of assets need
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
    }
    never = {"schedule": "0 0 29 2 *"}  # no night of its own
    with scheduled_schools(folder, {"green-abbey": never}, dags=folder / "dags", environment=metrics) as schools:
        school = schools["green-abbey"]
        school.enrol(range(101, 113))
        school.stack.airflow.unpause("follower")
        yield school


def followers(school: School) -> list[str]:
    return list(school.stack.airflow.runs("follower"))


def test_a_dag_that_follows_a_school_runs_after_a_sync_that_was_applied_and_after_no_other(
    school: School, statsd: StatsD
) -> None:
    assert school.night("dry", dry_run=True) == "success"
    assert school.night("some-alone", only_person_ids=[101]) == "success"
    school.sims.put_school(la="999")
    assert school.night("failed") == "failed"
    school.sims.put_school()
    assert followers(school) == []
    assert school.night("good") == "success"
    deadline = time.monotonic() + 60
    while not followers(school):
        assert time.monotonic() < deadline, "nobody followed"
        time.sleep(0.5)
    (run,) = followers(school)
    assert school.stack.airflow.wait("follower", run, 60) == "success"
    logs = school.stack.folder / "airflow" / "logs" / "dag_id=follower"
    assert any("FOLLOWED" in log.read_text() for log in logs.rglob("*.log"))


def test_a_run_sends_its_outcome_and_counts_as_metrics(school: School, statsd: StatsD) -> None:
    school.night("measured")
    assert statsd.about("sims_sync.green-abbey.runs.success:1|c")
    assert statsd.about("sims_sync.green-abbey.extracted:12|g")
    assert statsd.about("sims_sync.green-abbey.run_seconds:")
    assert not [line for line in statsd.lines if "example.org" in line]
