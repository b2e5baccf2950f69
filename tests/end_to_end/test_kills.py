"""A task that is killed at any point and run again ends in the same state, with no duplicate (SPEC sections 6 and 7).

Each seed is one kill: see ``kills``. What the task leaves when it is run again is compared with what an undisturbed run
leaves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest
from kills import DIRECTORIES, MONDAY, STAFF_JOINED, STAFF_LEFT, TUESDAY, WEDNESDAY, School
from left_behind import untold, working_students

from proxy import Forward, Reply, Request, pass_on, proxy_to
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database
from sims_sync.store.lease import hold_lease
from sims_sync.store.local import LocalFolder

pytestmark = pytest.mark.slow

JOINED, RENAMED, CLEARED, RETURNED = range(101, 111), range(201, 209), range(301, 306), range(401, 407)
LEFT, SAME = range(501, 511), range(701, 704)
TO_LOAD = Counter(create=10, update=8 + 5 + 1, enable=6)
TO_DISABLE = Counter(disable=10 + 1, unlink_role=4)

SEEDS = {"extract": range(10), "load": range(22), "disable_leavers": range(18)}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("kills")
    sims = Database(folder / "sims.db")
    fill(sims)
    with (
        sims_server.running(sims, username="sync", password="secret") as broker,
        proxy_to(broker.url) as before_sims,
        proxy_to("http://127.0.0.1/scim/v2") as before_directory,  # its target is another one for each kill
        pytest.MonkeyPatch.context() as environment,
    ):
        connections = {
            "sims": {"host": before_sims.url, "login": "sync", "password": "secret"},
            "directory": {"host": before_directory.url, "password": "token"},
        }
        variables = {
            f"AIRFLOW_CONN_{name.upper()}_GREEN_ABBEY": json.dumps({"conn_type": "http", **connection})
            for name, connection in connections.items()
        }
        for name, value in variables.items():
            environment.setenv(name, value)
        yield School(folder, before_sims, before_directory, variables)
    sims.close()


def fill(sims: Database) -> None:
    """Who is on roll when, and what changes."""
    sims.put_school()
    tables: dict[range, dict[str, Any]] = {
        JOINED: {"valid_from": WEDNESDAY, "mobile": "07700 900123"},
        RENAMED: {"surname": "Older", "address": {"house_number": "7", "street": "High Street"}},
        CLEARED: {"telephone": "01632 960001", "mobile": "07700 900456"},
        RETURNED: {"valid_to": MONDAY},
        LEFT: {"valid_to": TUESDAY, "surname": "Leaver"},  # nobody takes them for those who join
        STAFF_LEFT: {"valid_to": TUESDAY},
        range(STAFF_JOINED, STAFF_JOINED + 1): {"valid_from": WEDNESDAY},
        SAME: {},
    }
    for people, values in tables.items():
        for person_id in people:
            sims.put_student(person_id, **values)
    for person_id in RENAMED:
        sims.change("students", {"person_id": person_id}, on=WEDNESDAY, surname="Newer")
    for person_id in CLEARED:
        sims.end("telephones", {"person_id": person_id, "location": "H"}, TUESDAY)
    for person_id in RETURNED:
        sims.rejoin(person_id, WEDNESDAY)


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_an_undisturbed_run_is_what_the_others_are_compared_with(school: School, directory: str) -> None:
    assert school.undisturbed("load", directory).left.done == TO_LOAD
    disabled = school.undisturbed("disable_leavers", directory)
    assert disabled.left.done == TO_DISABLE
    assert disabled.left.state["mark"]["run_id"] == disabled.task.run_id
    departures = [len(night["accounts"]) for night in disabled.left.state["departures"]]
    assert departures == [0, len(RETURNED), TO_DISABLE.total()]


@pytest.mark.parametrize("seed", SEEDS["extract"])
def test_an_extract_killed_anywhere_and_run_again_has_the_same_files(school: School, seed: int) -> None:
    ends_as_if_undisturbed(school, "extract", seed)


@pytest.mark.parametrize("seed", SEEDS["load"])
def test_a_load_killed_anywhere_and_run_again_ends_in_the_same_state(school: School, seed: int) -> None:
    ends_as_if_undisturbed(school, "load", seed)


@pytest.mark.parametrize("seed", SEEDS["disable_leavers"])
def test_a_disabling_killed_anywhere_and_run_again_ends_in_the_same_state(school: School, seed: int) -> None:
    ends_as_if_undisturbed(school, "disable_leavers", seed)


def ends_as_if_undisturbed(school: School, stage: str, seed: int) -> None:
    retried = school.killed(stage, seed)
    left, right = retried.left, school.undisturbed(stage, retried.directory).left
    for kill in retried.kills:
        assert kill.broken == [], retried
        assert kill.untold == [], retried
    assert retried.waited == [], "the lease of a killed process is free at once"
    assert left.results == right.results, retried
    assert left.state == right.state, retried
    assert left.files == right.files, retried
    linked = Counter(json.loads(account).get("externalId") for account in left.accounts)
    assert max(linked.values()) == 1, f"somebody has two accounts: {retried}"
    assert left.accounts == right.accounts, retried


def test_a_disabling_of_which_the_answer_is_lost_counts_for_the_limit_of_7_days(school: School) -> None:
    undisturbed = school.undisturbed("disable_leavers", "single requests")
    writes = count()

    def lose_the_third(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        return Reply(cut=-1) if request.method == "PATCH" and next(writes) == 2 else reply

    with school.copy(undisturbed.before, "answer-lost", "single requests") as (folder, served):
        before = working_students(served)
        school.directory.meddle = lose_the_third
        task = replace(undisturbed.task, store=folder / "store")
        process, _ = task.start()
        process.join()
        school.directory.meddle = pass_on
        assert process.exitcode == 1, "one write has failed, for all that the task knows"
        assert len(before - working_students(served)) == TO_DISABLE.total()
        assert untold(task, served, before) == []


@pytest.mark.parametrize("stage", ["load", "disable_leavers"])
def test_many_of_these_kills_come_after_the_first_write_and_before_the_last(school: School, stage: str) -> None:
    tries = [school.killed(stage, seed) for seed in SEEDS[stage]]
    amidst = [each for each in tries if 0 < each.kills[0].written < school.undisturbed(stage, each.directory).writes]
    assert all(each.kills[0].before_its_end for each in amidst)
    assert len(amidst) >= len(tries) / 3


def test_most_of_these_extracts_are_killed_before_their_end(school: School) -> None:
    tries = [school.killed("extract", seed) for seed in SEEDS["extract"]]
    assert sum(each.kills[0].before_its_end for each in tries) > len(tries) * 0.8


def test_the_lease_of_a_killed_process_is_free_even_before_its_parent_has_noticed(tmp_path: Path) -> None:
    hold = (
        "import pathlib, sys, time\n"
        "from sims_sync.store.lease import hold_lease\n"
        "from sims_sync.store.local import LocalFolder\n"
        "with hold_lease(LocalFolder(pathlib.Path(sys.argv[1])), 'directory', 'run A (load)'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and still in the table of processes
        assert psutil.pid_exists(process.pid)
        with hold_lease(LocalFolder(tmp_path), "directory", "run B (load)", wait=timedelta(0)):
            pass
