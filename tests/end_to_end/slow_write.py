"""Kills a task of Airflow's in the middle of a write."""

from __future__ import annotations

import json
import threading

import psutil

from proxy import Forward, Reply, Request
from scheduled import PATIENCE, School
from sims_sync.store.layout import STATE


class SlowWrite:
    """A directory that keeps the n-th of some writes waiting, and carries it out after all.

    :param body: what is in the body of these writes.
    """

    def __init__(self, place: int, body: bytes = b"") -> None:
        self._before, self._body = place - 1, body
        self._under_way, self.go_on = threading.Event(), threading.Event()

    def __call__(self, request: Request, forward: Forward) -> Reply:
        if request.method != "GET" and self._body in request.body:
            if self._before == 0:
                self._under_way.set()
                self.go_on.wait(PATIENCE)
            self._before -= 1
        return forward(request)

    def kill(self, school: School, task: str) -> None:
        """Kill the process of the task that this write is of: that which holds the lease on the directory."""
        assert self._under_way.wait(PATIENCE)
        leases = (school.stack.store / school.id / STATE).glob("directory.lease.*")
        newest = max(leases, key=lambda path: int(path.suffix[1:]))
        lease = json.loads(newest.read_bytes())
        assert lease["holder"] == f"night ({task})"
        process = psutil.Process(lease["pid"])
        titles = [" ".join(each.cmdline()) for each in (process, *process.parents())]
        assert titles[0].startswith("airflow worker -- "), titles
        assert any("scheduler" in title for title in titles), titles
        process.kill()
