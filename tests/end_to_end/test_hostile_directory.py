"""Nights with a directory, or a network before it, that misbehaves (SPEC sections 3 and 5 to 7), through the whole DAG.

Whatever a run makes of it, the next good night must leave the directory right, and the night after it write nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hostile_nights import EXTENSION, LEFT, MONDAY, RENAMED, STAFF, Case, School, school_on_tuesday
from spoilt_scim import (
    Spoiler,
    cut,
    cut_short,
    first_page,
    late,
    lost,
    one_leaves_and_one_comes,
    operations,
    page,
    saying,
    status,
    sticky,
)

from sandbox.sims.database import Database
from sims_sync.airflow import settings
from sims_sync.directory import session

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Night

pytestmark = pytest.mark.slow

LIST, BULK, SINGLE, READ = r"GET .*/Users\?", "POST .*/Bulk", "(POST|PATCH) .*/Users", "GET .*/Users/"
DISABLING = '"path": "active"'
NO_BULK = {"bulk": False}
HALF = operations(lambda place: 500 if place % 2 else None)
CONNECTION = "directory_green_abbey"


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("monday")


@pytest.fixture
def offers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the directory offers; a test says so by a parameter."""
    return getattr(request, "param", {})


@pytest.fixture
def school(
    offers: dict[str, Any],
    monday: Path,
    tmp_path: Path,
    sims: Database,
    broker: Any,
    connect: Callable[..., None],
    dag_night: Night,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[School]:
    """A school on Tuesday morning; its failed tasks do not wait long."""
    monkeypatch.setitem(settings.DEFAULT_ARGS, "max_retry_delay", timedelta(seconds=0.1))
    with school_on_tuesday(sims, dag_night, connect, folder=tmp_path, monday=monday, offers=offers) as school:
        yield school


@pytest.fixture
def one_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not pass does not pass at the fourth try either."""
    monkeypatch.setitem(settings.DEFAULT_ARGS, "retries", 1)


def cases(table: dict[str, Case]) -> pytest.MarkDecorator:
    parameters = [pytest.param(each, each.offers, id=name) for name, each in table.items()]
    return pytest.mark.parametrize(("case", "offers"), parameters, indirect=["offers"])


PASSES: dict[str, Case] = {
    "discovery that is unwell, a bulk request too many, then too large for ever, a report that is not taken": Case(
        lambda: (
            Spoiler("GET .*/Schemas", status(503), status(500)),
            Spoiler(BULK, status(429), status(413), for_ever=True),
            Spoiler("/SyncReports", status(500)),
        ),
        sent=(f"{SINGLE}|/SyncReports", 18),
    ),
    "a list that is too much to ask, a web page, cut, cut short, and at last lies about its length": Case(
        lambda: (
            Spoiler(
                LIST,
                status(429, Retry_After="1"),
                page,
                cut,
                cut_short,
                saying(lambda list: {"totalResults": 7}),
                saying(lambda list: {"totalResults": 70}),
            ),
        ),
    ),
    "a 503 to a bulk request, a connection that is cut before it, and half of it that fails": Case(
        lambda: (Spoiler(BULK, status(503), cut, HALF),)
    ),
    "all written, but the answer comes too late, then is cut short, then is lost": Case(
        lambda: (Spoiler(BULK, late(2.5), cut_short, lost),), patience=2
    ),
    "all written, but every answer is lost where there is no bulk": Case(
        lambda: (Spoiler(SINGLE, *[lost] * 12),), offers=NO_BULK
    ),
    "all written, but the answer is lost where there are neither ETags nor filters": Case(
        lambda: (Spoiler(BULK, lost),), offers={"etag": False, "filter": False}
    ),
    "some written, but the answers are lost where there is neither bulk nor PATCH": Case(
        lambda: (Spoiler("(POST|PUT) .*/Users", lost, cut_short, status(500), status(412)),),
        offers={**NO_BULK, "patch": False},
    ),
    "a disabling that fails, one whose answer is lost, and a reading back that fails, and then answers in words": Case(
        lambda: (
            Spoiler(BULK, status(500), lost, body=DISABLING),
            Spoiler(READ, status(503), saying(lambda user: {"active": f"{user['active']}"}), for_ever=True),
        )
    ),
}


@cases(PASSES)
def test_what_passes_is_tried_again_until_all_is_right(
    case: Case, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TIMEOUT", (10.0, case.patience))
    case.assert_passed(school, school.bad_night(*case.spoilers()))
    school.assert_right()
    school.idle_night()


def test_what_the_directory_refuses_stops_those_records_only_and_is_told_of_a_leaver(school: School) -> None:
    refusals = {2: 400, 4: 409, 12: 400, 13: 409}
    ran = school.bad_night(
        Spoiler(BULK, operations(refusals.get)), Spoiler(BULK, operations({0: 400}.get), body=DISABLING)
    )
    assert ran.report
    assert (ran.state, ran.report["outcome"]) == ("failed", "failed")
    assert "refused to disable 1 account(s), which still work" in ran.report["reason"]
    assert ran.counts == {
        "extracted": 23, "created": 1, "updated": 10, "unchanged": 8, "rejected": 4, "disabled": 1,
    }  # fmt: skip
    (still_active,) = [person for person in LEFT if school.accounts(person)[0]["active"]]
    assert f"person {still_active}" in ran.report["reason"]
    assert ran.codes == {(person, "rejected_by_directory") for person in (103, 105, 132, 133)}
    assert school.good_night().counts == {
        "extracted": 23, "created": 2, "updated": 2, "unchanged": 19, "disabled": 1,
    }  # fmt: skip
    school.idle_night()


NOTHING_READ = {"created": 0, "updated": 0, "unchanged": 0, "disabled": 0, "failed": 23}
"""A run that does not get as far as a plan: no record meets its fate."""
NOTHING_WRITTEN = {"created": 0, "updated": 0, "disabled": 0, "failed": 15}

UNREADABLE: dict[str, Case] = {
    "a 401 to discovery": Case(
        lambda: (Spoiler("GET .*/ServiceProviderConfig", status(401), for_ever=True),),
        sent=("GET .*/ServiceProviderConfig", 2),  # of the task, and of the report, which cannot be sent
        breaks="plan",
        reason=CONNECTION,
    ),
    "a 403 to the list": Case(
        lambda: (Spoiler(LIST, status(403), for_ever=True),), sent=(LIST, 3), breaks="plan", reason=CONNECTION
    ),
    "a 404 to everything": Case(
        lambda: (Spoiler("", status(404), for_ever=True),), breaks="plan", reason="answered 404"
    ),
    "a 429 to the list that asks for half a day": Case(
        lambda: (Spoiler(LIST, status(429, Retry_After="43200"), for_ever=True),),
        sent=(LIST, 1),
        breaks="plan",
        reason="answered 429",
    ),
    "a total that is always too large": Case(
        lambda: (Spoiler(LIST, saying(lambda list: {"totalResults": list["totalResults"] + 1}), for_ever=True),),
        breaks="plan",
        reason="does not add up",
    ),
    "a total that is always that of the page": Case(
        lambda: (Spoiler(LIST, saying(lambda list: {"totalResults": len(list["Resources"])}), for_ever=True),),
        breaks="plan",
        reason="does not add up",
    ),
    "a list that always gives the first page": Case(
        lambda: (Spoiler(LIST, first_page, for_ever=True),), breaks="plan", reason="does not add up"
    ),
}
UNWRITABLE: dict[str, Case] = {
    "a 401 to a write": Case(
        lambda: (Spoiler(SINGLE, status(401), for_ever=True),), sent=(SINGLE, 1), breaks="load", reason=CONNECTION
    ),
    "a 429 to every write that asks for half a day": Case(
        lambda: (Spoiler(SINGLE, status(429, Retry_After="43200"), for_ever=True),),
        sent=(SINGLE, 10),
        breaks="load",
        reason="Stopped: a fifth of the writes, or more,",
    ),
    "a 500 to every write: after 10 of the 15 the task stops, twice": Case(
        lambda: (Spoiler(SINGLE, status(500), for_ever=True),),
        sent=(SINGLE, 20),
        breaks="load",
        reason="Stopped: a fifth of the writes, or more,",
    ),
}


@pytest.mark.usefixtures("one_retry")
@pytest.mark.parametrize(
    ("table", "counts", "offers"),
    [(UNREADABLE, NOTHING_READ, {"page_size": 10}), (UNWRITABLE, NOTHING_WRITTEN, NO_BULK)],
    ids=["read", "written"],
    indirect=["offers"],
)
def test_a_directory_that_cannot_be(school: School, table: dict[str, Case], counts: dict[str, int]) -> None:
    before = school.directory.users()
    for name, case in table.items():
        replace(case, counts=counts).assert_failed(school, school.bad_night(*case.spoilers()))
        assert school.directory.users() == before, name
    school.good_night()
    school.idle_night()


HALF_WRITTEN: dict[str, Case] = {
    "a 403 to one operation": Case(
        lambda: (Spoiler(BULK, operations({3: 403}.get), for_ever=True),),
        {"updated": 11, "disabled": 0, "failed": 1},
        sent=(BULK, 1),
        breaks="load",
        reason=CONNECTION,
    ),
    "half of a bulk request that always fails": Case(
        lambda: (Spoiler(BULK, HALF, for_ever=True),),
        {"created": 2, "updated": 6, "disabled": 0, "failed": 7},
        breaks="load",
        reason="7 of 15",
    ),
    "one account that is never what was seen, and one that is listed and never found": Case(
        lambda: (Spoiler("PATCH", sticky(412, 404), for_ever=True),),
        {"updated": 10, "disabled": 0, "failed": 2},
        offers=NO_BULK,
        breaks="load",
        reason="2 of 15",
    ),
    "a 503 to every disabling": Case(
        lambda: (Spoiler(BULK, status(503), for_ever=True, body=DISABLING),),
        {"disabled": 0},
        breaks="disable_leavers",
        reason="2 of 2",
    ),
    "a 200 to a disabling that does nothing": Case(
        lambda: (
            Spoiler(BULK, operations(lambda _: 200), for_ever=True, body=DISABLING),
            Spoiler("PATCH .*/Users", status(204), for_ever=True, body=DISABLING),
        ),
        {"disabled": 0},
        breaks="disable_leavers",
        reason=r"left 2 account\(s\) active",
    ),
}


@pytest.mark.usefixtures("one_retry")
@cases(HALF_WRITTEN)
def test_what_does_not_pass_fails_the_run_and_the_next_good_one_puts_all_right(case: Case, school: School) -> None:
    case.assert_failed(school, school.bad_night(*case.spoilers()))
    school.good_night()
    school.idle_night()


UNSEEN: dict[str, Case] = {
    "listed, but not found when they are written": Case(
        lambda: (Spoiler(BULK, *[operations({0: 404, 9: 404}.get)] * 2),)
    ),
    "on no page, because others write while the list is read": Case(
        lambda: (Spoiler(LIST, one_leaves_and_one_comes),), offers={"page_size": 10, "sort": False}
    ),
}


@cases(UNSEEN)
def test_accounts_are_not_created_twice_if_their_user_names_are_free_and_they_are(case: Case, school: School) -> None:
    for person_id in RENAMED:
        (account,) = school.accounts(person_id)
        school.directory.put_user({**account, "userName": f"chosen.by.{person_id}"})
    case.assert_passed(school, school.bad_night(*case.spoilers()))
    assert [user["userName"] for user in school.accounts(101)] == ["chosen.by.101"]
    school.assert_right((9002, 9003, 9009) if school.accounts(9009) else STAFF)
    school.idle_night()


def test_another_schools_directory_is_not_written(school: School) -> None:
    state = school.night(MONDAY, dry_run=True).folder.parent / "state"
    other = state.parents[1] / "other-school" / "state"
    other.mkdir(parents=True)
    (state / "claim.json").unlink()
    (other / "claim.json").write_text(json.dumps({"base_url": school.proxy.url}))
    refused = Case(lambda: (), NOTHING_READ, breaks="plan", reason="other-school")
    refused.assert_failed(school, school.bad_night())
    assert school.directory.writes == 0
    shutil.rmtree(other.parent)
    school.good_night()
    school.idle_night()


def make_somebody_elses(school: School, *people: int) -> list[dict[str, Any]]:
    """Give the accounts of these students another name, date of birth and admission number."""
    held = {"schoolIdentifier": "999999", "dateOfBirth": "1990-01-01"}
    for person in people:
        (account,) = school.accounts(person)
        other = {"name": {"givenName": "Mallory", "familyName": "Other"}, EXTENSION: {**account[EXTENSION], **held}}
        school.directory.put_user({**account, **other})
    return [school.accounts(person)[0] for person in people]


def test_accounts_of_other_people_and_two_of_one_person_are_neither_written_nor_disabled_until_they_are_put_right(
    school: School,
) -> None:
    twin = {name: value for name, value in school.accounts(104)[0].items() if name != "id"}
    twin["id"] = school.directory.put_user({**twin, "userName": "twin"})
    others = make_somebody_elses(school, 101, 102, 113)
    before = [*others, *school.accounts(104)]
    ran = school.bad_night()
    assert ran.state == "success"
    mismatches = {(person, "identity_mismatch") for person in (101, 102, 113)}
    assert ran.codes == {*mismatches, (104, "duplicate_account")}
    assert ran.counts == {
        "extracted": 23, "created": 3, "updated": 9, "unchanged": 7, "rejected": 4, "disabled": 2,
    }  # fmt: skip
    assert [user for person in (101, 102, 113, 104) for user in school.accounts(person)] == before
    for account in [*others, twin]:  # linked to whom they belong, as the report asks
        number = f"9{account['externalId']}"
        staff = {"externalId": number, "userName": f"teacher.{number}", "roles": [{"value": "staff"}], "name": {}}
        school.directory.put_user({**account, **staff})
    good = school.good_night(staff=(*STAFF, 9101, 9102, 9104, 9113))
    assert good.counts == {"extracted": 23, "created": 3, "updated": 1, "unchanged": 19}
    school.idle_night()


def test_more_than_3_accounts_of_other_people_hold_the_plan(school: School) -> None:
    make_somebody_elses(school, 101, 102, 103, 113)
    ran = school.bad_night(dry_run=True)  # which says what would hold it, and does not wait for a person
    assert ran.report
    assert [note for note in ran.report["notes"] if "identity_mismatch" in note and "would be held" in note]
    assert school.directory.writes == 0
