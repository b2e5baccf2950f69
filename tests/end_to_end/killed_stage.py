"""A try of a task in a process of its own, which may be killed: the task's work, without Airflow around it."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from nights_without_airflow import WORK, run_of
from sims_sync.night.run import Run
from sims_sync.runs.documents import FACTS, STAGES, Reference
from sims_sync.store.opening import open_store

SCHOOL = "green-abbey"

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(  # all that a stage imports, so that a process begins in a few milliseconds
    [
        "__main__",
        "airflow.providers.http.hooks.http",
        "airflow.sdk.execution_time.supervisor",
        "pyarrow.dataset",
        "sims_sync.night.applying",
        "sims_sync.directory.discovery",
        "sims_sync.sources.sims.client",
    ]
)


@dataclass(frozen=True)
class Task:
    """A task of a run.

    :param connections: as the environment holds them for Airflow.
    """

    stage: str
    store: Path
    run_id: str
    effective_date: date
    connections: Mapping[str, str]

    @property
    def run(self) -> Run:
        """The run, as the task sees it."""
        return run_of(open_store(self.store), SCHOOL, self.run_id, self.effective_date)

    def start(self) -> tuple[BaseProcess, Connection]:
        """Begin a try in a process of its own.

        :returns: the process, and where it says at its end what it had to wait for.
        """
        here, there = _PROCESSES.Pipe(duplex=False)
        process = _PROCESSES.Process(target=_try, args=(self, there))
        process.start()
        there.close()
        return process, here

    def up_to(self) -> None:
        """Carry out the run up to and with this task, in this process."""
        for stage in STAGES[: STAGES.index(self.stage) + 1]:
            replace(self, stage=stage).carry_out()

    def carry_out(self) -> Reference:
        """Do the task's work in this process, whose environment has the connections, as ``airflow.tasks`` does."""
        run = self.run
        run.files.begin(self.stage)
        before = STAGES[: STAGES.index(self.stage)][-1:]
        return WORK[self.stage](run, next((run.files.open(FACTS[stage]).reference for stage in before), None))


class _Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _try(task: Task, said: Connection) -> None:
    kept = _Kept()
    lease = logging.getLogger("sims_sync.store.lease")
    lease.setLevel(logging.INFO)
    lease.addHandler(kept)
    os.environ.update(task.connections)
    task.carry_out()
    said.send(kept.messages)


def start_processes() -> BaseProcess:
    """Begin to import all that the tries need, which takes seconds, in a process that the tries are forked from.

    :returns: a process that ends when that is done.
    """
    process = _PROCESSES.Process(target=_nothing)
    process.start()
    return process


def _nothing() -> None:
    """There is nothing to do."""
