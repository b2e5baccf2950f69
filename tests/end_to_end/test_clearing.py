"""What may be cleared, and what it writes then (SPEC section 7): the tasks' work, without Airflow around it.

That Airflow hands a cleared task what the tasks before it told is proved in test_scheduler.py and test_backfill.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nights_without_airflow import WORK, run_of
from proxy import Forward, Proxy, Reply, Request, pass_on, proxy_to
from sandbox.directory import server as directory_server
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sims_sync.model.errors import PermanentFault, TransientFault
from sims_sync.night import planning
from sims_sync.night.run import Run, Skipped, Superseded
from sims_sync.runs import files as run_files
from sims_sync.runs.documents import PlanFacts, Reference, TransformFacts, ValidateFacts
from sims_sync.store.opening import open_store

if TYPE_CHECKING:
    from sandbox.sims.server import Broker

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 9, 14) + timedelta(days=each) for each in range(3))
STAY, LEFT = range(101, 113), (113, 114)
WRITTEN = 4
"""Writes of Tuesday's 12 that the directory takes before it fails."""

TASKS = tuple(WORK)


@dataclass
class Night:
    """A run whose tasks a test carries out one by one.

    :param told: what each task told the next, as XCom keeps it: cleared tasks find what was told before.
    """

    run: Run
    told: dict[str, Reference] = field(default_factory=dict)

    def carry_out(self, *tasks: str) -> None:
        """Carry out tasks in their order; by default all."""
        for task in tasks or TASKS:
            before = next((self.told.get(each) for each in TASKS[: TASKS.index(task)][-1:]), None)
            self.told.pop(task, None)
            self.run.files.begin(task)
            self.told[task] = WORK[task](self.run, before)


@dataclass
class School:
    """:param proxy: what lies before its directory."""

    store: Path
    sims: Database
    directory: Running
    proxy: Proxy

    def night(self, run_id: str, day: date, *, allow_older: bool = False) -> Night:
        return Night(run_of(open_store(self.store), "green-abbey", run_id, day, allow_older=allow_older))

    @property
    def written(self) -> int:
        """How many writes the directory carried out since its requests were last cleared."""
        return sum(request.writes for request in self.directory.requests if request.status < 300)

    def surnames(self) -> dict[int, str]:
        """The surname in each active account, by Person ID."""
        users = [user for user in self.directory.users() if user["active"]]
        return {int(user["externalId"]): user["name"]["familyName"] for user in users}

    def broken_off(self, run_id: str = "tuesday") -> Night:
        """Tuesday's run, which broke off half way through `load`: the directory failed."""
        night = self.night(run_id, TUESDAY)
        night.carry_out(*TASKS[:5])
        self.proxy.meddle = fails_after(WRITTEN)
        with pytest.raises(TransientFault, match="a fifth of the writes, or more, failed"):
            night.carry_out("load")
        self.proxy.meddle = pass_on
        self.directory.requests.clear()
        return night


def fails_after(writes: int) -> Callable[[Request, Forward], Reply]:
    """A directory that takes some writes, and answers 500 to those that follow."""
    left = [None] * writes

    def meddle(request: Request, forward: Forward) -> Reply:
        if request.method == "GET":
            return forward(request)
        return (left.pop(), forward(request))[1] if left else Reply(500)

    return meddle


@pytest.fixture
def school(tmp_path: Path, sims: Database, broker: Broker, connect: Callable[..., None]) -> Iterator[School]:
    """A school after Monday's good night; on Tuesday 12 students have a new surname and 2 have left."""
    for person_id in (*STAY, *LEFT):
        sims.put_student(person_id, surname="Monday", valid_to=MONDAY if person_id in LEFT else None)
    for person_id in STAY:
        sims.change("students", {"person_id": person_id}, on=TUESDAY, surname="Tuesday")
        sims.change("students", {"person_id": person_id}, on=WEDNESDAY, surname="Wednesday")
    with (
        directory_server.running(tmp_path / "directory.sqlite", token="token", bulk=False) as directory,
        proxy_to(directory.url) as proxy,
    ):
        connect("directory_green_abbey", host=proxy.url, password="token")
        school = School(tmp_path / "store", sims, directory, proxy)
        monday = school.night("monday", MONDAY)
        with ago(timedelta(hours=48)):
            monday.carry_out("extract")
        monday.carry_out(*TASKS[1:])
        assert set(school.surnames().values()) == {"Monday"}
        school.directory.requests.clear()
        yield school


@contextmanager
def ago(age: timedelta) -> Iterator[None]:
    """What is extracted, planned and saved in the block is so old."""

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - age

    with pytest.MonkeyPatch.context() as patch:
        for module in (run_files, planning):
            patch.setattr(module, "datetime", Earlier)
        yield


RIGHT = dict.fromkeys(STAY, "Tuesday")


def newest(school: School) -> Night:
    return school.broken_off()


def older(school: School) -> Night:
    night = school.broken_off()
    school.night("wednesday", WEDNESDAY).carry_out()
    school.directory.requests.clear()
    return night


def made_yesterday(school: School) -> Night:
    night = school.night("tuesday", TUESDAY)
    with ago(timedelta(hours=24, minutes=1)):
        night.carry_out(*TASKS[:5])
    return night


@dataclass(frozen=True)
class Case:
    """What is cleared of Tuesday's run.

    :param which: makes that run.
    :param fault: what ends it, none where nothing does.
    :param says: what the message says.
    :param writes: how many writes the directory carries out.
    """

    which: Callable[[School], Night]
    cleared: tuple[str, ...]
    writes: int
    fault: type[Exception] | None = None
    says: str = ""


