"""Nights with the directory's own settings: marker, key, paths and what a new account gets beside (SPEC section 3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from csv_nights import LEAVER, PERSON, counts, night, user, writes
from proxy import Proxy
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.editing import PATCH_SCHEMA, USER_SCHEMA
from sims_sync.model.attributes import EXTENSION


def settings(school: SchoolWithoutAirflow, **directory: Any) -> None:
    school.school = school.school.model_copy(update={"directory": DirectorySettings(**directory)})


def has_no_writes(school: SchoolWithoutAirflow, proxy: Proxy, *on_roll: str, **changes: str) -> None:
    proxy.seen.clear()
    night(school, *on_roll, **changes)
    assert writes(proxy) == []


def test_a_marker_with_one_value_tells_students_from_staff_and_a_leaver_keeps_it(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    settings(school, students="userType:Student")
    assert counts(night(school, PERSON, LEAVER))["created"] == 2
    assert user(school, PERSON)["userType"] == "Student"
    assert "roles" not in user(school, PERSON)
    has_no_writes(school, proxy, PERSON, LEAVER)
    # Further roles keep a leaver's account working only where the marker is a role.
    operation = {"op": "add", "path": "roles", "value": [{"value": "staff"}]}
    message = {"schemas": [PATCH_SCHEMA], "Operations": [operation]}
    school.ask("PATCH", f"/Users/{user(school, LEAVER)['id']}", message)
    assert counts(night(school, PERSON))["disabled"] == 1
    assert user(school, LEAVER)["active"] is False
    assert user(school, LEAVER)["userType"] == "Student"
    has_no_writes(school, proxy, PERSON)


def test_an_account_with_another_value_is_another_kind_of_persons_and_is_not_touched(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    teacher = {"userName": "teacher", "externalId": PERSON, "userType": "Staff"}
    for each in (teacher, {"userName": "nobody", "externalId": LEAVER}):
        school.ask("POST", "/Users", {"schemas": [USER_SCHEMA], **each})
    settings(school, students="userType:student")
    proxy.seen.clear()
    told = night(school, PERSON, LEAVER)
    assert told.reported
    assert [each.code for each in told.reported.report.errors] == ["account_of_another_kind"]
    assert user(school, PERSON).items() >= teacher.items()
    assert user(school, LEAVER)["userType"] == "student", "an empty one is set"
    has_no_writes(school, proxy, PERSON, LEAVER)


def test_the_key_may_stand_elsewhere_with_a_prefix(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    settings(school, key="nickName", key_prefix="sims:")
    night(school, PERSON, LEAVER)
    keys = sorted(each["nickName"] for each in school.users())
    assert keys == [f"sims:{PERSON}", f"sims:{LEAVER}"]
    assert not any("externalId" in each for each in school.users())
    has_no_writes(school, proxy, PERSON, LEAVER)
    assert counts(night(school, PERSON))["disabled"] == 1


def test_values_go_where_the_school_says_or_nowhere(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    settings(school, attributes={"home_email": 'emails[type eq "other"]', "home_telephone": "none"})
    night(school, PERSON)
    (email,) = user(school, PERSON)["emails"]
    assert (email["type"], email["value"]) == ("other", f"{PERSON}@example.org")
    assert "phoneNumbers" not in user(school, PERSON)
    has_no_writes(school, proxy, PERSON)
    told = night(school, PERSON, telephone="01632 960002", surname="Newname")
    assert counts(told)["updated"] == 1
    assert "phoneNumbers" not in user(school, PERSON)
    assert told.reported
    assert told.reported.report.notes == (), "the school's own choice is no lack"


def test_without_the_extension_nothing_of_it_is_written(school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    settings(school, extension="none")
    night(school, PERSON, LEAVER)
    assert EXTENSION not in user(school, PERSON)
    night(school, PERSON)
    assert EXTENSION not in user(school, LEAVER)
    assert user(school, LEAVER)["active"] is False
    night(school, PERSON, LEAVER)
    assert user(school, LEAVER)["active"] is True, "the state keeps which accounts the sync disabled"
    has_no_writes(school, proxy, PERSON, LEAVER)


def test_a_new_account_gets_texts_and_a_password_by_chance_that_is_kept_nowhere(
    school: SchoolWithoutAirflow, proxy: Proxy, tmp_path: Path
) -> None:
    settings(
        school,
        on_create={
            "displayName": "{given_name} {family_name}",
            "name.formatted": "{family_name}, {given_name}",
            "title": "{person_id} is {user_name}",
            "password": "random",
        },
    )
    night(school, PERSON, LEAVER)
    account = user(school, PERSON)
    assert account["displayName"] == "Robin Example"
    assert account["name"]["formatted"] == "Example, Robin"
    assert account["title"] == f"{PERSON} is {account['userName']}"
    passwords = {json.loads(each)["password"] for each in writes(proxy)}
    assert len(passwords) == 2
    assert min(map(len, passwords)) >= 24
    kept = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    assert kept
    assert not any(each.encode() in file.read_bytes() for file in kept for each in passwords)
    has_no_writes(school, proxy, PERSON, LEAVER)
    night(school, PERSON, LEAVER, surname="Newname")
    assert user(school, PERSON)["displayName"] == "Robin Example", "written when it is created, and never again"


@pytest.mark.parametrize("feature", ["discovery", "patch", "bulk", "etag", "sort", "totals"])
def test_what_the_school_does_without_is_not_used(school: SchoolWithoutAirflow, proxy: Proxy, feature: Any) -> None:
    settings(school, without=[feature], extension=EXTENSION)
    night(school, PERSON, LEAVER)
    proxy.seen.clear()
    night(school, PERSON, LEAVER, surname="Newname")
    asked = [f"{each.method} {each.path}" for each in proxy.seen]
    assert user(school, PERSON)["name"]["familyName"] == "Newname"
    forbidden = {
        "discovery": lambda each: "Schemas" in each or "ServiceProviderConfig" in each,
        "patch": lambda each: each.startswith("PATCH"),
        "bulk": lambda each: "Bulk" in each,
        "sort": lambda each: "sortBy" in each,
    }
    assert not any(forbidden.get(feature, lambda _: False)(each) for each in asked)
    assert feature != "etag" or not any("If-Match" in each.headers for each in proxy.seen)
    has_no_writes(school, proxy, PERSON, LEAVER, surname="Newname")


def test_the_filter_of_the_server_is_used_only_where_the_school_says_so(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    night(school, PERSON)
    assert not any("filter=" in each.path for each in proxy.seen)
    settings(school, filter=True, page_size=7)
    proxy.seen.clear()
    night(school, PERSON)
    asked = [each.path for each in proxy.seen if "/Users?" in each.path]
    assert asked
    assert all("count=7" in each for each in asked)
    assert any("filter=" in each for each in asked)
