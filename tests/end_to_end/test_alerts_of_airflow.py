"""What the callbacks of Airflow tell, which see a run from outside: only what `report` could not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mail_server import Mailbox, mail_server
from sims_sync.airflow.alerts import on_report_failure, on_run_failure
from sims_sync.runs import store

NOW = datetime(2026, 9, 15, 3, tzinfo=UTC)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mailbox]:
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path))
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection))
        yield mailbox


def reported(folder: Path, at: datetime) -> None:
    store.write(folder / "green-abbey" / "tonight" / "report.json", store.as_json({"finished_at": at.isoformat()}))


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
