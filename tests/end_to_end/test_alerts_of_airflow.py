"""What the callbacks of Airflow tell, which see a run from outside: only what `report` could not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from invented_facts import EXTRACTED, TRANSFORMED, VALIDATED, planned
from mail_server import Mailbox, mail_server, parts
from sims_sync.airflow.alerts import on_report_failure, on_run_failure, run_is_late
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.mails.failure import Failure
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.night.news import after_report, failing
from sims_sync.night.reporting import Reported
from sims_sync.night.school import find_school
from sims_sync.runs.documents import PlanFacts, Report
from sims_sync.runs.files import RunFiles
from sims_sync.runs.report import ReportHead, build_report
from sims_sync.store.layout import state_folder
from sims_sync.store.local import LocalFolder

NOW = datetime(2026, 9, 15, 3, tzinfo=UTC)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mailbox]:
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path))
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection))
        yield mailbox


def reported(folder: Path, at: datetime) -> None:
    made = report(finished_at=at)
    RunFiles(LocalFolder(folder) / "green-abbey" / "tonight").save_report(made, made, b"")


def report(**own: Any) -> Report:
    head = ReportHead("green-abbey", "tonight", NOW.date(), "success", "", NOW, NOW)
    made = build_report(head, {"created": 1, "updated": 1, "disabled": 1}, pd.DataFrame(columns=FINDING_COLUMNS), {})
    return made.model_copy(update=own)


def context(**conf: Any) -> dict[str, Any]:
    """What Airflow hands to a callback; of it, what they read."""
    return {"dag_run": SimpleNamespace(run_id="tonight", start_date=NOW, conf=conf), "reason": "timed_out"}


def test_a_run_whose_report_told_it_is_not_told_again(mailbox: Mailbox, tmp_path: Path) -> None:
    reported(tmp_path, NOW + timedelta(minutes=5))
    on_run_failure("green-abbey")(context())
    assert mailbox.subjects == []


def test_the_report_of_an_earlier_try_does_not_keep_this_one_from_being_told(mailbox: Mailbox, tmp_path: Path) -> None:
    reported(tmp_path, NOW - timedelta(hours=5))
    on_run_failure("green-abbey")(context())
    assert mailbox.subjects == ["[sims-sync] Green Abbey School: the run was stopped"]


def test_a_report_that_failed_and_the_failure_of_its_run_are_one_mail(mailbox: Mailbox) -> None:
    on_report_failure("green-abbey")(context())
    on_run_failure("green-abbey")(context())
    assert mailbox.subjects == ["[sims-sync] Green Abbey School: the report could not be written"]


def test_a_dry_run_that_airflow_stops_is_nobodys_emergency(mailbox: Mailbox) -> None:
    on_run_failure("green-abbey")(context(dry_run=True))
    assert mailbox.subjects == []


@pytest.mark.parametrize(
    ("outcome", "meaning"), [("held", "Nothing was written"), ("failed", "3 accounts were written")]
)
def test_a_plan_that_was_not_approved_has_written_nothing_whatever_it_counts(
    mailbox: Mailbox, tmp_path: Path, outcome: str, meaning: str
) -> None:
    run: Any = SimpleNamespace(
        school=find_school("green-abbey"),
        run_id="tonight",
        parameters=SimpleNamespace(dry_run=False),
        is_whole=True,
        files=RunFiles(LocalFolder(tmp_path / "run")),
        state=SimpleNamespace(folder=LocalFolder(tmp_path / "state")),
    )
    failure = Failure(NOW, "tonight", "approve", "NotApproved", "Nobody approved the plan in time: it lapsed.")
    made = report(outcome=outcome)
    after_report(run, Reported(made, made, "", failure, is_whole_sync=False), AirflowPost())
    ((_, mail),) = mailbox.mails
    assert mail["Subject"] == "[sims-sync] Green Abbey School: the plan was not approved"
    assert meaning in parts(mail)[0]


def test_a_run_for_some_students_alone_that_airflow_stops_is_told_and_does_not_fail_the_school(
    mailbox: Mailbox, tmp_path: Path
) -> None:
    on_run_failure("green-abbey")(context(only_person_ids=[101]))
    assert mailbox.subjects == ["[sims-sync] Green Abbey School: the run was stopped"]
    assert failing(state_folder(LocalFolder(tmp_path), "green-abbey")) is None


def late(run_id: str = "tonight", **own: Any) -> dict[str, Any]:
    """What Airflow hands to the callback of the deadline."""
    due = datetime.now(UTC) - timedelta(hours=3)
    return {"dag_run": {"dag_run_id": run_id, "queued_at": due.isoformat(), "run_after": due.isoformat(), **own}}


@pytest.fixture
def held(mailbox: Mailbox, tmp_path: Path) -> RunFiles:
    """A run of tonight whose plan is over a limit."""
    files = RunFiles(LocalFolder(tmp_path) / "green-abbey" / "tonight")
    for facts in (EXTRACTED, VALIDATED, TRANSFORMED, planned(reasons=("8 of 20 accounts would be disabled.",))):
        files.save(facts, {}, counts={})
    return files


def test_a_plan_over_a_limit_whose_question_found_no_worker_is_told_as_late(held: RunFiles, mailbox: Mailbox) -> None:
    asyncio.run(run_is_late("green-abbey", 180, late()))
    ((_, mail),) = mailbox.mails
    assert mail["Subject"] == "[sims-sync] Green Abbey School: the run is late"
    assert 'It is at "approve".' in " ".join(parts(mail)[0].split())


def test_a_plan_that_a_person_was_asked_about_is_not_told_as_late(held: RunFiles, mailbox: Mailbox) -> None:
    held.record_question(held.open(PlanFacts), NOW + timedelta(hours=8))
    asyncio.run(run_is_late("green-abbey", 180, late()))
    assert mailbox.subjects == []


BEGAN = datetime.now(UTC) - timedelta(hours=3)


@pytest.mark.parametrize(
    ("own", "reported_at", "told"),
    [
        ({"state": "failed"}, None, 0),
        ({"state": "success"}, None, 0),
        ({"state": "running"}, None, 1),
        ({"state": "running", "start_date": BEGAN.isoformat()}, BEGAN + timedelta(minutes=1), 0),
        ({"state": "queued", "start_date": None}, BEGAN, 0),
        ({"state": "running", "start_date": BEGAN.isoformat()}, BEGAN - timedelta(minutes=1), 1),
    ],
)
def test_a_run_that_has_ended_is_not_late_and_one_that_was_cleared_and_goes_on_is(
    held: RunFiles, mailbox: Mailbox, tmp_path: Path, own: dict[str, Any], reported_at: datetime | None, told: int
) -> None:
    if reported_at is not None:
        reported(tmp_path, reported_at)
    asyncio.run(run_is_late("green-abbey", 180, late(**own)))
    assert len(mailbox.mails) == told


PAUSED_ON = "2026-10-01"


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"logical_date": f"{PAUSED_ON}T02:00:00+00:00"}, 0),
        ({"logical_date": None, "run_after": "2026-09-30T23:30:00Z"}, 0),
        ({"logical_date": f"{PAUSED_ON}T23:30:00+00:00"}, 1),
        ({"logical_date": f"{PAUSED_ON}T02:00:00+00:00", "conf": {"effective_date": "2026-09-30"}}, 1),
        ({"logical_date": "2026-09-30T02:00:00+00:00", "conf": {"effective_date": PAUSED_ON}}, 0),
    ],
)
def test_a_run_of_a_day_on_which_the_school_is_paused_is_never_late(
    held: RunFiles, mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, Any], told: int
) -> None:
    entry = find_school("green-abbey").model_dump(include={"id", "name", "la", "estab", "modules", "username"})
    pause = [{"from": PAUSED_ON, "to": PAUSED_ON, "what": "all", "reason": "the platform moves"}]
    config = tmp_path / "schools.yaml"
    config.write_text(json.dumps({"schools": [{**entry, "alert_emails": ["data-team@example.org"], "pause": pause}]}))
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    asyncio.run(run_is_late("green-abbey", 180, late(**own)))
    assert len(mailbox.mails) == told
