"""A plan over a limit waits for a person, in Airflow's real scheduler, answered over its REST API (SPEC section 7)."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from earlier_runs import EARLIER
from mail_server import Mailbox, mail_server, parts
from scheduled import School, scheduled_schools
from sims_sync.runs.reading import RunReader
from sims_sync.runs.state import SchoolState
from sims_sync.store.local import LocalFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAY, LEAVE, JOIN = range(101, 113), range(113, 121), (121,)
PERSON = {"forename": "Zebedee", "surname": "Quillfeather"}
ALERTED = ["data-team@example.org", "office@example.org"]
RUN = "tonight"
MANY = {"percent": 100, "floor": 100}
NO_JOINERS = {"create": {"percent": 0, "floor": 0}}
OF_ALL = {"limits": {**NO_JOINERS, "disable": MANY, "disable_7_days": MANY}}
"""One joiner is over a limit, which holds the whole plan; 8 leavers are not."""
HELD = "1 accounts would be created, beside 20 active student accounts; the limit (`limits.create`) is 0."
SCHOOLS: dict[str, dict[str, Any]] = {
    "approved": {"alert_emails": ALERTED, **OF_ALL},
    "rejected": OF_ALL,
    "lapsing": {"schedule": "* * * * *", **OF_ALL},
    "planned-anew": OF_ALL,
    "edited-plan": OF_ALL,
    "edited-manifest": OF_ALL,
    "departures": {"alert_emails": ALERTED},
    "both": {"limits": NO_JOINERS},
}


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[dict[str, School]]:
    """Schools where 8 of 20 students left, 12 have changes, and one joined, all on the night of a plan that is held."""
    with scheduled_schools(tmp_path_factory.mktemp("schools"), SCHOOLS, smtp_port=mailbox.port) as schools:
        for school in schools.values():
            school.ran_before()
            school.enrol((*STAY, *JOIN), **PERSON)
            for person_id in (*STAY, *LEAVE):
                school.directory.put_user(account_of(person_id))
            school.trigger(RUN)
        yield schools


def account_of(person_id: int) -> dict[str, Any]:
    return {
        "userName": f"{person_id:06d}",
        "externalId": f"{person_id}",
        "name": {"givenName": PERSON["forename"], "familyName": PERSON["surname"]},
        "emails": [{"type": "home", "value": f"person-{person_id}@example.org"}],
        "roles": [{"value": "student"}],
        "active": True,
    }


@pytest.fixture
def school(request: pytest.FixtureRequest, schools: dict[str, School]) -> School:
    """The school that the test names."""
    return schools[request.param]


def at(school_id: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("school", [school_id], indirect=True)


def assert_nothing_was_written(school: School) -> None:
    assert school.directory.writes == 0
    assert school.active() == {*STAY, *LEAVE}
    mark = SchoolState(LocalFolder(school.stack.store), school.id).mark()
    assert mark
    assert mark.run_id == EARLIER


def ended_held(school: School) -> dict[str, Any]:
    """The report of a run that nobody approved."""
    assert school.wait(RUN) == "failed"
    tasks = school.tasks(RUN)
    assert tasks["approve"] == "failed"
    assert {tasks[task] for task in ("load", "approve_leavers", "disable_leavers")} == {"upstream_failed"}
    assert tasks["report"] == "success"
    report = school.report(RUN)
    assert report["outcome"] == "held", report["reason"]
    assert HELD in report["reason"]
    assert_nothing_was_written(school)
    return report


def waits(school: School) -> tuple[str, ...]:
    """Why the run waits for an approval, as mails and pages see it."""
    return RunReader(LocalFolder(school.folder(RUN))).waits_for_approval()


def hash_of_plan(school: School) -> str:
    return hashlib.sha256((school.folder(RUN) / "plan.json").read_bytes()).hexdigest()


def hash_in(question: dict[str, Any]) -> str:
    found = re.search("Plan `([0-9a-f]{12})`", question["body"])
    assert found
    return found[1]


@at("approved")
def test_a_held_plan_waits_and_says_why_with_its_numbers_and_its_hash(school: School) -> None:
    question = school.question(RUN)
    assert question["options"] == ["Approve", "Reject"]
    assert question["subject"] == "School approved: approve 21 changes?"
    lines = question["body"].splitlines()
    assert [line for line in lines if line.startswith("- ")] == [f"- {HELD}"]
    for row in ("| to create | 1 |", "| to update | 12 |", "| to disable | 8 |", "| unchanged | 0 |"):
        assert row in lines
    assert re.search(r"lapses at \d\d:\d\d on \w+ \d\d \w+ \(Europe/London\)", question["body"])
    assert hash_in(question) == hash_of_plan(school)[:12]
    assert waits(school) == (HELD,)
    assert_nothing_was_written(school)


@at("approved")
def test_the_data_team_is_mailed_the_numbers_and_the_link_and_no_personal_data(
    school: School, mailbox: Mailbox
) -> None:
    school.question(RUN)
    ((to, mail),) = [each for each in mailbox.mails if "School approved" in each[1]["Subject"]]
    assert to == ALERTED
    assert mail["Subject"] == "[sims-sync] School approved: approve 21 changes?"
    link = f"{school.stack.url}/dags/{school.dag_id}/runs/{RUN}/tasks/approve/required_actions?map_index=-1"
    for part in map(html.unescape, parts(mail)):
        words = " ".join(part.split())
        assert HELD in re.sub('"|</?code>', "`", words), "which names a key in quotes, or as code"
        assert "lapses at" in words
        assert link in part
        for value in (*PERSON.values(), "person-", "000113", "2012-"):
            assert value not in part


@at("approved")
def test_a_held_plan_is_written_once_a_person_has_approved_it(school: School) -> None:
    school.question(RUN)
    school.answer(RUN, "Approve")
    with pytest.raises(requests.HTTPError, match="409"):
        school.answer(RUN, "Reject")
    assert school.wait(RUN) == "success"
    assert school.active() == {*STAY, *JOIN}
    assert set(school.accounts()) == {*STAY, *LEAVE, *JOIN}
    assert school.counts(RUN) == {"extracted": 13, "created": 1, "updated": 12, "disabled": 8}
    report = school.report(RUN)
    assert report["outcome"] == "success"
    assert "The plan was held, and approved by admin." in report["notes"]
    assert waits(school) == ()


@at("rejected")
def test_a_rejected_plan_fails_the_run_and_clearing_plans_anew(school: School) -> None:
    school.question(RUN)
    school.answer(RUN, "Reject")
    assert "admin rejected the plan" in ended_held(school)["reason"]
    school.sims.put_student(113, **PERSON)
    school.clear(RUN, "extract")
    assert school.wait(RUN) == "failed"
    assert school.tasks(RUN)["approve"] == "failed", "Airflow would show the numbers of the plan before"
    report = school.report(RUN)
    assert report["outcome"] == "failed"
    assert HELD in report["reason"]
    assert f"Trigger the DAG again with `effective_date` {report['effective_date']}" in report["reason"]
    assert_nothing_was_written(school)
    school.sims.delete("students", {"person_id": JOIN[0]})
    school.clear(RUN, "extract")
    assert school.wait(RUN) == "success", "nobody joins"
    assert school.active() == {*STAY, 113}


@at("lapsing")
def test_a_plan_that_nobody_answers_lapses_before_the_next_run_is_due(school: School) -> None:
    school.wait_for(RUN, "approve", "failed")
    assert "Nobody approved the plan in time" in ended_held(school)["reason"]


@at("planned-anew")
def test_an_approval_is_for_the_plan_that_was_asked_about_alone_and_nothing_is_written_without_one(
    school: School,
) -> None:
    asked = hash_in(school.question(RUN))
    school.clear(RUN, "plan", alone=True)
    school.wait_for(RUN, "plan", "success")
    assert hash_in(school.question(RUN)) == asked != hash_of_plan(school)[:12]
    assert waits(school) == (), "nobody was asked about the plan that is there now"
    school.answer(RUN, "Approve")
    assert school.wait(RUN) == "failed"
    assert school.report(RUN)["outcome"] == "failed"
    assert "made anew after its approval was asked for" in school.report(RUN)["reason"]
    assert_nothing_was_written(school)

    school.stack.airflow.mark(school.dag_id, RUN, "approve", "success")
    school.clear(RUN, "load")
    assert school.wait(RUN) == "failed"
    assert school.tasks(RUN)["load"] == "failed"
    report = school.report(RUN)
    assert report["outcome"] == "failed"
    assert "marked as done by hand" in report["reason"]
    assert "Required Actions" in report["reason"]
    assert_nothing_was_written(school)


@pytest.mark.parametrize(
    ("school", "file", "fails"),
    [("edited-plan", "plan/plan.json", "load"), ("edited-manifest", "plan.json", "approve")],
    indirect=["school"],
)
def test_a_plan_whose_files_were_changed_after_the_approval_was_asked_for_is_refused(
    school: School, file: str, fails: str
) -> None:
    school.question(RUN)
    path = school.folder(RUN) / file
    document = json.loads(path.read_text())
    document["counts"]["disable"] = 0
    path.write_text(json.dumps(document))
    school.answer(RUN, "Approve")
    assert school.wait(RUN) == "failed"
    assert school.tasks(RUN)[fails] == "failed"
    report = school.report(RUN)
    assert report["outcome"] == "failed"
    assert "The run file plan.json is not the one that `plan` wrote" in report["reason"]
    assert "Clear the run from `plan`" in report["reason"]
    assert_nothing_was_written(school)


@at("departures")
def test_departures_that_are_refused_leave_all_else_written_and_the_answer_holds_when_the_task_is_cleared(
    school: School, mailbox: Mailbox
) -> None:
    question = school.question(RUN, "approve_leavers")
    assert question["options"] == ["Approve", "Reject"]
    assert question["subject"] == "School departures: disable 8 accounts?"
    assert "8 of 20 active student accounts would be disabled" in question["body"]
    assert hash_in(question) == hash_of_plan(school)[:12]
    assert (school.tasks(RUN)["approve"], school.tasks(RUN)["load"]) == ("success", "success")
    assert school.active() == {*STAY, *LEAVE, *JOIN}, "the joiner has an account, and the leavers still have theirs"
    ((to, mail),) = [each for each in mailbox.mails if "School departures" in each[1]["Subject"]]
    assert to == ALERTED
    assert mail["Subject"] == "[sims-sync] School departures: disable 8 accounts?"
    link = f"{school.stack.url}/dags/{school.dag_id}/runs/{RUN}/tasks/approve_leavers/required_actions?map_index=-1"
    assert all(link in html.unescape(part) for part in parts(mail))

    school.answer(RUN, "Reject", "approve_leavers")
    assert school.wait(RUN) == "failed"
    for _ in range(2):
        tasks = school.tasks(RUN)
        assert (tasks["approve_leavers"], tasks["disable_leavers"], tasks["report"]) == (
            "failed", "upstream_failed", "success",
        )  # fmt: skip
        report = school.report(RUN)
        assert report["outcome"] == "held"
        assert "admin rejected the departures: created and changed; nobody was disabled" in report["reason"]
        assert school.counts(RUN) == {"extracted": 13, "created": 1, "updated": 12}
        school.clear(RUN, "approve_leavers")
        assert school.wait(RUN) == "failed", "it is not asked about again"
    assert school.active() == {*STAY, *LEAVE, *JOIN}

    school.enrol((113, 114, 115), **PERSON)
    assert school.night("the-next") == "success", "5 are within the limits"
    assert school.active() == {*STAY, *JOIN, 113, 114, 115}


@at("both")
def test_a_plan_may_be_approved_without_its_departures(school: School) -> None:
    question = school.question(RUN)
    assert question["options"] == ["Approve all", "Approve without departures", "Reject"]
    assert_nothing_was_written(school)
    school.answer(RUN, "Approve without departures")
    assert school.wait(RUN) == "failed"
    tasks = school.tasks(RUN)
    assert (tasks["approve"], tasks["load"], tasks["approve_leavers"]) == ("success", "success", "failed")
    report = school.report(RUN)
    assert report["outcome"] == "held"
    assert (
        "admin approved the plan without its departures: created and changed; nobody was disabled" in report["reason"]
    )
    assert school.counts(RUN) == {"extracted": 13, "created": 1, "updated": 12}
    assert school.active() == {*STAY, *LEAVE, *JOIN}
