"""A task whose process is killed while it writes: Airflow tries it again by itself, and nothing is done twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest

from proxy import Forward, Reply, Request
from scheduled import PATIENCE, School, scheduled_schools
from sims_sync.store.layout import STATE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

JOINED, CHANGED, LEFT = range(101, 113), range(201, 221), range(301, 306)


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


def tries(school: School, task: str) -> int:
    """How often Airflow has tried a task of the run, by its logs."""
    logs = Path(school.stack.environment["AIRFLOW_HOME"]) / "logs"
    return len(list(logs.glob(f"dag_id={school.dag_id}/run_id=night/task_id={task}/attempt=*.log")))


def test_a_killed_load_and_a_killed_disabling_are_tried_again_and_leave_no_duplicate(tmp_path: Path) -> None:
    with scheduled_schools(tmp_path, {"killed": {}}, bulk=False) as schools:
        school = schools["killed"]
        school.enrol((*JOINED, *CHANGED))
        for person_id in (*CHANGED, *LEFT):
            account = {"userName": f"{person_id:06}", "externalId": f"{person_id}", "active": True}
            school.directory.put_user({**account, "roles": [{"value": "student"}]})

        school.proxy.meddle = loading = SlowWrite(place=len(JOINED) // 2)
        school.trigger("night")
        loading.kill(school, "load")
        school.proxy.meddle = disabling = SlowWrite(len(LEFT) // 2, body=b"disabledBySync")
        loading.go_on.set()
        disabling.kill(school, "disable_leavers")
        disabling.go_on.set()

        assert school.wait("night") == "success"
        assert {task: tries(school, task) for task in ("plan", "load", "disable_leavers")} == {
            "plan": 1, "load": 2, "disable_leavers": 2,
        }  # fmt: skip
        assert school.counts("night") == {
            "extracted": len(JOINED) + len(CHANGED), "created": len(JOINED), "updated": len(CHANGED),
            "disabled": len(LEFT),
        }  # fmt: skip
        linked = Counter(int(user["externalId"]) for user in school.directory.users())
        assert linked == Counter([*JOINED, *CHANGED, *LEFT])
        assert school.active() == {*JOINED, *CHANGED}
        assert school.broker.overlaps == 0
        school.directory.requests.clear()
        assert school.night("next-night") == "success"
        assert school.directory.writes == 0, "what the killed tries and the others wrote is right"
