"""The whole DAG against the sandbox, night after night (SPEC sections 2 to 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night

from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_sync.config.schools_file import DEFAULT_CONFIG

EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16)

pytestmark = pytest.mark.usefixtures("broker")


def account(directory: Running, person_id: int) -> dict[str, Any]:
    (found,) = [user for user in directory.users() if user.get("externalId") == str(person_id)]
    return found


def test_the_first_night_creates_every_account_and_the_next_without_changes_writes_nothing(
    sims: Database, directory: Running, night: Night
) -> None:
    for person_id in range(101, 126):
        sims.put_student(person_id, mobile="07700 900123", address={"house_number": "7", "street": "High Street"})
    first = night(MONDAY)
    assert (first.state, first.counts) == ("success", {"extracted": 25, "created": 25})
    assert account(directory, 101)["roles"] == [{"value": "student"}]
    assert account(directory, 101)["active"] is True
    directory.requests.clear()
    second = night(TUESDAY)
    assert (second.state, second.counts) == ("success", {"extracted": 25, "unchanged": 25})
    assert directory.writes == 0


def test_a_quiet_night_asks_the_directory_what_it_offers_once_lists_its_accounts_and_sends_the_report(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.put_student(101)
    night(MONDAY)
    directory.requests.clear()
    assert night(TUESDAY).counts == {"extracted": 1, "unchanged": 1}
    asked = [
        f"{request.method} {request.path.partition('?')[0].removeprefix('/scim/v2')}" for request in directory.requests
    ]
    discovery = ["GET /ServiceProviderConfig", "GET /ResourceTypes", "GET /Schemas"]
    assert asked == [*discovery, "GET /Users", "GET /Users", "POST /SyncReports"]


def test_transform_needs_no_directory(
    sims: Database, directory: Running, night: Night, connect: Callable[..., None]
) -> None:
    sims.put_student(101)
    connect("directory_green_abbey", host="http://127.0.0.1:9/nobody", password="token")
    ran = night(MONDAY)
    assert (ran.tasks["transform"], ran.tasks["plan"]) == ("success", "failed")
    assert directory.requests == []


def test_joiners_leavers_returners_and_changes_each_meet_their_fate(
    sims: Database, directory: Running, night: Night
) -> None:
    staff = directory.put_user(
        {"userName": "head", "externalId": "9001", "roles": [{"value": "staff"}], "active": True}
    )
    sims.put_student(101, telephone="01632 960002")
    sims.put_student(102, valid_to=MONDAY)
    sims.put_student(103, surname="Older", telephone="01632 960001")
    assert night(MONDAY).counts == {"extracted": 3, "created": 3}

    sims.change("students", {"person_id": 103}, on=TUESDAY, surname="Newer")
    sims.end("telephones", {"person_id": 103}, MONDAY)
    sims.put_student(104, valid_from=TUESDAY)
    sims.put_student(105, forename="", valid_from=TUESDAY)
    tuesday = night(TUESDAY)
    assert tuesday.state == "success"
    assert tuesday.counts == {
        "extracted": 4, "created": 1, "updated": 1, "unchanged": 1, "rejected": 1, "disabled": 1,
    }  # fmt: skip
    assert tuesday.codes == {(105, "no_forename")}
    leaver = account(directory, 102)
    assert (leaver["active"], leaver[EXTENSION]["disabledBySync"]) == (False, True)
    assert leaver["name"]["familyName"], "no data is cleared"
    changed = account(directory, 103)
    assert changed["name"]["familyName"] == "Newer"
    assert not changed.get("phoneNumbers")

    sims.rejoin(102, WEDNESDAY)
    wednesday = night(WEDNESDAY)
    assert wednesday.counts["enabled"] == wednesday.counts["updated"] == 1
    back = account(directory, 102)
    assert back["active"] is True
    assert "disabledBySync" not in back[EXTENSION]
    assert next(user for user in directory.users() if user["id"] == staff)["active"] is True


def test_a_rejected_student_is_still_a_student(sims: Database, directory: Running, night: Night) -> None:
    sims.put_student(101)
    sims.put_student(102, forename="First")
    night(MONDAY)
    sims.change("students", {"person_id": 102}, on=TUESDAY, forename="Second", surname="")
    directory.requests.clear()
    tuesday = night(TUESDAY)
    assert tuesday.counts == {"extracted": 2, "unchanged": 1, "rejected": 1}
    assert directory.writes == 0
    assert account(directory, 102)["name"]["givenName"] == "First"


def test_a_student_without_person_id_means_that_nobody_is_disabled(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.put_student(101)
    sims.put_student(102, valid_to=MONDAY)
    night(MONDAY)
    sims.put_student(None, admission_number="000999", valid_from=TUESDAY, email=None)
    tuesday = night(TUESDAY)
    assert tuesday.tasks["disable_leavers"] == "skipped"
    assert tuesday.report
    assert "Person ID" in tuesday.report["reason"]
    assert tuesday.counts == {"extracted": 2, "unchanged": 1, "rejected": 1}
    assert account(directory, 102)["active"] is True


def test_a_dry_run_writes_nothing_and_says_what_a_real_one_would_do(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.put_student(101)
    ran = night(MONDAY, dry_run=True)
    assert ran.state == "success"
    assert ran.tasks["load"] == ran.tasks["disable_leavers"] == "skipped"
    assert ran.report
    assert ran.report["outcome"] == "dry_run"
    assert ran.counts == {"extracted": 1, "created": 1}
    assert directory.users() == []
    assert directory.reports() == []


@pytest.mark.usefixtures("with_a_past")
def test_only_these_person_ids_means_these_students_alone_and_no_leaver_check(
    sims: Database, directory: Running, night: Night
) -> None:
    for person_id in (101, 102, 103):
        sims.put_student(person_id)
    directory.put_user({"userName": "left", "externalId": "99", "roles": [{"value": "student"}], "active": True})
    ran = night(MONDAY, only_person_ids=[102])
    assert ran.counts == {"extracted": 1, "created": 1}
    assert ran.tasks["disable_leavers"] == "skipped"
    assert account(directory, 99)["active"] is True


def test_a_user_name_that_belongs_to_somebody_else_rejects_the_record(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.put_student(101, admission_number="004604")
    sims.put_student(102)
    directory.put_user({"userName": "004604", "externalId": "9001", "roles": [{"value": "staff"}], "active": True})
    ran = night(MONDAY)
    assert ran.state == "success"
    assert ran.counts == {"extracted": 2, "created": 1, "rejected": 1}
    assert ran.codes == {(101, "username_in_use")}


def test_the_report_is_sent_to_a_directory_that_takes_it(sims: Database, directory: Running, night: Night) -> None:
    sims.put_student(101)
    sims.put_student(102, surname="")
    night(MONDAY)
    (report,) = directory.reports()
    assert report["outcome"] == "success"
    assert report["counts"]["created"] == 1
    assert [(error["personId"], error["code"]) for error in report["errors"]] == [("102", "no_surname")]


def test_since_when_a_record_fails_is_kept_from_run_to_run(sims: Database, directory: Running, night: Night) -> None:
    sims.put_student(101)
    sims.put_student(102, surname="")
    night(MONDAY)
    ran = night(TUESDAY)
    assert ran.report
    assert [error["failing_since"] for error in ran.report["errors"]] == ["2026-09-14"]
    assert b"2026-09-14" in (ran.folder / "errors.csv").read_bytes()
    sims.leave(102, TUESDAY)
    solved = [night(TUESDAY + timedelta(days=days)).report for days in (1, 2)]
    assert [report and [each["record"] for each in report["solved"]] for report in solved] == [["102"], []], "once"


def test_a_directory_that_another_school_has_claimed_is_refused(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.put_student(101)
    first = night(MONDAY)
    state = first.folder.parent / "state"
    state.rename(first.folder.parent.parent / "other-school-state")
    other = first.folder.parent.parent / "other-school"
    other.mkdir()
    (first.folder.parent.parent / "other-school-state").rename(other / "state")
    directory.requests.clear()
    ran = night(TUESDAY)
    assert ran.state == "failed"
    assert ran.report
    assert "other-school" in ran.report["reason"]
    assert directory.writes == 0


def test_a_date_after_today_is_refused_unless_dry_run(sims: Database, directory: Running, dag_night: Night) -> None:
    sims.put_student(101)
    ran = dag_night(date(2099, 9, 1))
    assert ran.state == "failed"
    assert ran.tasks["extract"] == "failed"
    assert dag_night(date(2099, 9, 1), dry_run=True).state == "success"


def test_a_school_with_no_module_is_skipped_visibly_with_that_reason(
    broker: Broker, directory: Running, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "schools.yaml"
    config.write_text(DEFAULT_CONFIG.read_text().replace("[timetable]", "[]"))
    monkeypatch.setenv("SIMS_SYNC_CONFIG", str(config))
    ran = night(MONDAY)
    assert ran.state == "success"
    assert set(ran.tasks.values()) == {"skipped"}
    assert "no platform module" in (ran.folder / "extract.ended.json").read_text()
    assert broker.calls == []
    assert directory.requests == []


@pytest.mark.usefixtures("with_a_past")
def test_two_accounts_with_one_person_id_are_left_alone(sims: Database, directory: Running, night: Night) -> None:
    sims.put_student(101)
    sims.put_student(102)
    for name in ("first", "second"):
        directory.put_user({"userName": name, "externalId": "101", "roles": [{"value": "student"}], "active": True})
    ran = night(MONDAY)
    assert ran.counts == {"extracted": 2, "created": 1, "rejected": 1}
    assert ran.codes == {(101, "duplicate_account")}
    assert all(user["active"] for user in directory.users())


@pytest.mark.usefixtures("with_a_past")
def test_an_earlier_attempt_that_got_through_is_found_and_makes_no_duplicate(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.put_student(101)
    plan = night(MONDAY, dry_run=True)
    assert plan.counts["created"] == 1
    directory.put_user(
        {"userName": "000101", "externalId": "101", "roles": [{"value": "student"}], "name": {"givenName": "Robin"}}
    )
    ran = night(MONDAY)
    assert ran.counts == {"extracted": 1, "updated": 1}
    assert len(directory.users()) == 1


def test_a_school_that_began_with_some_students_alone_has_lost_no_mark(
    sims: Database, broker: Broker, directory: Running, night: Night
) -> None:
    for person_id in (101, 102):
        sims.put_student(person_id)
    assert night(only_person_ids=[101]).counts["created"] == 1
    ran = night()
    assert ran.counts["created"] == 1
    assert ran.report
    assert ran.report["notes"] == []
