"""Which student and which account are a pair (SPEC section 6, "Linking")."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sims_sync.changes.pairs import find_pairs, may_be_a_students
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.mapping import STANDARD, AccountMapping
from sims_sync.directory.present import account_table, present
from sims_sync.model.attributes import EXTENSION

ADA: dict[str, Any] = {
    "person_id": "50101",
    "school_identifier": "004604",
    "forename": "Ada",
    "chosen_name": None,
    "surname": "Archer",
    "date_of_birth": "2014-05-06T00:00:00",
}
UPN = "A12345678901B"
BOTH = {"givenName": "Ada", "familyName": "Archer"}


def roll(*students: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([{**ADA, **student} for student in students]).astype("str")


def account(
    number: str | None = None, born: str | None = None, *, account_id: str = "a1", **values: Any
) -> dict[str, Any]:
    extension = {"schoolIdentifier": number, "dateOfBirth": born}
    return {
        "id": account_id,
        "externalId": "101",
        "userName": f"name-of-{account_id}",
        "roles": [{"value": "student"}],
        EXTENSION: {name: value for name, value in extension.items() if value},
        **values,
    }


def pairs(students: pd.DataFrame, *accounts: dict[str, Any], user_name: str = "004604", **more: Any) -> list[str]:
    """Person ID, account and grade of each pair."""
    names = pd.Series(user_name, index=students["person_id"].drop_duplicates(), dtype="str")
    mapping = AccountMapping(settings=DirectorySettings(attributes={"upn": "nickName"}))
    found = find_pairs(students, names, account_table(accounts, mapping), **more)
    return [f"{row.person_id} {row.account_id} {row.grade}" for row in found.itertuples()]


def grade(student: dict[str, Any], held: dict[str, Any], **more: Any) -> str | None:
    found = pairs(roll(student), held, **more)
    return found[0].split()[-1] if found else None


def name(given: str | None = None, family: str | None = None) -> dict[str, Any]:
    return {"name": {key: value for key, value in (("givenName", given), ("familyName", family)) if value}}


BORN, ANOTHER_DAY = "2014-05-06", "2013-01-02"
GRADES: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("all is the same", {}, account("004604", BORN, name=BOTH), "certain"),
    ("another surname", {}, account("004604", BORN, **name("Ada", "Baker")), "certain"),
    ("no surname in the account", {}, account("004604", BORN, **name("Ada")), "certain"),
    ("the chosen name", {"chosen_name": "Addie"}, account("004604", BORN, **name("Addie", "Archer")), "certain"),
    ("the forename beside a chosen name", {"chosen_name": "Addie"}, account("004604", BORN, name=BOTH), "certain"),
    ("a number without its zeros", {}, account("4604", BORN, name=BOTH), "certain"),
    ("names in another case", {}, account("004604", BORN, **name("ADA", "ARCHER")), "certain"),
    ("a name without its accent", {"forename": "Zoë"}, account("004604", BORN, **name("Zoe")), "certain"),
    ("a birth date with a time", {}, account("004604", f"{BORN}T00:00:00", name=BOTH), "certain"),
    ("the UPN alone", {"upn": UPN}, account(nickName=f" {UPN.lower()}"), "certain"),
    ("another UPN", {"upn": UPN}, account(nickName="A123456789013"), None),
    ("a UPN that is none", {"upn": "unknown"}, account(nickName="unknown"), None),
    ("another admission number", {}, account("000001", BORN, name=BOTH), "likely"),
    ("no admission number", {}, account(None, BORN, name=BOTH), "likely"),
    ("another apostrophe", {"surname": "O'Neill"}, account(None, BORN, **name("Ada", "O\u2019Neill")), "likely"),
    ("a name in two words", {"forename": "Mary-Jane"}, account(None, BORN, **name("Mary Jane", "Archer")), "likely"),
    ("no birth date in the account", {}, account("004604", name=BOTH), "likely"),
    ("no birth date in SIMS", {"date_of_birth": None}, account("004604", BORN, name=BOTH), "likely"),
    ("a birth date that is none", {"date_of_birth": "06/05/2014"}, account("004604", BORN, name=BOTH), "likely"),
    ("the user name", {}, account(name=BOTH, userName="004604"), "likely"),
    ("the user name in another case", {}, account(name=BOTH, userName="ADA@example.org"), "likely"),
    ("another forename", {}, account("004604", BORN, **name("Bea", "Archer")), "ambiguous"),
    ("no forename in the account", {}, account("004604", BORN, **name(None, "Archer")), "ambiguous"),
    ("another birth date", {}, account("004604", ANOTHER_DAY, name=BOTH), None),
    ("no birth date, another surname", {}, account("004604", **name("Ada", "Baker")), None),
    ("no birth date, another forename", {}, account("004604", **name("Bea", "Archer")), None),
    ("the user name alone", {}, account(userName="004604"), None),
    ("both names alone", {}, account(name=BOTH), None),
    ("a birth date alone", {}, account(None, BORN), None),
    ("a birth date and a surname", {}, account(None, BORN, **name("Bea", "Archer")), None),
    ("an email and a surname", {}, account(**name("Bea", "Archer"), emails=[{"value": "ada@example.org"}]), None),
    ("no name on either side", {"forename": None, "surname": "-"}, account(None, BORN, **name("-", "-")), None),
    ("no admission number on either side", {"school_identifier": None}, account(None, BORN), None),
    ("an admission number of zeros", {"school_identifier": "0000"}, account("0", BORN), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("student", "held", "expected"), [case[1:] for case in GRADES], ids=[case[0] for case in GRADES]
)
def test_what_agrees_makes_a_pair_certain_likely_or_ambiguous(
    student: dict[str, Any], held: dict[str, Any], expected: str | None
) -> None:
    user_name = "ada@example.org" if "@" in held["userName"] else "004604"
    assert grade(student, held, user_name=user_name) == expected


def test_a_student_with_two_such_accounts_is_ambiguous() -> None:
    found = pairs(roll({}), account("004604", BORN, name=BOTH), account(None, BORN, account_id="a2", name=BOTH))
    assert found == ["50101 a1 ambiguous", "50101 a2 ambiguous"]


def test_an_account_with_two_such_students_is_ambiguous() -> None:
    students = roll({}, {"person_id": "50102", "school_identifier": "004605"})
    assert pairs(students, account("004604", BORN, name=BOTH), user_name="") == [
        "50101 a1 ambiguous", "50102 a1 ambiguous",
    ]  # fmt: skip


def test_twins_with_neighbouring_numbers_are_each_their_own() -> None:
    twins = roll({}, {"person_id": "50102", "forename": "Bea", "school_identifier": "004605"})
    held = [account("004604", BORN, name=BOTH), account("004605", BORN, account_id="a2", **name("Bea", "Archer"))]
    assert pairs(twins, *held, user_name="") == ["50101 a1 certain", "50102 a2 certain"]


def test_twins_whose_numbers_were_exchanged_are_ambiguous() -> None:
    twins = roll({"school_identifier": "004605"}, {"person_id": "50102", "forename": "Bea"})
    held = [account("004604", BORN, name=BOTH), account("004605", BORN, account_id="a2", **name("Bea", "Archer"))]
    assert {pair.split()[-1] for pair in pairs(twins, *held, user_name="")} == {"ambiguous"}


def test_what_is_known_not_to_be_the_same_is_no_pair_and_makes_no_other_ambiguous() -> None:
    held = [account("004604", BORN, name=BOTH), account(None, BORN, account_id="a2", name=BOTH)]
    assert pairs(roll({}), *held, not_the_same={("50101", "a2")}) == ["50101 a1 certain"]


def test_a_pair_whose_account_is_inactive_comes_first() -> None:
    students = roll({}, {"person_id": "50102", "date_of_birth": ANOTHER_DAY, "school_identifier": "7"})
    held = [account("004604", BORN, name=BOTH), account("7", ANOTHER_DAY, account_id="a2", name=BOTH, active=False)]
    assert pairs(students, *held, user_name="") == ["50102 a2 certain", "50101 a1 certain"]


STAFF = AccountMapping(settings=DirectorySettings(students="userType:student"))
CANDIDATES: list[tuple[str, AccountMapping, dict[str, Any], bool]] = [
    ("the marker", STANDARD, {}, True),
    ("the marker, and no key", STANDARD, {"externalId": None}, True),
    ("the marker, and another system's key", STANDARD, {"externalId": "6f9619ff-8b86"}, True),
    ("neither marker nor key nor role", STANDARD, {"externalId": "", "roles": []}, True),
    ("neither, and a role that everybody has", STANDARD, {"externalId": None, "roles": [{"value": "User"}]}, True),
    ("neither, and a role as a text", STANDARD, {"externalId": None, "roles": ["user"]}, True),
    ("no marker, and a key", STANDARD, {"roles": []}, False),
    ("no marker, and another system's key", STANDARD, {"externalId": "6f96", "roles": []}, False),
    ("a father who is a contact", STANDARD, {"externalId": None, "roles": [{"value": "contact"}]}, False),
    ("a father who is a contact, as a text", STANDARD, {"externalId": None, "roles": ["contact"]}, False),
    ("a role of no known form", STANDARD, {"externalId": None, "roles": [7]}, False),
    ("the marker of one value", STAFF, {"userType": "Student", "roles": []}, True),
    ("nothing that says who", STAFF, {"externalId": None, "roles": []}, True),
    ("a role beside no marker of one value", STAFF, {"externalId": None, "roles": [{"value": "contact"}]}, False),
    ("another kind of person's", STAFF, {"externalId": None, "userType": "staff", "roles": []}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "values", "may_be"), [case[1:] for case in CANDIDATES], ids=[case[0] for case in CANDIDATES]
)
def test_an_account_without_the_marker_may_be_a_students_only_if_nothing_says_whose_it_is(
    mapping: AccountMapping, values: dict[str, Any], may_be: bool
) -> None:
    everybody = [as_rfc(account("004604", BORN, **{"name": BOTH, **values}), mapping.names)]
    table = present(everybody, mapping, ["user"])
    assert table[may_be_a_students(table, ["user"])]["account_id"].tolist() == (["a1"] if may_be else [])
