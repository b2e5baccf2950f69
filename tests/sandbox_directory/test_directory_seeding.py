"""The invented people of a directory who are no students of SIMS."""

from __future__ import annotations

import re

import pytest

from sandbox.directory.capabilities import Capabilities
from sandbox.directory.seeding import AlreadyFilled, fill
from sandbox.directory.storage import DatabaseStorage


def filled(path, **options):
    fill(path, **options)
    storage = DatabaseStorage(path, Capabilities().provider())
    users = storage.documents("User")
    storage.close()
    return users


def without_identity(users):
    return [{name: value for name, value in user.items() if name not in {"id", "meta"}} for user in users]


def roles(user):
    return {role["value"] for role in user.get("roles", [])}


def test_staff_contacts_and_an_administrator_without_roles_are_made(tmp_path):
    users = filled(tmp_path / "a", seed=1)
    staff = [user for user in users if "staff" in roles(user)]
    assert len(staff) == 12
    assert sum("contact" in roles(user) for user in staff) == 2
    assert [user["userName"] for user in users if not roles(user)] == ["administrator"]
    assert sum(roles(user) == {"contact"} for user in users) == 20
    assert not any("student" in roles(user) for user in users)
    assert {int(user["externalId"]) for user in users if "externalId" in user} == {900001, 900004, 900007, 900010}


def test_the_same_seed_gives_the_same_people_and_another_gives_others(tmp_path):
    first, again, other = (filled(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert without_identity(first) == without_identity(again)
    assert without_identity(first) != without_identity(other)


def test_mail_is_at_example_org_and_telephones_are_of_the_numbers_for_drama(tmp_path):
    people = [user for user in filled(tmp_path / "a", seed=3, contacts=200) if "emails" in user]
    assert all(email["value"].endswith("@example.org") for user in people for email in user["emails"])
    assert all(re.fullmatch(r"07700 900\d{3}", user["phoneNumbers"][0]["value"]) for user in people)


def test_odd_students_are_made_when_asked_for(tmp_path):
    odd = [user for user in filled(tmp_path / "a", seed=1, odd_students=True) if roles(user) & {"student", "Student"}]
    assert [user.get("externalId") for user in odd] == [None, "AD-7F3", "990001", "990002", "990003", "00990004"]


def test_a_directory_with_accounts_is_not_filled_again(tmp_path):
    fill(tmp_path / "a", seed=1)
    with pytest.raises(AlreadyFilled):
        fill(tmp_path / "a", seed=2)
