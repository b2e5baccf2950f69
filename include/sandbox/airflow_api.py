"""The few calls of Airflow's REST API that a local stack needs: trigger a DAG, follow its run, answer what it asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import requests

FINAL = frozenset({"success", "failed"})
_SECONDS = 90  # the longest wait for one answer: on a busy machine the API server is slow to begin with

_TRIES = 10

TaskStates = dict[str, str]
"""State by task id; a task that nothing has been decided about yet is left out."""


class AirflowApi:
    """Airflow's REST API, as one user.

    :param url: of the API server, without a path.
    :param alive: called while waiting; raises when what is waited for cannot come any more.
    """

    def __init__(self, url: str, username: str, password: str, alive: Callable[[], None]) -> None:
        self.url = url
        self._login = {"username": username, "password": password}
        self._alive = alive
        self._session = requests.Session()
        self._session.trust_env = False  # loopback goes through no proxy

    def healthy(self) -> bool:
        """Whether API server, scheduler, DAG processor and triggerer all say that they are well."""
        try:
            answer = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=_SECONDS)
        except requests.ConnectionError:
            return False
        return answer.ok and all(part["status"] == "healthy" for part in answer.json().values())

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        logical_date: datetime | None = None,
        unpause: bool = True,
    ) -> str:
        """Trigger a run, of a DAG that is paused too, and give back its id.

        :param conf: the run's parameters.
        :param logical_date: the tick of the schedule that the run is for; default: for none.
        :param unpause: first; the runs of a DAG that stays paused wait.
        :raises requests.HTTPError: Airflow refused.
        """
        if unpause:
            self.unpause(dag_id)
        tick = logical_date.isoformat() if logical_date else None
        body = {"logical_date": tick, "conf": dict(conf or {}), **({"dag_run_id": run_id} if run_id else {})}
        run: str = self._call("POST", f"dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return run

    def clear(self, dag_id: str, run_id: str, task_id: str, *, alone: bool = False) -> None:
        """Clear a task of a run, and (unless ``alone``) those after it, so that they run again."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": not alone,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._call("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set a task's state by hand: ``success``, ``failed`` or ``skipped``."""
        self._call("PATCH", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": state})

    def question(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """What a task that waits for a person asks (``subject``, ``body``, ``options``), and what was answered."""
        details: dict[str, Any] = self._call("GET", _details(dag_id, run_id, task_id))
        return details

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer a task that waits for a person.

        :raises requests.HTTPError: Airflow refused, as when it was answered before.
        """
        body = {"chosen_options": [option], "params_input": {}}
        self._call("PATCH", _details(dag_id, run_id, task_id), body)

    def runs(self, dag_id: str) -> dict[str, str]:
        """State by id of a DAG's runs, in the order in which they were due."""
        runs = self._call("GET", f"dags/{dag_id}/dagRuns?order_by=run_after")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    def is_backfilling(self, dag_id: str) -> bool:
        """Whether a backfill of a DAG goes on; Airflow notices its end within half a minute, and allows none before."""
        return any(not each["completed_at"] for each in self._call("GET", f"backfills?dag_id={dag_id}")["backfills"])

    def next_tick(self, dag_id: str) -> datetime:
        """The tick of the schedule that Airflow makes a run for next: of a DAG that never ran, the last one."""
        return datetime.fromisoformat(self._call("GET", f"dags/{dag_id}")["next_dagrun_logical_date"])

    def connect(self, connection_id: str, **fields: Any) -> None:
        """Set a connection in Airflow's database, whether it is there or not."""
        body = {"connection_id": connection_id, **fields}
        answer = self._request("PATCH", f"connections/{connection_id}", body)
        if answer.status_code == requests.codes.not_found:
            self._call("POST", "connections", body)
        elif not answer.ok:
            raise _refused("PATCH", f"connections/{connection_id}", answer)

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        self._call("PATCH", f"dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def wait(
        self,
        dag_id: str,
        run_id: str,
        timeout: float = 300,
        on_change: Callable[[str, str], None] | None = None,
    ) -> str:
        """Wait for the end of a run and give back its state, ``success`` or ``failed``.

        :param on_change: called with task id and state whenever a task has another state than before.
        :raises TimeoutError: the run goes on for too long; the message has the states of its tasks.
        """
        deadline = time.monotonic() + timeout
        seen: TaskStates = {}
        while True:
            run: str = self._call("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"]
            states = self.task_states(dag_id, run_id)
            for task, state in states.items():
                if on_change and seen.get(task) != state:
                    on_change(task, state)
            seen = states
            if run in FINAL:
                return run
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id} {run_id} is {run} after {timeout:.0f} s; its tasks: {states}")
            self._alive()
            time.sleep(0.3)

    def task_states(self, dag_id: str, run_id: str) -> TaskStates:
        """The states of a run's tasks, in the order in which they began."""
        instances = self.tasks(dag_id, run_id)
        begun = [instance for instance in instances if instance["state"]]
        begun.sort(key=lambda instance: (instance["start_date"] is None, instance["start_date"] or "", instance["id"]))
        return {instance["task_id"]: instance["state"] for instance in begun}

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """What Airflow knows of each task of a run, as :meth:`task` tells it of one."""
        instances: list[dict[str, Any]] = self._call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return instances

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """What Airflow knows of a task of a run: ``state``, ``try_number``, ``hostname`` of its worker, ..."""
        task: dict[str, Any] = self._call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return task

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG has been parsed.

        :raises LookupError: it has not, and there are import errors; the message has them.
        """
        if self._request("GET", f"dags/{dag_id}").status_code == requests.codes.ok:
            return True
        if errors := self.import_errors():
            raise LookupError(f"The DAG {dag_id} is not there, and these files have errors:\n" + "\n".join(errors))
        return False

    def import_errors(self) -> list[str]:
        """The files of DAGs that cannot be imported, each with its stack trace; empty when all can."""
        return [f"{e['filename']}:\n{e['stack_trace']}" for e in self._call("GET", "importErrors")["import_errors"]]

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._request(method, path, body)
        if not answer.ok:
            raise _refused(method, path, answer)
        return answer.json()

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> requests.Response:
        if "Authorization" not in self._session.headers:
            answer = self._session.post(f"{self.url}/auth/token", json=self._login, timeout=_SECONDS)
            answer.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        for _ in range(_TRIES):
            answer = self._session.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=_SECONDS)
            if not (answer.status_code == requests.codes.server_error and "Database error" in answer.text):
                break
            time.sleep(1)  # SQLite has one writer: the request was rolled back
        return answer


def _refused(method: str, path: str, answer: requests.Response) -> requests.HTTPError:
    return requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:500]}", response=answer)


def _details(dag_id: str, run_id: str, task_id: str) -> str:
    return f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
