"""Nights on which SIMS, or the network before it, answers what it should not (SPEC section 2), through the whole DAG.

On each such Tuesday a student joins, two have a new surname and one left, so that there is something to do. A run that
fails must leave the directory and the school's state exactly as they were, and the next good one must put all right.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harmless_answers import HARMLESS
from hostile_answers import HOSTILE, Hostile
from proxy import Proxy, Reply, pass_on, proxy_to
from sandbox.directory import server as directory_server
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_calls import VALUES, Call, Trap, put_a_student, spoil, trap
from sims_sync.airflow import settings
from sims_sync.model.errors import SyncError
from sims_sync.runs.files import RunFiles
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS, SCHOOL

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night

pytestmark = pytest.mark.slow

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 9, 14) + timedelta(days=each) for each in range(3))
SAME, RENAMED, LEFT, JOINED = range(101, 109), (109, 110), 111, 112
DONE = {"extracted": 11, "created": 1, "updated": 2, "unchanged": 8, "disabled": 1}
BEHIND = ("validate", "transform", "plan", "approve", "load", "approve_leavers", "disable_leavers")
TRIES = 4
STUDENTS = "GetXmlStudents"
OTHERS = [operation.name for operation in (SCHOOL, *OPERATIONS) if operation.name != STUDENTS]
NIGHTS = [list(islice(cycle(HOSTILE), first, first + TRIES)) for first in range(0, len(HOSTILE), TRIES)]
"""What the tries of a night meet, one after the other."""

_BODY = Hostile(lambda call: replace(call.answer, pause=0.01), "no whole answer within 1 s")
_HEAD = Hostile(lambda call: replace(call.answer, pause=0.01, slow_head=True), "no whole answer within 1 s")
SLOW = [_BODY] * (TRIES - 1) + [_HEAD]
"""The trickling head comes last: until it ends no other call is made, and these tries share a process."""


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dag.test` sleeps for a second for each task that is behind a failed one."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.02)))
    monkeypatch.setitem(settings.DEFAULT_ARGS, "max_retry_delay", timedelta(seconds=0.1))


_PASSING = re.compile(r"\.lease|^notices")


@dataclass
class School:
    """A school on Tuesday morning, after a good Monday night, with its SIMS behind a proxy.

    :param store: where its run files and state lie.
    :param nobody: an address that nobody asks.
    :param said: what was kept of each try that failed, for the report.
    """

    proxy: Proxy
    directory: Running
    night: Night
    store: Path
    nobody: Trap
    said: list[str]

    def bad_night(self, operation: str, hostile: list[Hostile]) -> None:
        """A night whose tries each meet a hostile answer to the operation: it must fail, and do nothing."""
        left = [each.make for each in hostile]
        self.proxy.seen.clear()
        self.proxy.meddle = spoil(operation, lambda call: left.pop(0)(call), self.nobody.url)
        self.assert_fails([f"{operation}: .*({each.came})" for each in hostile])
        assert not left, "there were as many tries"
        assert f":{operation}".encode() in self.proxy.seen[-1].body, "nothing was asked after it"
        self.proxy.meddle = pass_on

    def assert_fails(self, reasons: list[str]) -> None:
        """Run a night that must do nothing.

        :param reasons: what is said of each try (regular expressions).
        """
        before = self.users(), self.state()
        assert "mark.json" in before[1]
        self.said.clear()
        ran = self.night(TUESDAY)
        assert (ran.state, ran.tasks["extract"], ran.tasks["report"]) == ("failed", "failed", "success")
        assert {ran.tasks[task] for task in BEHIND} == {"upstream_failed"}
        assert len(self.said) == len(reasons)
        for said, expected in zip(self.said, reasons, strict=True):
            assert re.match(expected, said), said
        assert ran.report
        assert (ran.report["outcome"], ran.report["reason"]) == ("failed", f"extract: {self.said[-1]}")
        everything = json.dumps([self.said, ran.report], ensure_ascii=False)
        assert not [value for value in VALUES if value in everything]
        assert ran.counts == {}
        assert self.directory.writes == 0
        assert (self.users(), self.state()) == before

    def good_night(self) -> None:
        """A night that must do all that there is to do."""
        ran = self.night(TUESDAY)
        assert (ran.state, ran.counts, ran.codes) == ("success", DONE, set())
        users = self.users()
        assert set(users) == {*SAME, *RENAMED, LEFT, JOINED}
        assert [person for person, user in users.items() if not user["active"]] == [LEFT]
        assert {person for person, user in users.items() if user["name"]["familyName"] == "Newer"} == set(RENAMED)
        assert all(user["name"]["givenName"] == "Zoë" for user in users.values())

    def users(self) -> dict[int, dict[str, Any]]:
        """The accounts by Person ID."""
        return {int(user["externalId"]): user for user in self.directory.users()}

    def state(self) -> dict[str, bytes]:
        """What the sync remembers of the school: all but the leases, which say which run was the last to be at work,
        and the notices, which say what was mailed."""
        files = (self.store / "green-abbey" / "state").rglob("*")
        return {path.name: path.read_bytes() for path in files if path.is_file() and not _PASSING.search(path.name)}


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test keeps the directory and the store as a good Monday night left them."""
    return tmp_path_factory.mktemp("monday")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is kept of each failure, in its order: the files hold the last one alone."""
    said: list[str] = []
    keep = RunFiles.record_failure

    def record_failure(files: RunFiles, stage: str, fault: SyncError, **facts: Any) -> None:
        said.append(str(fault))
        keep(files, stage, fault, **facts)

    monkeypatch.setattr(RunFiles, "record_failure", record_failure)
    return said


@pytest.fixture
def school(
    monday: Path,
    tmp_path: Path,
    sims: Database,
    broker: Broker,
    connect: Callable[..., None],
    dag_night: Night,
    said: list[str],
) -> Iterator[School]:
    for person in (*SAME, *RENAMED, LEFT):
        put_a_student(sims, person)
    sims.leave(LEFT, MONDAY)
    for person in RENAMED:
        sims.change("students", {"person_id": person}, on=TUESDAY, surname="Newer")
    # Born on another day, so that nobody takes them for the one who left.
    put_a_student(sims, JOINED, valid_from=TUESDAY, date_of_birth="2012-11-30T00:00:00")
    database, store = tmp_path / "directory.sqlite", tmp_path / "store"
    if (monday / "store").exists():
        shutil.copy(monday / "directory.sqlite", database)
        shutil.copytree(monday / "store", store)
    else:
        with directory_server.running(database, token="token") as directory:
            connect("directory_green_abbey", host=directory.url, password="token")
            assert dag_night(MONDAY).counts == {"extracted": 11, "created": 11}
        shutil.copy(database, monday)
        shutil.copytree(store, monday / "store")
    (store / "green-abbey" / "state" / "applied.json").unlink(missing_ok=True)  # its directory has another port now
    with (
        directory_server.running(database, token="token") as directory,
        proxy_to(broker.url) as proxy,
        trap() as nobody,
    ):
        connect("sims_green_abbey", host=proxy.url, login="sync", password="secret")
        connect("directory_green_abbey", host=directory.url, password="token")
        yield School(proxy, directory, dag_night, store, nobody, said)
        assert nobody.asked == 0


@pytest.mark.parametrize(
    ("kinds", "other"), list(zip(NIGHTS, cycle(OTHERS), strict=False)), ids=lambda value: f"{value}"
)
def test_hostile_answers_fail_the_night_that_does_nothing_and_the_next_good_one_puts_all_right(
    kinds: list[str], other: str, school: School
) -> None:
    hostile = [HOSTILE[kind] for kind in kinds]
    school.bad_night(STUDENTS, hostile)
    school.bad_night(other, hostile[::-1])
    school.good_night()


def test_answers_that_trickle_end_after_the_time_of_a_call(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(SimsClient.__init__.__kwdefaults__, "call_seconds", 1.0)
        school.bad_night(STUDENTS, SLOW)
    school.good_night()


def test_a_broker_that_refuses_connections_fails_the_night(school: School, connect: Callable[..., None]) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        connect("sims_green_abbey", host=f"http://127.0.0.1:{deaf.getsockname()[1]}/", login="sync", password="secret")
        school.assert_fails([r"GetXmlSchool: SIMS \(connection sims_green_abbey\) gave no answer"] * TRIES)
    connect("sims_green_abbey", host=school.proxy.url, login="sync", password="secret")
    school.good_night()


def test_tries_that_fail_in_three_ways_do_not_spoil_the_fourth(school: School) -> None:
    left = {
        "GetXmlFreeMeals": "an answer that is cut short",
        STUDENTS: "two answers",
        "GetXmlPersonEmails": "a document without its end",
    }

    def make(call: Call) -> Reply:
        kind = left.pop(call.operation, None)
        return HOSTILE[kind].make(call) if kind else call.answer

    school.proxy.meddle = spoil(None, make, school.nobody.url)
    school.good_night()
    assert not left
    assert len(school.said) == 3


def test_answers_that_only_look_otherwise_write_nothing(school: School) -> None:
    """On each of three nights every operation answers in another way, and each way is used."""
    school.good_night()
    expected = school.users()
    school.directory.requests.clear()
    unused = set(HARMLESS)
    for first in range(3):
        kinds = dict(zip((STUDENTS, *OTHERS), islice(cycle(HARMLESS), first, None, 3), strict=False))
        unused -= set(kinds.values())
        school.proxy.meddle = spoil(
            None, lambda call, kinds=kinds: HARMLESS[kinds[call.operation]](call), school.nobody.url
        )
        ran = school.night(WEDNESDAY)
        assert (ran.state, ran.counts, ran.codes) == ("success", {"extracted": 11, "unchanged": 11}, set()), kinds
        assert school.directory.writes == 0, kinds
    assert school.users() == expected
    assert not unused
