"""Roots, rows and elements have aliases, and a school's configuration can add some (SPEC section 2)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from sims_sync.config.schools_file import load_schools
from sims_sync.sources.sims.operations import ALIASES, OPERATIONS, SCHOOL, Operation
from sims_sync.sources.sims.parting import rows_of_person
from sims_sync.sources.sims.reader import read_document

BY_TABLE = {each.table: each for each in OPERATIONS}
SCHOOL_ENTRY = {
    "id": "green-abbey",
    "name": "Green Abbey",
    "la": "823",
    "estab": "4321",
    "modules": ["timetable"],
    "username": "email",
}


def document(operation: Operation, *rows: str) -> bytes:
    body = "".join(f"<{operation.row}>{row}</{operation.row}>" for row in rows)
    return f"<{operation.root}>{body}</{operation.root}>".encode()


def values(table: pd.DataFrame, column: str) -> list[str | None]:
    return [None if pd.isna(value) else value for value in table[column]]


def errors(tmp_path: Path, names: object, defaults: object = None) -> list[str]:
    path = tmp_path / "schools.yaml"
    entry = {**SCHOOL_ENTRY, "sims": {"names": names}}
    path.write_text(yaml.safe_dump({"defaults": {"sims": defaults} if defaults else {}, "schools": [entry]}))
    return [str(each) for each in load_schools(path)[1]]


def test_the_emails_of_the_public_partner_pages_are_read() -> None:
    table = read_document(
        BY_TABLE["emails"],
        b"<EmailAddresses><EmailAddress><EmailID>24</EmailID><PersonID>7</PersonID><Location>H</Location>"
        b"<Email_Address>ada@example.org</Email_Address></EmailAddress></EmailAddresses>",
    )
    assert table.iloc[0].dropna().to_dict() == {
        "person_id": "7",
        "email_id": "24",
        "location": "H",
        "email_address": "ada@example.org",
    }


def test_students_without_a_date_have_another_root() -> None:
    table = read_document(
        BY_TABLE["students"],
        b"<StudentExtendeds><Student><PersonID>2447</PersonID></Student></StudentExtendeds>",
    )
    assert values(table, "person_id") == ["2447"]


@pytest.mark.parametrize("operation", [SCHOOL, *OPERATIONS], ids=lambda each: each.name)
def test_every_root_row_and_element_can_have_another_name(operation: Operation) -> None:
    names = {name: (f"Other.{name}",) for name in (operation.root, operation.row, *operation.columns)}
    content = document(operation, "".join(f"<{name}>{column}</{name}>" for name, column in operation.columns.items()))
    expected = read_document(operation, content)
    for name in names:
        content = content.replace(f"<{name}>".encode(), f"<Other.{name}>".encode())
        content = content.replace(f"</{name}>".encode(), f"</Other.{name}>".encode())
    pd.testing.assert_frame_equal(read_document(operation.also_called(names), content), expected)


@pytest.mark.parametrize(
    ("row", "gender"),
    [
        ("<Sex>Male</Sex>", "Male"),
        ("<Sex>Male</Sex><Gender>Female</Gender>", "Female"),
        ("<Gender>Female</Gender><Sex>Male</Sex>", "Female"),
        ("<Sex>Male</Sex><Gender/>", None),
        ("<Sex/><Geschlecht>Male</Geschlecht>", "Male"),
        ("<Geschlecht>Male</Geschlecht><Sex>Female</Sex>", "Female"),
        ("<sex>Male</sex><Sexes>Male</Sexes>", None),
        ("<x:Sex xmlns:x='urn:x'>Male</x:Sex>", None),
    ],
)
def test_names_match_whole_and_where_a_row_has_the_standard_name_that_wins(row: str, gender: str | None) -> None:
    students = BY_TABLE["students"].also_called({"Gender": ("Sex", "Geschlecht")})
    assert values(read_document(students, document(students, row)), "gender") == [gender]


def test_rows_of_both_names_are_rows() -> None:
    rows = "".join(f"<{row}><PersonID>{row}</PersonID></{row}>" for row in ("PersonEmail", "EmailAddress", "Email"))
    content = f"<PersonEmails>{rows}</PersonEmails>".encode()
    assert values(read_document(BY_TABLE["emails"], content), "person_id") == ["PersonEmail", "EmailAddress"]


def test_names_are_configured_for_a_school_or_in_defaults_and_the_schools_own_win_name_by_name(tmp_path: Path) -> None:
    path = tmp_path / "schools.yaml"
    entry = {**SCHOOL_ENTRY, "sims": {"names": {"Gender": "Sex", "Number": ["Telephone", "Value"]}}}
    defaults = {"sims": {"names": {"Gender": "Geschlecht", "DOB": "BirthDate"}}}
    path.write_text(yaml.safe_dump({"defaults": defaults, "schools": [entry]}))
    schools, wrong = load_schools(path)
    assert wrong == []
    assert schools["green-abbey"].sims.names == {
        "Gender": ("Sex",),
        "DOB": ("BirthDate",),
        "Number": ("Telephone", "Value"),
    }


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"Gender": "Surname"}, "`Surname` means `Surname` in the rows of GetXmlStudents"),
        ({"Forename": "ChosenName"}, "`ChosenName` means `ChosenName`"),
        ({"Number": "Location"}, "`Location` means `Location` in the rows of GetXmlPersonTelephones"),
        ({"Location": "Email_Address"}, "`Email_Address` means `EmailAddress` in the rows of GetXmlPersonEmails"),
        ({"Gender": "Sex", "DOB": "Sex"}, "`Sex` means"),
        ({"Gender": ["Sex", "DOB"]}, "`DOB` means `DOB`"),
        ({"Gender": "Gender"}, "the standard name"),
        ({"Students": "Addresses"}, "`Addresses` means `Addresses` in the names of documents"),
        ({"Addresses": "EmailAddresses"}, "`EmailAddresses` means `PersonEmails`"),
        ({"Students": "People", "Addresses": "People"}, "`People` means"),
        ({"Gendre": "Sex"}, "did you mean `Gender`?"),
        ({"gender": "Sex"}, "did you mean `Gender`?"),
        ({"Gender": "my sex"}, "no name of an XML element"),
        ({"Gender": "ns:Sex"}, "no name of an XML element"),
        ({"Gender": "<Sex>"}, "no name of an XML element"),
        ({"Gender": ""}, "sims.names.Gender"),
        ({"Gender": 5}, "sims.names.Gender"),
        ({"Gender": {"Sex": "Male"}}, "sims.names.Gender"),
        (["Gender"], "sims.names"),
        (5, "sims.names"),
    ],
)
def test_a_name_that_is_known_or_serves_two_is_an_error_that_names_file_school_and_key(
    tmp_path: Path, names: object, told: str
) -> None:
    (error,) = errors(tmp_path, names)
    assert "schools.yaml: school green-abbey: key `sims.names" in error
    assert told in error


@pytest.mark.parametrize(
    "names",
    [
        {"EmailAddress": "Email_Address"},  # as it is known already
        {"Number": "Value", "EmailAddress": "Value"},  # in rows of two documents
        {"Location": "AddressType"},  # a name of other rows
        {"PersonAddress": "Address"},
        {"Students": [], "Gender": []},
    ],
)
def test_a_name_that_means_one_thing_in_its_row_is_right(tmp_path: Path, names: object) -> None:
    assert errors(tmp_path, names) == []


def test_a_wrong_name_in_defaults_is_an_error_of_each_school(tmp_path: Path) -> None:
    (error,) = errors(tmp_path, {}, {"names": {"Gender": "DOB"}})
    assert "school green-abbey: key `sims.names`" in error


def test_every_alias_is_that_of_a_name_of_some_document() -> None:
    known = {name for each in (SCHOOL, *OPERATIONS) for name in (each.root, each.row, *each.columns)}
    assert set(ALIASES) <= known


def test_rows_that_name_a_person_otherwise_are_that_persons() -> None:
    rows = "".join(f"<EmailAddress><Who>{person}</Who></EmailAddress>" for person in (101, 102))
    content = f"<EmailAddresses>{rows}</EmailAddresses>".encode()
    theirs, rest = rows_of_person("GetXmlPersonEmails", content, "101", (), {"PersonID": ("Who",)})
    assert theirs == [{"Who": "101"}]
    assert b"101" not in rest
