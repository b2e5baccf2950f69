"""A directory that refuses records as such stops the task (SPEC section 7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csv_folder import CsvFolder
from nights_without_airflow import Night
from proxy import Forward, Meddle, Proxy, Reply, Request, pass_on, proxy_to
from sandbox.directory import server
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.changes.apply import Result
from sims_sync.changes.refusals_as_such import RefusalsAsSuch
from sims_sync.model.errors import PermanentFault
from sims_sync.store.local import LocalFolder
from sims_sync.ui.airflow_runs import AirflowRun
from sims_sync.ui.history import History
from sims_sync.ui.run_page import run_page
from sims_sync.ui.student_page import student_page
from sims_sync.ui.words import Label

MONDAY = date(2026, 9, 14)


def refused(person: object, kind: Any = "create", told: str = "status 400") -> Result:
    return Result(kind, str(person), None, None, "rejected", "rejected_by_directory", told)


def done(person: object, kind: Any = "create") -> Result:
    return Result(kind, str(person), None, None, "done")


@given(st.lists(st.booleans(), max_size=60))
def test_the_first_10_of_a_kind_all_refused_or_half_of_at_least_20_stop_the_task(refusals: list[bool]) -> None:
    counted = RefusalsAsSuch()
    for person, is_refused in enumerate(refusals):
        counted.count(refused(person) if is_refused else done(person))
        counted.count(done(person, "update"))
    number, of = sum(refusals), len(refusals)
    if (of >= 10 and number == of) or (of >= 20 and number * 2 >= of):
        with pytest.raises(PermanentFault, match=f"refused {number} of {of} accounts that were to be created"):
            counted.check()
    else:
        counted.check()


def test_records_refused_with_the_same_answer_at_the_last_applied_run_count_for_neither() -> None:
    counted = RefusalsAsSuch({str(person): "status 400" for person in range(30)})
    for person in range(30):
        counted.count(refused(person))
    counted.check_end()
    assert counted.newly_refused == 0
    for person in range(30):
        counted.count(refused(person, told="status 400, uniqueness"))
    with pytest.raises(PermanentFault):
        counted.check()


def test_two_or_more_new_creates_all_refused_with_one_answer_fail_the_task_at_its_end() -> None:
    """Whichever attributes it names, and whatever is said of others."""
    counted = RefusalsAsSuch()
    counted.count(refused(1, told="status 400, emails"))
    counted.count(refused(9, "update", told="status 400, mutability"))
    counted.check_end()
    counted.count(refused(2, told="status 400, phoneNumbers"))
    counted.check()
    with pytest.raises(PermanentFault, match="status 400"):
        counted.check_end()


@pytest.mark.parametrize("last", [done(3), refused(3, told="status 403")])
def test_and_not_where_one_was_created_or_the_answers_differ(last: Result) -> None:
    counted = RefusalsAsSuch()
    for result in (refused(1), refused(2), last):
        counted.count(result)
    counted.check_end()


@pytest.fixture(params=[True, False], ids=["in bulk", "alone"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    bulk: dict[str, Any] = {"bulk": True, "max_operations": 10} if request.param else {"bulk": False}
    with (
        server.running(tmp_path / "directory.sqlite", token="token", **bulk) as directory,
        proxy_to(directory.url) as proxy,
    ):
        yield proxy


@pytest.fixture
def school(tmp_path: Path, proxy: Proxy) -> SchoolWithoutAirflow:
    """After a night with 20 students."""
    (tmp_path / "source").mkdir()
    school = SchoolWithoutAirflow(LocalFolder(tmp_path / "store"), CsvFolder(tmp_path / "source"), proxy.url)
    assert night(school, range(101, 121)).fault is None
    return school


def night(school: SchoolWithoutAirflow, on_roll: Any) -> Night:
    assert isinstance(school.source, CsvFolder)
    student = {"forename": "Robin", "surname": "Example"}
    school.source.write("students", [{"person_id": f"p{n}", **student, "admission_number": f"{n}"} for n in on_roll])
    email = {"location": "H", "main": "T", "primary": "T"}
    school.source.write(
        "emails",
        [{"person_id": f"p{n}", "email_id": f"{n}", "email_address": f"p{n}@example.org", **email} for n in on_roll],
    )
    return school.night(MONDAY + timedelta(days=school.nights), approved_by="Anna")


def refusing(what: str, status: int = 400) -> Meddle:
    """A directory that refuses writes which hold this, alone or in bulk."""
    error = {"status": str(status), "scimType": "invalidValue", "detail": "no"}

    def meddle(request: Request, forward: Forward) -> Reply:
        if request.method == "GET" or what.encode() not in request.body:
            return forward(request)
        if not request.path.endswith("/Bulk"):
            return Reply(status, json.dumps(error).encode(), {"Content-Type": "application/scim+json"})
        operations = json.loads(request.body)["Operations"]
        answers = [
            {"method": each["method"], "bulkId": each.get("bulkId"), "status": str(status), "response": error}
            if what in json.dumps(each)
            else _alone(each, request, forward)
            for each in operations
        ]
        return Reply(200, json.dumps({"Operations": answers}).encode(), {"Content-Type": "application/scim+json"})

    return meddle


def _alone(operation: dict[str, Any], request: Request, forward: Forward) -> dict[str, Any]:
    body = {**json.loads(request.body), "Operations": [operation]}
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
    reply = forward(Request(request.method, request.path, headers, json.dumps(body).encode()))
    (answer,) = json.loads(reply.body)["Operations"]
    return dict(answer)


def active(school: SchoolWithoutAirflow) -> set[str]:
    return {each["externalId"] for each in school.users() if each["active"]}


def test_a_night_in_which_nobody_new_gets_an_account_is_not_green_and_touches_no_leaver(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    proxy.meddle = refusing("userName")
    told = night(school, range(103, 124))
    assert told.states["load"] == "failed"
    assert told.states["disable_leavers"] == "upstream_failed"
    assert "It is not the records" in str(told.fault)
    assert {"p101", "p102"} <= active(school)
    proxy.meddle = pass_on
    assert night(school, range(103, 124)).fault is None
    assert active(school) == {f"p{n}" for n in range(103, 124)}


def test_a_record_that_is_refused_every_night_stops_no_other(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    proxy.meddle = refusing("p130@example.org")
    for _ in range(2):
        told = night(school, [*range(102, 121), 130, 131])
        assert told.fault is None
        assert told.reported
        assert told.reported.report.counts["rejected"] == 1
    assert active(school) == {f"p{n}" for n in (*range(102, 121), 131)}


def test_leavers_are_not_disabled_after_a_load_that_rejected_more_than_the_limit_reject(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    proxy.meddle = refusing("p13")
    told = night(school, [*range(103, 121), *range(130, 138), *range(140, 150)])
    assert told.states["load"] == "success"
    assert told.states["disable_leavers"] == "failed"
    assert "limits.reject" in str(told.fault)
    assert {"p101", "p102", *(f"p{n}" for n in range(140, 150))} <= active(school)
    told = night(school, [*range(103, 121), *range(130, 138), *range(140, 150)])
    assert told.fault is None, "refused with the same answer as before"
    assert not {"p101", "p102"} & active(school)


def test_a_leaver_whose_disabling_is_refused_fails_the_task(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    proxy.meddle = refusing("disabledBySync")
    told = night(school, range(102, 121))
    assert told.states["disable_leavers"] == "failed"
    assert "person p101" in str(told.fault)
    assert "still work" in str(told.fault)
    assert "p101" in active(school)
    assert told.reported
    report = told.reported.report
    assert (report.errors, report.counts["rejected"], report.counts["disabled"]) == ((), 0, 0)
    runs = History(school.store).of(school.school.id)
    student = student_page(school.store, school.school, runs, "p101", wanted_run=None, may_see_values=True)
    assert student
    assert student.fate
    assert student.fate.label == Label("not disabled", "bad")
    assert student.fate.sentence == (
        "The person is not on roll; the directory refused to disable the account, which still works."
    )
    assert not student.fate.errors
    of_run = AirflowRun(report.run_id, "failed", None)
    for may_edit in (True, False):
        page = run_page(school.store, school.school, of_run, {}, may_edit=may_edit)
        assert page
        assert page.changes
        (change,) = [each for each in page.changes.rows if each.person_id == "p101"]
        assert (change.result, "status 400" in change.detail) == ("rejected", True)
        assert bool(change.prose) == may_edit, "its own words can name people"
