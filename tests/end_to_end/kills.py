"""Kills the task of a school's run, runs it again, and tells what both tries left.

A kill is SIGKILL to the process of a try, at a random time, or at a random request that the directory (or SIMS) sees.
The servers are real ones on loopback, the stages are those of the DAG.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from killed_stage import Task, start_processes
from left_behind import Left, broken_files, left_by, untold, working_students

from proxy import Forward, Meddle, Proxy, Reply, Request, pass_on
from sandbox.directory import server as directory_server
from sandbox.directory.server import Running
from sims_sync.runs.documents import STAGES

MONDAY, TUESDAY, WEDNESDAY = date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16)

DIRECTORIES: Mapping[str, Mapping[str, Any]] = {
    "bulk": {"max_operations": 5},
    "single requests": {"bulk": False},
    "single requests, no versions": {"bulk": False, "etag": False},
    "PUT": {"bulk": False, "patch": False},
    "no extension, no versions": {"max_operations": 5, "etag": False, "extension": False},
}
"""What the directories of the seeds offer, in turn."""

STAFF_JOINED = 801
"""Person ID of somebody who works here, and is a student from Wednesday on."""
STAFF_LEFT = range(601, 605)
"""Those of students who work here too, and are on roll until Tuesday."""

_FATES = ("not done", "done", "half answered", "done late")
"""Of the request at which a try is killed: never carried out; carried out, without an answer or with half of one; or
the network is slow, and it is carried out when the last try is over."""


@dataclass(frozen=True)
class Undisturbed:
    """A task that is not killed.

    :param before: the folder with the store and the directory's database as they are when it begins.
    :param after: when it has ended.
    :param requests: the methods of its requests, in order.
    :param writes: how many writes of accounts it asks for.
    """

    before: Path
    after: Path
    task: Task
    seconds: float
    requests: list[str]
    writes: int
    left: Left

    def some_time(self, random: Random) -> Moment:
        """A time to kill such a task at."""
        return Moment(seconds=random.uniform(0, self.seconds))

    def some_request(self, random: Random) -> Moment:
        """A request to kill such a task at: from the first that writes to the last."""
        writing = [place for place, method in enumerate(self.requests) if method != "GET"]
        return Moment(request=random.randint(writing[0], writing[-1]), fate=random.choice(_FATES))


@dataclass(frozen=True)
class Moment:
    """When a try is killed: after some seconds, or at a request (its position), and how that one fares."""

    seconds: float | None = None
    request: int | None = None
    fate: str = ""


@dataclass(frozen=True)
class Kill:
    """A try that was killed, and what there was then.

    :param before_its_end: whether it had not come to its end already.
    :param written: how many writes of accounts had been carried out.
    :param broken: files that nobody could read.
    :param untold: what was written and not written down.
    :param late: the requests that are still under way.
    """

    moment: Moment
    before_its_end: bool
    written: int
    broken: list[str]
    untold: list[str]
    late: list[Request] = field(repr=False)


@dataclass(frozen=True)
class Retried:
    """A task that was killed (one in three twice), and run again.

    :param waited: what the last try said that it waited for.
    """

    directory: str
    kills: list[Kill]
    waited: list[str]
    left: Left


class School:
    """A school whose tasks can be killed.

    :param folder: for everything.
    :param sims: the proxy before its SIMS.
    :param directory: that before its directory, which is another for each kill.
    :param connections: of both proxies.
    """

    def __init__(self, folder: Path, sims: Proxy, directory: Proxy, connections: Mapping[str, str]) -> None:
        self._ready = start_processes()
        self.folder, self.sims, self.directory = folder, sims, directory
        self._task = Task(STAGES[0], folder, "wednesday", WEDNESDAY, connections)
        self.killed = cache(self._killed)
        self.undisturbed = cache(self._undisturbed)
        self._two_nights = cache(self._make_two_nights)

    @contextmanager
    def copy(self, source: Path | None, name: str, directory: str) -> Iterator[tuple[Path, Running]]:
        """A copy of a store and a directory, which is served behind the proxy while the block runs."""
        folder = self.folder / directory / name
        if source is None:
            folder.mkdir(parents=True)
        else:
            shutil.copytree(source, folder)
        with directory_server.running(folder / "directory.db", token="token", **DIRECTORIES[directory]) as served:
            self.directory.target = served.url
            yield folder, served

    def _killed(self, stage: str, seed: int) -> Retried:
        """Kill a task, one in three twice, and run it again."""
        directory = list(DIRECTORIES)[seed % len(DIRECTORIES)]
        undisturbed = self.undisturbed(stage, directory)
        random = Random(f"{stage} {seed}")  # noqa: S311 # no secret
        moments = [undisturbed.some_time(random) if seed % 4 == 3 else undisturbed.some_request(random)]
        if seed % 3 == 2:
            moments.append(undisturbed.some_request(random))
        with self.copy(undisturbed.before, f"{stage}-{seed}", directory) as (folder, served):
            task = replace(undisturbed.task, store=folder / "store")
            proxy = self._asked_by(task)
            kills = [_kill(task, moment, proxy, served) for moment in moments]
            waited = _run(task)
            for request in (request for kill in kills for request in kill.late):
                proxy.forward(request)
            return Retried(directory, kills, waited, left_by(task, served))

    def _undisturbed(self, stage: str, directory: str) -> Undisturbed:
        """Run a task to its end."""
        before = self._before(stage, directory)
        with self.copy(before, f"{stage}-undisturbed", directory) as (folder, served):
            task = replace(self._task, stage=stage, store=folder / "store")
            proxy = self._asked_by(task)
            proxy.seen.clear()
            self._ready.join()
            began = time.monotonic()
            assert _run(task) == []
            seconds = time.monotonic() - began
            requests = [request.method for request in proxy.seen]
            return Undisturbed(before, folder, task, seconds, requests, served.writes, left_by(task, served))

    def _before(self, stage: str, directory: str) -> Path:
        """Everything as it is when a task of Wednesday's run begins."""
        if stage == "disable_leavers":
            with self.copy(self.undisturbed("load", directory).after, f"before-{stage}", directory) as (folder, _):
                replace(self._task, stage="approve_leavers", store=folder / "store").carry_out()
            return folder
        nights = self._two_nights(DIRECTORIES[directory].get("extension", True))
        if stage == "extract":
            return nights
        with self.copy(nights, f"before-{stage}", directory) as (folder, _):
            replace(self._task, stage=STAGES[STAGES.index(stage) - 1], store=folder / "store").up_to()
        return folder

    def _make_two_nights(self, extension: bool) -> Path:
        """Monday's and Tuesday's runs, and what others do to the accounts meanwhile."""
        with self.copy(None, "nights", "bulk" if extension else "no extension, no versions") as (folder, served):
            served.put_user({"userName": "head", "externalId": f"{STAFF_JOINED}", "roles": [{"value": "staff"}]})
            for run_id, day in (("monday", MONDAY), ("tuesday", TUESDAY)):
                night = replace(self._task, store=folder / "store", run_id=run_id, effective_date=day)
                replace(night, stage="disable_leavers").up_to()
            for user in served.users():
                if int(user["externalId"]) in STAFF_LEFT:
                    served.put_user({**user, "roles": [*user["roles"], {"value": "staff"}]})
            served.put_user({"userName": "nobody", "roles": [{"value": "student"}], "active": True})
        return folder

    def _asked_by(self, task: Task) -> Proxy:
        return self.sims if task.stage == "extract" else self.directory


