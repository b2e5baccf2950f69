"""What a directory answered success to is looked at again: a green run means that it has happened (SPEC section 3)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from odd_directory import Account, Answer, OddDirectory, error
from pupils import Pupil, codes, night, run_night

from csv_nights import counts
from nights_without_airflow import Night
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.runs.state import SchoolState

ROLL = tuple(Pupil(key) for key in ("11", "12", "13"))
FAMILY = "family@example.org"

TELLS: dict[str, Callable[[Account], Answer]] = {
    "the account": lambda account: (201, account),
    "its id alone": lambda account: (201, {"id": account["id"]}),
    "its Location alone": lambda account: (201, None, {"Location": f"https://elsewhere/Users/{account['id']}"}),
    "nothing": lambda account: (201, None),
    "an object without an id": lambda account: (201, {"userName": account["userName"]}),
    "a Location that ends in a slash": lambda account: (201, None, {"Location": f"/Users/{account['id']}/"}),
}


@pytest.mark.parametrize("told", TELLS.values(), ids=TELLS)
def test_a_new_account_is_found_whatever_the_answer_tells_of_it(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, told: Callable[[Account], Answer]
) -> None:
    odd.told = told
    assert counts(night(odd_school, *ROLL)) == {"extracted": 3, "created": 3}
    assert len(odd.users) == 3
    odd.seen.clear()
    assert counts(night(odd_school, *ROLL)) == {"extracted": 3, "unchanged": 3}
    assert odd.writes == []


def test_the_first_account_is_sent_alone_and_looked_at_before_any_other(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.bulk = True
    night(odd_school, *ROLL)
    first, *others = [at for at, each in enumerate(odd.seen) if each.method == "POST" and each.path == "/Users"]
    assert not odd.seen[first].in_bulk
    assert all(odd.seen[at].in_bulk for at in others)
    assert any(each.method == "GET" for each in odd.seen[first : others[0]])


def keeps_nothing(odd: OddDirectory) -> None:
    """It answers with what was sent, and an id, and keeps nothing."""
    odd.refuse = lambda method, path, body: (201, {**body, "id": "new"}) if method == "POST" else None


def keeps_nothing_and_says_so(odd: OddDirectory) -> None:
    odd.refuse = lambda method, path, body: (201, None) if method == "POST" else None


def drops(*names: str) -> Callable[[OddDirectory], None]:
    """It answers with the whole, and keeps the rest."""

    def make(odd: OddDirectory) -> None:
        odd.keep = lambda before, after: {name: value for name, value in after.items() if name not in names}
        odd.told = lambda account: (201, {**odd.seen[-1].body, "id": account["id"]} if odd.seen[-1].body else account)

    return make


BAD_CREATES = {
    "an echo": keeps_nothing,
    "an answer without a body": keeps_nothing_and_says_so,
    "without the marker": drops("roles"),
    "without the key": drops("externalId"),
    "without both": drops("roles", "externalId"),
}


@pytest.mark.parametrize("make", BAD_CREATES.values(), ids=BAD_CREATES)
def test_where_the_first_account_does_not_come_back_as_a_students_no_other_is_created_until_it_is_forgotten(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, make: Callable[[OddDirectory], None]
) -> None:
    state = SchoolState(odd_school.store, odd_school.school.id)
    make(odd)
    told = run_night(odd_school, *ROLL)
    assert told.fault
    assert "first account" in str(told.fault)
    assert told.states["disable_leavers"] == "upstream_failed"
    assert [each.method for each in odd.writes] == ["POST"]
    odd.seen.clear()
    told = run_night(odd_school, *ROLL)
    assert told.reported
    # The account without its key may be any of theirs: then nobody is to be created.
    assert told.fault or {each.code for each in told.reported.report.errors} == {"account_to_link"}
    assert odd.writes == [], "not tried the next night"
    # Mended, and nobody has said so.
    odd.keep, odd.told, odd.refuse = lambda before, after: after, lambda account: (201, account), lambda *_: None
    odd.users.clear()
    assert run_night(odd_school, *ROLL).fault
    assert state.forget_directory()
    assert counts(night(odd_school, *ROLL)) == {"extracted": 3, "created": 3}


def test_with_other_settings_of_the_directory_the_first_account_is_tried_again(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    drops("roles")(odd)
    assert run_night(odd_school, *ROLL).fault
    odd.users.clear()
    settings = DirectorySettings(students="userType:student")
    odd_school.school = odd_school.school.model_copy(update={"directory": settings})
    assert counts(night(odd_school, *ROLL)) == {"extracted": 3, "created": 3}


def test_a_directory_that_is_slow_to_show_a_new_account_is_given_time(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    looks: list[str] = []

    def slow(method: str, path: str, body: Any) -> Answer | None:
        if method == "GET" and path.startswith("/Users") and odd.users and len(looks) < 3:
            looks.append(path)
            return error(404) if path.startswith("/Users/") else (200, {"totalResults": 0, "Resources": []})
        return None

    odd.refuse = slow
    assert counts(night(odd_school, *ROLL)) == {"extracted": 3, "created": 3}
    assert len(looks) == 3


def makes_one_of_two(odd: OddDirectory, *, ignores: frozenset[str] = frozenset()) -> None:
    """A create with an email that an account has makes the new person's account of it.

    :param ignores: methods that then have no effect.
    """

    def refuse(method: str, path: str, body: Any) -> Answer | None:
        if method in ignores:
            return 204, None
        if method != "POST" or path != "/Users":
            return None
        emails = {each["value"] for each in body.get("emails", [])}
        for account_id, account in odd.users.items():
            if emails & {each["value"] for each in account.get("emails", [])}:
                odd.users[account_id] = {**copy.deepcopy(body), "id": account_id, "meta": account["meta"]}
                return 200, odd.users[account_id]
        return None

    odd.refuse = refuse


TEACHER = {
    "userName": "ms.staff",
    "externalId": "9001",
    "roles": [{"value": "staff"}],
    "name": {"givenName": "Ms", "familyName": "Staff"},
    "emails": [{"type": "work", "value": FAMILY}],
    "phoneNumbers": [{"type": "work", "value": "01632 960099"}],
    "title": "Head of Year",
    "active": True,
}


@pytest.mark.parametrize("patch", [True, False], ids=["PATCH", "PUT"])
def test_an_account_that_became_another_persons_is_given_back_and_the_record_is_told_and_not_created_again(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, patch: bool
) -> None:
    odd.patch = patch
    makes_one_of_two(odd)
    one, other = Pupil("11", email=FAMILY), Pupil("12", forename="Ida", email=FAMILY)
    told = night(odd_school, one, other)
    assert counts(told) == {"extracted": 2, "created": 1, "rejected": 1}
    assert codes(told) == ["account_shared"]
    assert [each["externalId"] for each in odd.users.values()] == ["11"]
    assert odd.user("11")["userName"] == "0011"
    assert odd.user("11")["name"]["givenName"] == "Robin"
    odd.seen.clear()
    told = night(odd_school, one, other)
    assert (codes(told), odd.writes) == (["account_shared"], [])
    told = night(odd_school, one, Pupil("12", forename="Ida", email="ida@example.org"))
    assert counts(told) == {"extracted": 2, "created": 1, "unchanged": 1}
    assert odd.user("12")["name"]["givenName"] == "Ida"


@pytest.mark.parametrize("patch", [True, False], ids=["PATCH", "PUT"])
def test_an_account_of_staff_that_became_a_students_is_given_back_with_all_that_it_had(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, patch: bool
) -> None:
    odd.patch = patch
    odd_school.school = odd_school.school.model_copy(
        update={"directory": DirectorySettings(on_create={"displayName": "{given_name} {family_name}"})}
    )
    odd.put(**TEACHER)
    makes_one_of_two(odd)
    told = night(odd_school, Pupil("11", email=FAMILY), Pupil("12"))
    assert counts(told) == {"extracted": 2, "created": 1, "rejected": 1}
    assert codes(told) == ["account_shared"]
    left = {name: value for name, value in odd.user("9001").items() if name not in ("id", "meta", "schemas")}
    assert left == TEACHER
    odd.seen.clear()
    assert codes(night(odd_school, Pupil("11", email=FAMILY), Pupil("12"))) == ["account_shared"]
    assert odd.writes == []


def test_an_account_that_cannot_be_given_back_is_a_fault_and_is_not_taken_again(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.put(**TEACHER)
    makes_one_of_two(odd, ignores=frozenset({"PATCH", "PUT"}))
    told = run_night(odd_school, Pupil("11", email=FAMILY), Pupil("12"))
    assert told.fault
    assert told.states["disable_leavers"] == "upstream_failed"
    assert counts(told)["failed"] == 1


def disabled_and_back(school: SchoolWithoutAirflow) -> None:
    """A pupil leaves."""
    night(school, *ROLL)
    assert counts(night(school, *ROLL[:2]))["disabled"] == 1


def ignoring_patch(method: str, path: str, body: Any) -> Answer | None:
    return (204, None) if method == "PATCH" else None


def failed(told: Night) -> bool:
    return told.fault is not None and counts(told).get("failed", 0) > 0


def test_an_account_that_stays_inactive_though_it_was_enabled_fails_the_task(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    disabled_and_back(odd_school)
    odd.keep = lambda before, after: {**after, "active": before["active"]}
    told = run_night(odd_school, *ROLL)
    assert failed(told)
    assert "enabled" not in counts(told)


def test_a_linked_account_that_stays_inactive_though_it_was_to_be_enabled_fails_the_task(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    disabled_and_back(odd_school)
    odd.keep = lambda before, after: {**after, "active": before["active"]}
    back = replace(ROLL[2], key=f"9{ROLL[2].key}")
    odd.user(ROLL[2].key)["userName"] = back.rows["students"]["admission_number"]
    told = run_night(odd_school, *ROLL[:2], back, link_accounts="likely")
    assert failed(told)


def test_an_account_that_is_slow_to_show_that_it_was_enabled_is_given_time(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    disabled_and_back(odd_school)
    account_id = odd.user("13")["id"]
    looks: list[str] = []

    def slow(method: str, path: str, body: Any) -> Answer | None:
        written = any(each.path == f"/Users/{account_id}" and each.method == "PATCH" for each in odd.seen[before:])
        if method == "GET" and path == f"/Users/{account_id}" and written and len(looks) < 2:
            looks.append(path)
            return 200, {**odd.users[account_id], "active": False}
        return None

    before, odd.refuse = len(odd.seen), slow
    assert counts(night(odd_school, *ROLL))["enabled"] == 1
    assert len(looks) == 2


@pytest.mark.parametrize("roles", [["student"], ["student", "staff"]], ids=["disable", "unlink_role"])
def test_a_leaver_who_is_left_as_before_fails_the_task_and_one_that_is_slow_to_show_it_does_not(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, roles: list[str]
) -> None:
    night(odd_school, *ROLL)
    leaver = odd.user("13")
    leaver["roles"] = [{"value": each} for each in roles]
    odd.refuse = ignoring_patch
    told = run_night(odd_school, *ROLL[:2])
    assert told.fault
    assert "person 13" in str(told.fault)
    assert "disabled" not in counts(told)
    before, looks = copy.deepcopy(leaver), list[str]()

    def slow(method: str, path: str, body: Any) -> Answer | None:
        written = odd.users[leaver["id"]] != before
        if method == "GET" and path == f"/Users/{leaver['id']}" and written and len(looks) < 2:
            looks.append(path)
            return 200, before
        return None

    odd.refuse = slow
    assert counts(night(odd_school, *ROLL[:2]))["disabled"] == 1


def test_a_leaver_whose_account_is_not_found_after_it_was_disabled_is_done(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    night(odd_school, *ROLL)
    account_id = odd.user("13")["id"]

    def hidden(method: str, path: str, body: Any) -> Answer | None:
        inactive = not odd.users[account_id]["active"]
        return error(404) if inactive and path == f"/Users/{account_id}" and method == "GET" else None

    odd.refuse = hidden
    odd.show = lambda account: account if account["active"] else None
    assert counts(night(odd_school, *ROLL[:2])) == {"extracted": 2, "unchanged": 2, "disabled": 1}
    odd.seen.clear()
    assert counts(night(odd_school, *ROLL[:2])) == {"extracted": 2, "unchanged": 2}
    assert odd.writes == []
