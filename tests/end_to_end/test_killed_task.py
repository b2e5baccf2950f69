"""A task whose process is killed while it writes: Airflow tries it again by itself, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from slow_write import SlowWrite

from scheduled import School, scheduled_schools

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

JOINED, CHANGED, LEFT = range(101, 113), range(201, 221), range(301, 306)


def tries(school: School, task: str) -> int:
    """How often Airflow has tried a task of the run, by its logs."""
    logs = Path(school.stack.environment["AIRFLOW_HOME"]) / "logs"
    return len(list(logs.glob(f"dag_id={school.dag_id}/run_id=night/task_id={task}/attempt=*.log")))


def test_a_killed_load_and_a_killed_disabling_are_tried_again_and_leave_no_duplicate(tmp_path: Path) -> None:
    with scheduled_schools(tmp_path, {"killed": {}}, bulk=False) as schools:
        school = schools["killed"]
        school.ran_before()
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
