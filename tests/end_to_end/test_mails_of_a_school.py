"""What a school's nights mail: one mail for each event, and never the same one night after night."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from mail_server import Mailbox, mail_server, parts
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from tests.end_to_end.conftest import TODAY, Night

pytestmark = pytest.mark.slow

PERSON = {"forename": "Zebedee", "surname": "Quillfeather"}


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection))
        yield mailbox


@pytest.fixture
def school(sims: Database, broker: Broker, directory: Running, connect: Callable[..., None]) -> Callable[..., None]:
    """Puts students on roll; and sets the password with which the sync comes to SIMS."""
    for person_id in range(101, 113):
        sims.put_student(person_id, **PERSON)

    def log_in_with(password: str) -> None:
        connect("sims_green_abbey", host=broker.url, login="sync", password=password)

    return log_in_with


def nights(number: int) -> Iterator[date]:
    return (TODAY + timedelta(days=each) for each in range(number))


def test_a_good_night_mails_nothing(school: Callable[..., None], dag_night: Night, mailbox: Mailbox) -> None:
    for each in nights(2):
        assert dag_night(each).state == "success"
    assert mailbox.subjects == []


def test_a_continued_failure_is_told_once_and_its_end_once(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox
) -> None:
    first, second, third, fourth = nights(4)
    school("wrong")
    assert dag_night(first).state == "failed"
    assert mailbox.subjects == ["[sims-sync] Green Abbey School: SIMS refused the password"]
    dag_night(second)
    assert len(mailbox.mails) == 1, "told already"
    school("secret")
    assert dag_night(third).state == "success"
    dag_night(fourth)
    assert mailbox.subjects[1:] == ["[sims-sync] Green Abbey School: works again"]
    assert mailbox.mails[0][0] == ["data-team@example.org"]


def test_another_failure_is_told_while_the_first_one_goes_on(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox, sims: Database
) -> None:
    first, second, third = nights(3)
    school("wrong")
    dag_night(first)
    school("secret")
    for person_id in range(101, 113):
        sims.leave(person_id, first)
    dag_night(second)
    school("wrong")
    dag_night(third)
    assert [subject.rpartition(": ")[2] for subject in mailbox.subjects] == [
        "SIMS refused the password",
        "the roll from SIMS was refused",
        "SIMS refused the password",
    ]


def test_a_dry_run_neither_tells_of_a_failure_nor_of_its_end(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox
) -> None:
    school("wrong")
    dag_night(dry_run=True)
    assert mailbox.subjects == []
    dag_night()
    school("secret")
    dag_night(dry_run=True)
    assert len(mailbox.mails) == 1


def test_a_run_for_some_students_alone_that_failed_is_told_and_does_not_fail_the_school(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox
) -> None:
    first, second, third, fourth = nights(4)
    school("wrong")
    dag_night(first, only_person_ids=[101])
    assert mailbox.subjects == ["[sims-sync] Green Abbey School: SIMS refused the password"]
    school("secret")
    dag_night(second)
    school("wrong")
    dag_night(third)
    dag_night(fourth, only_person_ids=[101])
    assert len(mailbox.mails) == 2, "a good night after it says nothing, and the failure of a night is news"


def test_records_are_told_of_when_they_change_and_only_then(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox, sims: Database
) -> None:
    first, second, third, fourth = nights(4)
    sims.put_student(120, **{**PERSON, "surname": None})
    dag_night(first)
    dag_night(second)
    sims.leave(120, second)
    sims.put_student(121, **PERSON, email=None)
    dag_night(third)
    sims.leave(121, third)
    dag_night(fourth)
    assert [subject.rpartition(": ")[2] for subject in mailbox.subjects] == [
        "1 new, 0 solved",
        "1 new, 1 solved",
        "0 new, 1 solved",
    ]


def test_no_mail_holds_a_value_of_a_person(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox, sims: Database
) -> None:
    first, second, third = nights(3)
    sims.put_student(120, **{**PERSON, "surname": None})
    dag_night(first)
    school("wrong")
    dag_night(second)
    school("secret")
    dag_night(third)
    assert len(mailbox.mails) == 3
    for _, mail in mailbox.mails:
        for part in (*parts(mail), str(mail["Subject"])):
            assert not [value for value in (*PERSON.values(), "person-120", "000120", "2012-") if value in part]


def test_a_mail_that_cannot_be_sent_changes_nothing_and_is_sent_the_next_night(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, sims: Database
) -> None:
    first, second, third = nights(3)
    nobody = {**mailbox.connection, "port": 9}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(nobody))
    sims.put_student(120, **{**PERSON, "surname": None})
    assert dag_night(first).state == "success"
    school("wrong")
    failed = dag_night(second)
    assert (failed.tasks["extract"], failed.tasks["report"]) == ("failed", "success")
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mailbox.connection))
    dag_night(third)
    assert mailbox.subjects == ["[sims-sync] Green Abbey School: SIMS refused the password"]


def test_a_lost_memory_of_what_was_told_tells_it_again(
    school: Callable[..., None], dag_night: Night, mailbox: Mailbox, tmp_path: Path
) -> None:
    first, second = nights(2)
    school("wrong")
    dag_night(first)
    (tmp_path / "store" / "green-abbey" / "state" / "notices.json").write_text("{")
    assert dag_night(second).state == "failed"
    assert len(mailbox.mails) == 2