def _run(task: Task) -> list[str]:
    """Run a task to its end; gives back what it waited for."""
    process, says = task.start()
    process.join()
    assert process.exitcode == 0, "the task failed"
    waited: list[str] = says.recv()
    return waited


def _kill(task: Task, moment: Moment, proxy: Proxy, served: Running) -> Kill:
    """Begin a task and kill it."""
    pid: Future[int] = Future()
    late: list[Request] = []
    working = working_students(served)
    proxy.seen.clear()
    proxy.meddle = pass_on if moment.request is None else _killing(pid, moment, late, proxy)
    process, _ = task.start()
    pid.set_result(process.pid or 0)
    process.join(moment.seconds)
    process.kill()
    process.join()
    proxy.meddle = pass_on
    return Kill(
        moment=moment,
        before_its_end=process.exitcode == -signal.SIGKILL,
        written=served.writes,
        broken=broken_files(task),
        untold=untold(task, served, working),
        late=late,
    )


def _killing(pid: Future[int], moment: Moment, late: list[Request], proxy: Proxy) -> Meddle:
    """Kills the process when its request of that moment comes."""

    def meddle(request: Request, forward: Forward) -> Reply:
        if len(proxy.seen) != (moment.request or 0) + 1:  # the client sends one after another
            return forward(request)
        reply = forward(request) if moment.fate in ("done", "half answered") else Reply()
        if moment.fate == "half answered":
            return replace(reply, stream=half(reply.body), length=len(reply.body))
        if moment.fate == "done late":
            late.append(request)
        kill()
        return Reply(cut=-1)

    def half(body: bytes) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        kill()

    def kill() -> None:
        os.kill(pid.result(10), signal.SIGKILL)

    return meddle
