"""The DAGs as Airflow parses them."""

from __future__ import annotations

import os
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import pendulum
import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG

from sims_sync.airflow import settings
from sims_sync.airflow.retries import FaultRetryPolicy
from sims_sync.airflow.trigger_form import trigger_form
from sims_sync.config.school_entry import School

PROJECT = Path(__file__).parents[2]
DAGS = PROJECT / "dags"
TASKS = [
    "extract", "validate", "transform", "plan", "approve", "load", "approve_leavers", "disable_leavers", "report"
]  # fmt: skip

OWN = ("id", "name", "la", "estab", "modules", "username")

TWO_SCHOOLS_AND_A_BAD_ONE = """
schools:
  - {id: green-abbey, name: Green Abbey, la: "823", estab: "4321", modules: [timetable], username: email}
  - {id: bad, name: Bad, la: 823, estab: "4321", modules: [timetable], username: email}
  - {id: no-modules, name: No Modules, la: "823", estab: "4322", modules: [], username: email}
"""


@pytest.fixture(autouse=True)
def _default_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMS_SYNC_CONFIG", raising=False)


@pytest.fixture
def dag() -> DAG:
    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    return bag.dags["sims_student_sync__green-abbey"]


def test_no_import_errors_and_one_dag_a_school() -> None:
    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    assert [dag_id for dag_id in bag.dags if dag_id.startswith("sims_student_sync__")] == [
        "sims_student_sync__green-abbey"
    ]


def test_the_edges_are_exactly_these(dag: DAG) -> None:
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        task: ({after} if after else set()) for task, after in zip(TASKS, [*TASKS[1:], None], strict=True)
    }


def test_report_runs_whatever_happened_and_does_not_decide_the_state_of_the_run(dag: DAG) -> None:
    report = dag.get_task("report")
    assert report.is_teardown
    assert not report.on_failure_fail_dagrun


@pytest.mark.parametrize("task_id", TASKS)
def test_every_task_has_retries_and_a_time_out(dag: DAG, task_id: str) -> None:
    task = dag.get_task(task_id)
    assert task.retries == 3
    assert task.execution_timeout
    assert isinstance(task.retry_policy, FaultRetryPolicy)
    assert task.doc_md, "the graph view explains each task"


def test_the_trigger_form_describes_every_parameter(dag: DAG) -> None:
    names = {
        *("dry_run", "effective_date", "only_person_ids", "allow_older"),
        *("allow_empty_roll", "link_accounts", "link_except"),
    }
    assert set(dag.params) == names == set(trigger_form())
    for name in dag.params:
        assert trigger_form()[name].description


