"""The digest tells the day before what begins in the year of the schools, once for each recipient."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mail_server import Mailbox, mail_server, parts
from sims_sync.airflow import digest

SUMMER = {"name": "Summer", "from": "07-15", "to": "09-15", "leavers_of": ["11"], "joiners": True}
MOVE = {"from": "2026-07-15", "to": "2026-07-16", "what": "all", "reason": "the platform moves"}
COMMON = {"la": "823", "estab": "4321", "modules": ["timetable"], "username": "email"}


def write(path: Path, *schools: dict[str, Any]) -> None:
    entries = [{"id": f"school-{n}", "name": f"School {n}", **COMMON, **own} for n, own in enumerate(schools)]
    path.write_text(json.dumps({"defaults": {"expected": [SUMMER]}, "schools": entries}))


def told(monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, now: datetime) -> dict[str, str]:
    """The subject of the mail of each recipient, on a morning."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now.astimezone(tz)

    monkeypatch.setattr(digest, "datetime", Now)
    mailbox.mails.clear()
    digest.mail_what_begins_tomorrow.function()
    return {",".join(to): mail["Subject"] for to, mail in mailbox.mails}


def test_each_recipient_is_told_once_the_day_before_and_on_no_other_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "schools.yaml"
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    trust, office = "trust@example.org", "office@example.org"
    write(
        config,
        {"alert_emails": [trust, office]},
        *({"alert_emails": [trust]} for _ in range(20)),
        {"alert_emails": [office], "expected": [], "pause": [MOVE]},
        {"alert_emails": ["nobody@example.org"], "expected": []},
        {"alert_emails": ["off@example.org"], "modules": []},
        {"alert_emails": ["far@example.org"], "timezone": "Pacific/Kiritimati"},
    )
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection))
        days = [date(2026, 7, 10) + timedelta(days=n) for n in range(70)]
        mornings = {day: datetime(day.year, day.month, day.day, 6, tzinfo=UTC) for day in days}
        mails = {day: found for day, at in mornings.items() if (found := told(monkeypatch, mailbox, at))}
        assert mails == {
            date(2026, 7, 14): {
                trust: "[sims-sync] 21 schools: Summer begins tomorrow",
                office: "[sims-sync] 2 schools: Summer and Pause begin tomorrow",
                "far@example.org": "[sims-sync] School 24: Summer begins tomorrow",
            }
        }
        told(monkeypatch, mailbox, mornings[date(2026, 7, 14)])
        text = " ".join(parts(next(mail for to, mail in mailbox.mails if to == [office]))[0].split())
        assert "15 July to 15 September: leavers of 11 and joiners expected" in text
        assert "no run reads or writes anything (the platform moves)" in text
        far = told(monkeypatch, mailbox, datetime(2026, 7, 13, 11, tzinfo=UTC))
        assert list(far) == ["far@example.org"], "there it is the 14th already"
