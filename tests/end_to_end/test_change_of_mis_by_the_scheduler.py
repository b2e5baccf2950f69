"""The night after a change of MIS, in Airflow's real scheduler: held, then linked by a person (SPEC section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mail_server import Mailbox, mail_server, parts
from scheduled import School, scheduled_schools

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BEFORE, AFTER = range(101, 109), range(50101, 50109)
PERSON = {"forename": "Zebedee", "surname": "Quillfeather"}


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[School]:
    """A school whose 8 students have new Person IDs, and nothing else that is new."""
    settings: dict[str, dict[str, Any]] = {"renumbered": {"alert_emails": ["data-team@example.org"]}}
    with scheduled_schools(tmp_path_factory.mktemp("schools"), settings, smtp_port=mailbox.port) as schools:
        school = schools["renumbered"]
        school.ran_before()
        school.enrol(AFTER, **PERSON)
        for person_id, before in zip(AFTER, BEFORE, strict=True):
            school.directory.put_user(account_of(before, user_name=f"{person_id:06d}"))
        yield school


def account_of(person_id: int, user_name: str) -> dict[str, Any]:
    return {
        "userName": user_name,
        "externalId": f"{person_id}",
        "name": {"givenName": PERSON["forename"], "familyName": PERSON["surname"]},
        "roles": [{"value": "student"}],
        "active": True,
    }


def test_a_change_of_mis_is_held_and_linked_by_a_run_that_a_person_asks_for_and_approves(
    school: School, mailbox: Mailbox
) -> None:
    school.trigger("tonight")
    asked = school.question("tonight")
    assert "8 students have an account under another Person ID, as after a change of MIS: 8 likely" in asked["body"]
    (mail,) = mailbox.about("School renumbered")
    words = " ".join(parts(mail)[0].split())
    assert "8 students have an account under another Person ID" in words
    assert "link_accounts" in words
    school.answer("tonight", "Reject")
    assert school.wait("tonight") == "failed"
    assert school.directory.writes == 0

    school.trigger("linking", link_accounts="likely", link_except=[AFTER[0]])
    assert "7 accounts would be linked to students: 7 likely." in school.question("linking")["body"]
    assert "| to link to a student | 7 |" in school.question("linking")["body"]
    school.answer("linking", "Approve")
    assert school.wait("linking") == "success"
    report = school.report("linking")
    assert (report["counts"]["updated"], report["counts"]["rejected"]) == (7, 1)
    assert (report["counts"]["created"], report["counts"]["disabled"]) == (0, 0)
    assert school.active() == {BEFORE[0], *AFTER[1:]}

    school.directory.requests.clear()
    assert school.night("the-night-after") == "success"
    assert school.directory.writes == 0