PEOPLE = ("only_person_ids", "link_except")


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("value", ["2447\n0101\n", "2447, 101; 5", "", "\n", [2447, 101], ["2447"], []])
def test_person_ids_are_typed_one_a_line_or_sent_as_a_list(name: str, value: Any) -> None:
    assert trigger_form()[name].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("link_accounts", value) for value in ("all", "")),
        *((name, value) for name in PEOPLE for value in ("Ada", "2447\nx", "-5", 2447)),
        *((name, [value]) for name in PEOPLE for value in ("x", -5, 1.5, None, [1])),
    ],
)
def test_the_trigger_form_refuses_what_no_run_knows(name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        trigger_form()[name].resolve(value)
    assert trigger_form()[name].resolve() is None


@pytest.mark.parametrize("name", PEOPLE)
def test_the_form_has_a_field_of_several_lines_for_person_ids(name: str) -> None:
    """It looks at the first type that is not `null`; for others than text it has an editor of JSON."""
    schema = trigger_form()[name].schema
    assert next(each for each in schema["type"] if each != "null") == "string"
    assert schema["format"] == "multiline"


def test_runs_of_one_school_do_not_overlap(dag: DAG) -> None:
    assert dag.max_active_runs == 1
    assert not dag.catchup
    assert dag.get_task("extract").max_active_tis_per_dag == 1


def test_a_bad_school_has_no_dag_and_shows_as_an_import_error_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "schools.yaml"
    config.write_text(TWO_SCHOOLS_AND_A_BAD_ONE)
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    bag = DagBag(DAGS)
    assert set(bag.dags) >= {"sims_student_sync__green-abbey", "sims_student_sync__no-modules"}
    assert "sims_student_sync__bad" not in bag.dags
    (error,) = bag.import_errors.values()
    assert "school bad" in error
    assert "`la`" in error
    assert str(config) in error


def test_a_school_whose_dag_cannot_be_made_all_the_same_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "schools.yaml"
    config.write_text(TWO_SCHOOLS_AND_A_BAD_ONE)
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    dag_doc = settings.dag_doc

    def refuse(school: School) -> str:
        if school.id == "no-modules":
            raise RecursionError
        return dag_doc(school)

    monkeypatch.setattr(settings, "dag_doc", refuse)
    bag = DagBag(DAGS / "sims_student_sync.py")
    assert bag.import_errors == {}
    assert list(bag.dags) == ["sims_student_sync__green-abbey"]
    assert "No DAG was made for the school no-modules" in caplog.text


def school_of(**own: object) -> School:
    values = {"id": "green-abbey", "name": "Green Abbey", "la": "823", "estab": "4321", "modules": ["timetable"]}
    return School.model_validate({**values, "username": "email", **own})


@pytest.mark.parametrize(
    "own",
    [
        *(
            {"schedule": schedule}
            for schedule in (
                "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@quarterly", "@yearly", "@annually",
                "manual",
                "*/5 * * * *", "0 2 L * *", "0 2 * * l5", "0 2 * * 5#1", "0 2 29 2 *", "0 2 30 2 mon",
                "50-10 2 * * sun-mon", "0 2 ? * *",
                "0 0 1 " + ",".join(["9"] * 35) + " 3",
            )
        ),
        {"la": "8" * 50, "name": "N" * 200, "id": "a" * 100, "estab": "4" * 50},
        {"name": "St Mary\u2019s {{ ti }} ${name} % \N{LATIN SMALL LETTER E WITH ACUTE} .md"},
        {"late_after_minutes": 10_080, "retention_days": 3650, "raw_retention_days": 3650},
        *({"timezone": zone} for zone in ("UTC", "Etc/GMT+12", "Pacific/Kiritimati", "America/St_Johns", "Factory",
        "GB", "EST5EDT")),
    ],
)  # fmt: skip
def test_what_the_configuration_takes_airflow_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, object]
) -> None:
    """What it refuses in one DAG, it would refuse of all DAGs of the file."""
    config = tmp_path / "schools.yaml"
    school = school_of(**own)
    config.write_text(yaml.safe_dump({"schools": [{**school_of().model_dump(include=set(OWN)), **own}]}))
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    bag = DagBag(DAGS / "sims_student_sync.py")
    assert bag.import_errors == {}
    dag = LazyDeserializedDAG(data=DagSerialization.to_dict(bag.dags[school.dag_id]))
    assert len(dag.timetable.description) <= 1000, "a column of Airflow's database"
    assert (dag.next_dagrun_info(last_automated_run_info=None) is None) == (school.cron is None)


@pytest.mark.parametrize("zone", sorted(zoneinfo.available_timezones()))
def test_every_time_zone_is_one_of_airflow_too(zone: str) -> None:
    assert pendulum.datetime(2026, 1, 1, tz=school_of(timezone=zone).timezone).timezone_name == zone


def test_a_worker_builds_only_the_dag_that_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "schools.yaml"
    config.write_text(TWO_SCHOOLS_AND_A_BAD_ONE)
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "sims_student_sync__no-modules")
    bag = DagBag(DAGS / "sims_student_sync.py")
    assert list(bag.dags) == ["sims_student_sync__no-modules"]


def test_parsing_the_dags_imports_nothing_heavy() -> None:
    heavy = ("pandas", "pandera", "pyarrow", "zeep", "lxml", "numpy", "scim2_models", "faker")
    code = (
        "import airflow.sdk, sys; before = set(sys.modules); import runpy;"
        f"runpy.run_path({str(DAGS / 'sims_student_sync.py')!r});"
        f"print([name for name in {heavy!r} if name in set(sys.modules) - before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ, cwd=PROJECT
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_school_whose_schedule_is_manual_has_no_ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "schools.yaml"
    config.write_text((PROJECT / "include" / "config" / "schools.yaml").read_text() + "    schedule: manual\n")
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    assert type(bag.dags["sims_student_sync__green-abbey"].timetable).__name__ == "NullTimetable"
