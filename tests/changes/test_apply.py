"""Writing a plan to a real directory that changes in between (SPEC sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

from sandbox.directory import server
from sims_sync.changes.apply import Result, apply_changes, replan_leaver, replan_student
from sims_sync.changes.plan import PlanOptions, make_plan
from sims_sync.directory.discovery import discover
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint, scim_adapter
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION

COLUMNS = [attribute.column for attribute in ATTRIBUTES]
OPTIONS = PlanOptions()
NO_EMAILS = pd.DataFrame({"person_id": pd.array([], "str"), "email": pd.array([], "str")})


@pytest.fixture(params=[True, False], ids=["with ETags", "with a re-read"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[server.Running]:
    with server.running(tmp_path / "directory.sqlite", token="token", etag=request.param) as running:
        yield running


@pytest.fixture
def directory(running: server.Running) -> Directory:
    session = requests.Session()
    session.mount("http://", scim_adapter())
    session.headers["Authorization"] = "Bearer token"
    endpoint = Endpoint(session, running.url, "directory_green_abbey")
    return Directory(endpoint, discover(endpoint), STANDARD)


def student(person_id: int, **values: Any) -> pd.DataFrame:
    """One student as the account should be."""
    row = {
        **dict.fromkeys(COLUMNS),
        "person_id": str(person_id),
        "user_name": f"{person_id:06d}",
        "given_name": "Robin",
        "family_name": "Example",
        "free_school_meals": False,
        "sen_information": "[]",
        "keep": [],
        "user_name_from_email": False,
        **values,
    }
    texts = {column: "str" for column in COLUMNS if column != "free_school_meals"}
    return pd.DataFrame([row]).astype({"person_id": "str", "free_school_meals": "boolean", **texts})


def account(**values: Any) -> dict[str, Any]:
    return {
        "userName": "000101",
        "externalId": "101",
        "active": True,
        "name": {"givenName": "Robin", "familyName": "Example"},
        "roles": [{"value": "student"}],
        EXTENSION: {"freeSchoolMeals": False},
        **values,
    }


def write(directory: Directory, should: pd.DataFrame, between: Any = None) -> list[Result]:
    """Plan, let something happen in between, write."""
    roll = should[["person_id", "school_identifier"]]
    plan = make_plan(should, account_table(directory.list_accounts(), STANDARD), roll, NO_EMAILS, OPTIONS)
    if between is not None:
        between()
    students = apply_changes(directory, plan.for_students, replan_student(should, OPTIONS))
    leavers = apply_changes(directory, plan.for_leavers, replan_leaver(roll, NO_EMAILS, OPTIONS))
    return [*students, *leavers]


def test_an_account_that_changed_in_between_is_planned_afresh_alone(
    running: server.Running, directory: Directory
) -> None:
    account_id = running.put_user(account())
    changed = account(id=account_id, emails=[{"type": "other", "value": "own@example.org"}])
    (result,) = write(directory, student(101, family_name="Newer"), lambda: running.put_user(changed))
    assert (result.kind, result.result) == ("update", "done")
    (user,) = running.users()
    assert user["name"]["familyName"] == "Newer"
    assert user["emails"] == [{"type": "other", "value": "own@example.org"}], "what somebody wrote meanwhile stays"


def test_an_account_that_somebody_else_made_right_in_between_is_done(
    running: server.Running, directory: Directory
) -> None:
    account_id = running.put_user(account())
    right = account(id=account_id, name={"givenName": "Robin", "familyName": "Newer"})
    (result,) = write(directory, student(101, family_name="Newer"), lambda: running.put_user(right))
    assert result.result == "done"


def test_a_create_whose_user_name_an_earlier_attempt_holds_makes_no_duplicate(
    running: server.Running, directory: Directory
) -> None:
    half = account(name={"givenName": "Robin"})
    (result,) = write(directory, student(101), lambda: running.put_user(half))
    assert (result.kind, result.result) == ("create", "done")
    (user,) = running.users()
    assert user["name"]["familyName"] == "Example"


@pytest.mark.parametrize("external_id", ["9001", "", "abc"])
def test_a_create_whose_user_name_belongs_to_somebody_else_is_rejected(
    running: server.Running, directory: Directory, external_id: str
) -> None:
    other = {"userName": "000101", "externalId": external_id, "roles": [{"value": "staff"}]}
    (result,) = write(directory, student(101), lambda: running.put_user(other))
    assert (result.result, result.code) == ("rejected", "username_in_use")
    (user,) = running.users()
    assert "familyName" not in user.get("name", {})


def test_a_leaver_who_got_a_further_role_in_between_only_loses_the_student_role(
    running: server.Running, directory: Directory
) -> None:
    leaver = account(userName="000102", externalId="102")
    account_id = running.put_user(leaver)
    staff = {**leaver, "id": account_id, "roles": [{"value": "student"}, {"value": "staff"}]}
    results = write(directory, student(101), lambda: running.put_user(staff))
    assert [(each.person_id, each.result) for each in results] == [("101", "done"), ("102", "done")]
    user = next(each for each in running.users() if each["id"] == account_id)
    assert user["active"] is True
    assert user["roles"] == [{"value": "staff"}]


def test_of_several_values_of_one_type_the_first_is_ours(running: server.Running, directory: Directory) -> None:
    phones = [
        {"type": "home", "value": "01632 960001"},
        {"type": "home", "value": "01632 960002"},
        {"type": "fax", "value": "01632 960003"},
    ]
    running.put_user(account(phoneNumbers=phones))
    write(directory, student(101, home_telephone="01632 960009"))
    (user,) = running.users()
    assert [phone["value"] for phone in user["phoneNumbers"]] == ["01632 960009", "01632 960002", "01632 960003"]


def test_a_value_without_a_type_that_equals_ours_gets_the_type_instead_of_a_twin(
    running: server.Running, directory: Directory
) -> None:
    running.put_user(account(emails=[{"value": "robin@example.org"}]))
    write(directory, student(101, home_email="robin@example.org"))
    (user,) = running.users()
    assert user["emails"] == [{"type": "home", "value": "robin@example.org"}]


def test_an_address_is_written_whole_so_that_no_old_part_of_it_stays(
    running: server.Running, directory: Directory
) -> None:
    old = {"type": "home", "formatted": "Old", "region": "Borsetshire", "locality": "Ambridge"}
    work = {"type": "work", "locality": "Felpersham"}
    running.put_user(account(addresses=[old, work]))
    write(directory, student(101, home_address='{"locality":"Penny Hassett"}'))
    (user,) = running.users()
    assert sorted(user["addresses"], key=lambda each: each["type"]) == [
        {"type": "home", "locality": "Penny Hassett"},
        work,
    ]
