"""What Airflow's real scheduler, DAG processor and triggerer mail: one mail for each event, whoever notices it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mail_server import Mailbox, mail_server, parts
from proxy import Forward, Reply, Request, pass_on
from scheduled import School, scheduled_schools

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RUN = "tonight"
DATA_TEAM, OFFICE = "data-team@example.org", "office@example.org"
SCHOOLS: dict[str, dict[str, Any]] = {
    "refused": {},
    "retried": {},
    "stopped": {},
    "unreported": {},
    "late": {"late_after_minutes": 1},
    "held": {"late_after_minutes": 1, "schedule": f"0 {(datetime.now(UTC).hour + 12) % 24} * * *", "timezone": "UTC"},
}
STOPS_SOON = """
from datetime import timedelta

def dag_policy(dag):
    if dag.dag_id.endswith("__stopped"):
        dag.dagrun_timeout = timedelta(seconds=25)
"""
SLOW = 80  # seconds; longer than the minute after which a run is late


def never_well(request: Request, forward: Forward) -> Reply:
    return Reply(503)


def slow(request: Request, forward: Forward) -> Reply:
    time.sleep(SLOW)
    return forward(request)


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[dict[str, School]]:
    """Each school has its own trouble on this night."""
    named = {name: {"alert_emails": [DATA_TEAM], **own} for name, own in SCHOOLS.items()}
    folder = tmp_path_factory.mktemp("schools")
    with scheduled_schools(folder, named, smtp_port=mailbox.port, policies=STOPS_SOON) as schools:
        for school in schools.values():
            school.enrol(range(101, 113))
        for person_id in range(201, 213):
            schools["held"].directory.put_user(
                {"userName": str(person_id), "externalId": str(person_id), "roles": [{"value": "student"}]}
            )
        schools["refused"].sims.put_school(la="999")
        schools["retried"].proxy.meddle = never_well
        schools["stopped"].proxy.meddle = schools["late"].proxy.meddle = slow
        state(schools["unreported"]).mkdir(parents=True)
        (state(schools["unreported"]) / "failing.json").write_text("{")
        schools["held"].trigger(RUN, datetime.now(UTC))
        schools["held"].question(RUN)  # is asked within the minute after which the run is late
        for school in schools.values():
            if school.id != "held":
                school.trigger(RUN, datetime.now(UTC))
        yield schools


def state(school: School) -> Path:
    return school.folder(RUN).parent / "state"


def wait_for(mailbox: Mailbox, subject: str, seconds: float = 120) -> tuple[str, str]:
    """The parts of the one mail with this subject; no second one comes for some seconds after."""
    deadline = time.monotonic() + seconds
    while not mailbox.about(subject):
        assert time.monotonic() < deadline, f"no mail about {subject!r}: {mailbox.subjects}"
        time.sleep(0.5)
    time.sleep(5)
    (mail,) = mailbox.about(subject)
    return parts(mail)


def test_a_task_that_failed_for_good_and_the_failure_of_its_run_are_one_mail(
    schools: dict[str, School], mailbox: Mailbox
) -> None:
    school = schools["refused"]
    assert school.wait(RUN) == "failed"
    text, _ = wait_for(mailbox, "School refused")
    assert mailbox.about("School refused")[0]["Subject"] == "[sims-sync] School refused: the roll from SIMS was refused"
    assert f"{school.stack.url}/dags/{school.dag_id}/runs/{RUN}/plugin/student-sync-run" in text


def last_words(school: School, task: str, attempt: int) -> tuple[str, int]:
    """What the log of a task says last, and in how many groups of the log view it is folded."""
    logs = school.stack.folder / "airflow" / "logs" / f"dag_id={school.dag_id}" / f"run_id={RUN}" / f"task_id={task}"
    deep, last = 0, ("", 0)
    for line in (logs / f"attempt={attempt}.log").read_text().splitlines():
        event = str(json.loads(line)["event"])
        if "::group::" in event or "::endgroup::" in event:
            deep = max(0, deep + (1 if "::group::" in event else -1))
        else:
            last = event, deep
    return last


def test_the_log_of_a_task_ends_with_what_to_do_outside_of_airflows_groups(schools: dict[str, School]) -> None:
    assert schools["refused"].wait(RUN) == "failed"
    words, deep = last_words(schools["refused"], "extract", 1)
    assert words.startswith("What to do: Correct the connection")
    assert deep == 0


def test_retries_are_not_mailed_and_their_end_is(schools: dict[str, School], mailbox: Mailbox) -> None:
    assert schools["retried"].wait(RUN) == "failed"
    assert last_words(schools["retried"], "plan", 1)[0].startswith("What to do: nothing yet.")
    text, _ = wait_for(mailbox, "School retried: the directory could not be used")
    assert "Nothing was written" in text


def test_a_run_that_airflow_stops_is_mailed_though_no_task_can_tell(
    schools: dict[str, School], mailbox: Mailbox
) -> None:
    assert schools["stopped"].wait(RUN) == "failed"
    text, _ = wait_for(mailbox, "School stopped: the run was stopped")
    assert "timed_out" in text
    assert "no report was made" in " ".join(text.split())


def test_a_report_that_cannot_be_written_is_mailed_though_the_run_is_green(
    schools: dict[str, School], mailbox: Mailbox
) -> None:
    schools["unreported"].wait(RUN)
    wait_for(mailbox, "School unreported: the report could not be written")


def test_a_late_run_is_mailed_while_it_goes_on(schools: dict[str, School], mailbox: Mailbox) -> None:
    text = " ".join(wait_for(mailbox, "School late: the run is late", 150)[0].split())
    assert 'It is at "plan".' in text
    schools["late"].proxy.meddle = pass_on


def test_a_run_that_waits_for_an_approval_is_not_called_late(schools: dict[str, School], mailbox: Mailbox) -> None:
    wait_for(mailbox, "School late: the run is late", 150)  # the other one's deadline was before
    assert [mail["Subject"] for mail in mailbox.about("School held")] == [
        "[sims-sync] School held: approve 24 changes?"
    ]


def test_a_school_that_works_again_is_mailed_once(schools: dict[str, School], mailbox: Mailbox) -> None:
    school = schools["retried"]
    school.wait(RUN)
    school.proxy.meddle = pass_on
    assert school.night("the-next-night") == "success"
    assert school.night("the-night-after") == "success"
    wait_for(mailbox, "School retried: works again")


def test_the_daily_digest_tells_each_recipient_which_schools_still_fail(
    schools: dict[str, School], mailbox: Mailbox
) -> None:
    school = schools["refused"]
    school.wait(RUN)
    airflow = school.stack.airflow
    airflow.trigger("sims_sync_digest", run_id="first-morning")
    assert airflow.wait("sims_sync_digest", "first-morning", 120) == "success"
    assert not mailbox.about("still fail"), "last night's failures were mailed when they happened"
    notices = json.loads((state(school) / "notices.json").read_text())
    notices["failing"]["since"] = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    (state(school) / "notices.json").write_text(json.dumps(notices))
    airflow.trigger("sims_sync_digest", run_id="second-morning")
    assert airflow.wait("sims_sync_digest", "second-morning", 120) == "success"
    text, _ = wait_for(mailbox, "still fail")
    assert "School refused" in text
    assert "School retried" not in text, "it works again"
    assert "/plugin/student-sync-schools" in text