FROM_PLAN = TASKS[TASKS.index("plan") :]
REST, ALL = len(STAY) - WRITTEN, len(STAY)
TOO_OLD = r"not applied after 24 hours\. Clear the run from `extract`\."
NEWER = r"superseded: .*the roll of 2026-09-15.* the run wednesday began to apply a newer one .*`allow_older`"
NOT_APPROVED = r"approve\.json of `approve` is gone.* Clear the run from"
CLEARED: dict[str, Case] = {
    "load alone writes the rest": Case(newest, ("load",), REST),
    "plan alone writes nothing": Case(newest, ("plan",), 0),
    "plan alone, and load alone after it, is not approved": Case(
        newest, ("plan", "load"), 0, PermanentFault, NOT_APPROVED
    ),
    "from plan on writes the rest": Case(newest, FROM_PLAN, REST + 2),
    "from extract on writes the rest": Case(newest, TASKS, REST + 2),
    "load alone of an older run": Case(older, ("load",), 0, Superseded, NEWER),
    "plan alone of an older run": Case(older, ("plan",), 0),
    "from plan on of an older run": Case(older, FROM_PLAN, 0, Superseded, NEWER),
    "from extract on of an older run": Case(older, TASKS, 0, Superseded, NEWER),
    "load alone of a plan of yesterday": Case(made_yesterday, ("load",), 0, PermanentFault, TOO_OLD),
    "plan alone of a run of yesterday": Case(made_yesterday, ("plan",), 0),
    "from plan on of a run of yesterday": Case(made_yesterday, FROM_PLAN, ALL + 2),
    "from extract on of a run of yesterday": Case(made_yesterday, TASKS, ALL + 2),
}


@pytest.mark.parametrize("case", CLEARED.values(), ids=CLEARED)
def test_what_is_cleared_decides_what_is_written(case: Case, school: School) -> None:
    night = case.which(school)
    before = school.surnames()
    with pytest.raises(case.fault, match=case.says) if case.fault else nullcontext():
        night.carry_out(*case.cleared)
    assert school.written == case.writes
    if not case.writes:
        assert school.surnames() == before
    elif "disable_leavers" in case.cleared:
        assert school.surnames() == RIGHT


def test_this_mornings_failed_run_does_not_undo_the_one_of_the_same_date_that_followed_it(school: School) -> None:
    morning = school.broken_off("morning")
    school.sims.change("students", {"person_id": 101}, surname="Corrected")
    school.night("noon", TUESDAY).carry_out()
    school.directory.requests.clear()
    with pytest.raises(Superseded, match=r"the run noon began to apply a newer one \(the roll of 2026-09-15"):
        morning.carry_out("load")
    assert school.written == 0
    assert school.surnames() == {**RIGHT, 101: "Corrected"}


def test_the_night_before_does_not_undo_one_that_broke_off_half_way_and_that_one_completes(school: School) -> None:
    tuesday = school.broken_off()
    before = school.surnames()
    assert sorted(before.values()) == ["Monday"] * (REST + 2) + ["Tuesday"] * WRITTEN
    with pytest.raises(Superseded, match="the run tuesday began to apply a newer one"):
        school.night("monday", MONDAY).carry_out()
    assert (school.written, school.surnames()) == (0, before)
    tuesday.carry_out("load", "approve_leavers", "disable_leavers")
    assert school.surnames() == RIGHT
    assert school.written == REST + 2


def test_allow_older_applies_an_older_roll_all_the_same_for_that_run_alone(school: School) -> None:
    older(school)
    assert set(school.surnames().values()) == {"Wednesday"}
    school.night("tuesday-again", TUESDAY, allow_older=True).carry_out()
    assert school.surnames() == RIGHT
    with pytest.raises(Skipped, match="superseded"):
        school.night("tuesday-once-more", TUESDAY).carry_out()


def test_a_mark_that_was_removed_after_the_plan_was_made_stops_the_run(school: School) -> None:
    night = school.night("tuesday", TUESDAY)
    night.carry_out(*TASKS[:5])
    night.run.state.folder.remove("mark.json")
    with pytest.raises(PermanentFault, match=r"mark.json\) was removed .* Clear the run from `plan`"):
        night.carry_out("load")
    assert school.written == 0
    night.carry_out("plan")
    assert any("mark is gone" in reason for reason in night.run.files.open(PlanFacts).facts.reasons)


def test_a_plan_is_not_written_to_another_directory_than_it_was_made_for(
    school: School, connect: Callable[..., None], tmp_path: Path
) -> None:
    night = school.night("tuesday", TUESDAY)
    night.carry_out(*TASKS[:5])
    with directory_server.running(tmp_path / "other.sqlite", token="token") as other:
        connect("directory_green_abbey", host=other.url, password="token")  # corrected while the plan waited, say
        with pytest.raises(PermanentFault, match=r"leads to another directory .* clear the run from `plan`"):
            night.carry_out("load")
        assert other.writes == school.written == 0


def test_what_an_earlier_version_planned_is_applied_by_this_one(school: School) -> None:
    tuesday = school.night("tuesday", TUESDAY)
    tuesday.carry_out("extract", "validate", "transform", "plan")
    files = tuesday.run.files
    for facts, tables in ((ValidateFacts, ("roll", "roll_emails")), (TransformFacts, ("accounts",))):
        output = files.open(facts)
        saved = {name: output.table(name).astype({"person_id": "Int64"}) for name in tables}
        files.save(output.facts, saved, counts=output.counts)
    plan = files.open(PlanFacts)
    without = {"plan": plan.document("plan"), "findings": plan.table("findings").astype({"person_id": "Int64"})}
    tuesday.told["plan"] = files.save(plan.facts, without, counts=plan.counts)
    tuesday.carry_out("approve", "load", "approve_leavers", "disable_leavers")
    assert school.surnames() == dict.fromkeys(STAY, "Tuesday")
