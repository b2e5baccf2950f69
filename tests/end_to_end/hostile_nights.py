"""A school whose directory is seen through a proxy that spoils answers, and what must be true of its nights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spoilt_scim import Spoiler, all_of

from proxy import Proxy, pass_on, proxy_to
from sandbox.directory import server as directory_server
from sandbox.directory.server import Running
from sandbox.sims.database import Database

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night, Ran

EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 9, 14) + timedelta(days=each) for each in range(4))
RENAMED, SAME, LEFT, JOINED = range(101, 113), range(113, 121), range(121, 123), range(131, 134)
"""From Monday to Tuesday 12 students get a new surname, 8 stay as they are, 2 leave and 3 join."""
STAFF = (9001, 9002, 9003)
TASKS = ("extract", "validate", "transform", "plan", "approve", "load", "approve_leavers", "disable_leavers")


@dataclass
class School:
    """A school on Tuesday morning, after a good Monday night."""

    directory: Running
    proxy: Proxy
    night: Night

    def accounts(self, person_id: int) -> list[dict[str, Any]]:
        """The accounts that are linked to a person."""
        return [user for user in self.directory.users() if user.get("externalId") == f"{person_id}"]

    def sent(self, what: str) -> int:
        """How many requests of the last bad night match."""
        return sum(bool(re.search(what, f"{each.method} {each.path}")) for each in self.proxy.seen)

    def bad_night(self, *spoilers: Spoiler, **parameters: Any) -> Ran:
        """Tuesday's night, with all these answers spoilt."""
        self.proxy.seen.clear()
        self.directory.requests.clear()
        self.proxy.meddle = all_of(spoilers)
        ran = self.night(TUESDAY, **parameters)
        self.proxy.meddle = pass_on
        assert all(spoiler.spent for spoiler in spoilers), "the night was as bad as it should be"
        assert_counted_once(ran)
        return ran

    def good_night(self, *, staff: tuple[int, ...] = STAFF) -> Ran:
        """Wednesday's night, after which the directory is right: no duplicate, nobody wrongly disabled, all leavers
        disabled, all values written."""
        ran = self.night(WEDNESDAY)
        assert ran.report
        assert (ran.state, ran.report["outcome"]) == ("success", "success")
        assert_counted_once(ran)
        self.assert_right(staff)
        return ran

    def idle_night(self) -> None:
        """Thursday's night, in which there is nothing to write."""
        self.directory.requests.clear()
        assert self.night(THURSDAY).state == "success"
        assert self.directory.writes == 0

    def assert_right(self, staff: tuple[int, ...] = STAFF) -> None:
        """:param staff: the accounts of no student."""
        accounts = {int(user["externalId"]): user for user in self.directory.users()}
        assert sorted(accounts) == sorted((*RENAMED, *SAME, *LEFT, *JOINED, *staff))
        assert len(accounts) == len(self.directory.users())
        assert {person for person, user in accounts.items() if not user["active"]} == set(LEFT)
        assert all(accounts[person][EXTENSION]["disabledBySync"] for person in LEFT)
        assert {person for person, user in accounts.items() if _surname(user) == "Newer"} == set(RENAMED)
        assert {person for person, user in accounts.items() if _surname(user) is None} == set(staff)


@dataclass(frozen=True)
class Case:
    """A bad night.

    :param spoilers: makes what the network does.
    :param counts: those of the report that differ from those of a night without trouble.
    :param sent: a pattern of requests, and how many of them there are in all tries.
    :param offers: what the directory offers.
    :param patience: seconds that an answer may take.
    :param breaks: the task that fails.
    :param reason: what the report says of it, a pattern.
    """

    spoilers: Callable[[], tuple[Spoiler, ...]]
    counts: dict[str, int] = field(default_factory=dict)
    sent: tuple[str, int] | None = None
    offers: dict[str, Any] = field(default_factory=dict)
    patience: float = 60.0
    breaks: str = ""
    reason: str = ""

    def assert_passed(self, school: School, ran: Ran) -> None:
        """The run succeeded after all."""
        assert ran.report
        assert (ran.state, ran.report["outcome"], ran.report["reason"]) == ("success", "success", "")
        self._assert_told(school, ran)

    def assert_failed(self, school: School, ran: Ran) -> None:
        """The run failed at the task, and nobody is disabled."""
        before, after = TASKS[: TASKS.index(self.breaks)], TASKS[TASKS.index(self.breaks) + 1 :]
        assert {task: ran.tasks[task] for task in TASKS} == {
            **dict.fromkeys(before, "success"), self.breaks: "failed", **dict.fromkeys(after, "upstream_failed"),
        }  # fmt: skip
        assert ran.tasks["report"] == "success"
        assert ran.report
        assert (ran.state, ran.report["outcome"]) == ("failed", "failed")
        assert re.search(f"^{self.breaks}: .*{self.reason}", ran.report["reason"])
        self._assert_told(school, ran)
        assert all(user["active"] for user in school.directory.users())

    def _assert_told(self, school: School, ran: Ran) -> None:
        counts = {"extracted": 23, "created": 3, "updated": 12, "unchanged": 8, "disabled": 2, **self.counts}
        assert ran.counts == {name: number for name, number in counts.items() if number}
        assert ran.codes == set()
        assert self.sent is None or school.sent(self.sent[0]) == self.sent[1]


def assert_counted_once(ran: Ran) -> None:
    """Every extracted record is counted once."""
    assert ran.report
    counts = ran.report["counts"]
    assert min(counts.values()) >= 0
    fates = ("created", "updated", "unchanged", "rejected", "failed")
    assert counts["extracted"] == sum(counts[fate] for fate in fates)


@contextmanager
def school_on_tuesday(
    sims: Database,
    night: Night,
    connect: Callable[..., None],
    *,
    folder: Path,
    monday: Path,
    offers: dict[str, Any],
) -> Iterator[School]:
    """Opens the school.

    :param folder: where the directory and the store lie.
    :param monday: where the first school keeps what Monday night left, for the others to begin with.
    :param offers: what the directory offers.
    """
    _enrol(sims)
    database, store = folder / "directory.sqlite", folder / "store"
    if not (monday / "store").exists():
        with directory_server.running(database, token="token") as directory:
            connect("directory_green_abbey", host=directory.url, password="token")
            for number in STAFF:
                staff = {"userName": f"teacher.{number}", "externalId": f"{number}", "active": True}
                directory.put_user({**staff, "roles": [{"value": "staff"}]})
            assert night(MONDAY).counts == {"extracted": 22, "created": 22}
        shutil.copy(database, monday)
        shutil.copytree(store, monday / "store")
    else:
        shutil.copy(monday / "directory.sqlite", database)
        shutil.copytree(monday / "store", store)
    (store / "green-abbey" / "state" / "applied.json").unlink(missing_ok=True)  # its directory has another port now
    with directory_server.running(database, token="token", **offers) as directory, proxy_to(directory.url) as proxy:
        connect("directory_green_abbey", host=proxy.url, password="token")
        yield School(directory, proxy, night)


def _enrol(sims: Database) -> None:
    for person_id in (*RENAMED, *SAME, *LEFT):
        sims.put_student(person_id, surname="Older")
    for person_id in LEFT:
        sims.leave(person_id, MONDAY)
    for person_id in RENAMED:
        sims.change("students", {"person_id": person_id}, on=TUESDAY, surname="Newer")
    for person_id in JOINED:
        sims.put_student(person_id, valid_from=TUESDAY)


def _surname(user: dict[str, Any]) -> str | None:
    return (user.get("name") or {}).get("familyName")
