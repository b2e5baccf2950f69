"""Small schools on loopback behind one Airflow with its real scheduler, for tests of what takes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from earlier_runs import ran_before
from mail_server import OVER_LOOPBACK
from proxy import Proxy, proxy_to
from sandbox.directory import server as directory_server
from sandbox.directory.server import Running
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sandbox.stack import Stack
from sims_sync.store.layout import run_name
from sims_sync.store.local import LocalFolder

PATIENCE = 120.0
"""Seconds to wait for a run, or for a task of it."""


@dataclass(frozen=True)
class School:
    """A school: what stands behind it, and its runs in Airflow.

    :param proxy: what lies between the sync and the directory.
    """

    id: str
    sims: Database
    broker: Broker
    directory: Running
    proxy: Proxy
    stack: Stack

    @property
    def dag_id(self) -> str:
        return f"sims_student_sync__{self.id}"

    def trigger(self, run_id: str, logical_date: datetime | None = None, **parameters: Any) -> None:
        self.stack.airflow.trigger(self.dag_id, parameters, run_id=run_id, logical_date=logical_date)

    def wait(self, run_id: str) -> str:
        """The state in which the run ends."""
        return self.stack.airflow.wait(self.dag_id, run_id, PATIENCE)

    def night(self, run_id: str, logical_date: datetime | None = None, **parameters: Any) -> str:
        """A run from its beginning to its end."""
        self.trigger(run_id, logical_date, **parameters)
        return self.wait(run_id)

    def clear(self, run_id: str, task: str, *, alone: bool = False) -> None:
        """Clear a task of the run, and those after it."""
        self.stack.airflow.clear(self.dag_id, run_id, task, alone=alone)

    def tasks(self, run_id: str) -> dict[str, str]:
        """State by task."""
        return self.stack.airflow.task_states(self.dag_id, run_id)

    def wait_for(self, run_id: str, task: str, state: str) -> None:
        """Wait until a task of the run is in a state."""
        self._until(lambda: self.tasks(run_id).get(task) == state, f"{task} is {state}", run_id)

    def question(self, run_id: str, task: str = "approve") -> dict[str, Any]:
        """What a task asks, once it does."""
        self.wait_for(run_id, task, "awaiting_input")
        return self.stack.airflow.question(self.dag_id, run_id, task)

    def answer(self, run_id: str, option: str, task: str = "approve") -> None:
        """Answer what a task asks, once Airflow is ready for it.

        Airflow 3.3 fails a task that is answered before its scheduler has noticed that the worker is done with it.
        """
        noticed = f"TaskInstance Finished: dag_id={self.dag_id}, task_id={task}, run_id={run_id},"
        log = self.stack.folder / "logs" / "airflow-scheduler.log"
        self._until(lambda: noticed in log.read_text(), f"the scheduler has parked {task}", run_id)
        self.stack.airflow.answer(self.dag_id, run_id, task, option)

    def _until(self, ready: Callable[[], bool], what: str, run_id: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < deadline, f"{self.id} {run_id}: not {what}: {self._why(run_id)}"
            time.sleep(0.3)

    def _why(self, run_id: str) -> str:
        """How its stages ended, for the message of a test that waits in vain."""
        ended = sorted(self.folder(run_id).glob("*.ended.json"))
        return "; ".join([f"{self.tasks(run_id)}", *(f"{path.name}: {path.read_text()}" for path in ended)])

    def folder(self, run_id: str) -> Path:
        """The run's files."""
        return self.stack.store / self.id / run_name(run_id)

    def report(self, run_id: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder(run_id) / "report.json").read_text())
        return report

    def counts(self, run_id: str) -> dict[str, int]:
        """Those of the report that are not zero."""
        return {name: number for name, number in self.report(run_id)["counts"].items() if number}

    def accounts(self) -> dict[int, dict[str, Any]]:
        """The accounts by Person ID."""
        return {int(user["externalId"]): user for user in self.directory.users()}

    def active(self) -> set[int]:
        """The Person IDs whose account is active."""
        return {person for person, user in self.accounts().items() if user["active"]}

    def ran_before(self) -> None:
        """Give it a past, so that accounts that are there already are no question."""
        ran_before(LocalFolder(self.stack.store), self.id)

    def enrol(self, people: Iterable[int], **student: Any) -> None:
        """Put students on roll in SIMS."""
        for person_id in people:
            self.sims.put_student(person_id, **student)


@contextmanager
def scheduled_schools(
    folder: Path,
    schools: Mapping[str, Mapping[str, Any]],
    *,
    smtp_port: int | None = None,
    policies: str = "",
    dags: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **offers: Any,
) -> Iterator[dict[str, School]]:
    """Schools behind one Airflow, by id.

    :param schools: what ``schools.yaml`` says of each, beside what all have.
    :param smtp_port: of the mail server that the connection ``smtp_default`` names.
    :param policies: Airflow's cluster policies, in Python.
    :param dags: the folder of DAGs; default: the project's.
    :param environment: further variables for Airflow.
    :param offers: what the directories offer (``sandbox.directory.capabilities``).
    """
    config = folder / "schools.yaml"
    common = {"la": "823", "estab": "4321", "modules": ["timetable"], "username": "admission_number"}
    entries = [{"id": school, "name": f"School {school}", **common, **own} for school, own in schools.items()]
    config.write_text(yaml.safe_dump({"schools": entries}))
    quick = {"AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1", "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1"}
    stack = Stack(
        folder / "stack",
        schools_config=config,
        dags=dags,
        environment={**quick, **(environment or {})},
        policies=policies,
    )
    with ExitStack() as opened, stack:
        made = {school: _school(opened, folder / school, school, stack, offers) for school in schools}
        if smtp_port is not None:
            stack.connect("smtp_default", conn_type="smtp", host="127.0.0.1", port=smtp_port, extra=OVER_LOOPBACK)
        stack.start_airflow(*(school.dag_id for school in made.values()))
        yield made


def _school(opened: ExitStack, folder: Path, school_id: str, stack: Stack, offers: Mapping[str, Any]) -> School:
    folder.mkdir()
    sims = Database(folder / "sims.sqlite")
    sims.put_school()
    broker = opened.enter_context(sims_server.running(sims, username="sync", password="secret"))
    directory = opened.enter_context(directory_server.running(folder / "directory.sqlite", token="token", **offers))
    proxy = opened.enter_context(proxy_to(directory.url))
    name = school_id.replace("-", "_")
    stack.connect(f"sims_{name}", host=broker.url, login="sync", password="secret")
    stack.connect(f"directory_{name}", host=proxy.url, password="token")
    return School(school_id, sims, broker, directory, proxy, stack)
