"""A person's rows are told apart in SIMS's own documents, whatever they look like (SPEC section 9)."""

from __future__ import annotations

import pytest

from sims_sync.sources.sims.operations import OPERATIONS
from sims_sync.sources.sims.parting import rows_of_person
from sims_sync.sources.sims.reader import read_document

PROLOG = '<?xml version="1.0" encoding="iso-8859-1" standalone="yes"?>'


def document(root: str, *rows: str) -> bytes:
    return f"{PROLOG}<{root}>{''.join(rows)}</{root}>".encode("iso-8859-1")


@pytest.mark.parametrize("written", ["101", " 101 ", "0101", "<![CDATA[101]]>"])
def test_a_row_is_theirs_in_whatever_way_the_person_id_is_written(written: str) -> None:
    theirs = f"<Student><PersonID>{written}</PersonID><Surname>Zoë &amp; Sons</Surname></Student>"
    others = "<Student><PersonID>1010</PersonID><Surname>&#8217;Other</Surname></Student>"
    rows, rest = rows_of_person("GetXmlStudents", document("Students", theirs, others), "101", ())
    assert [row["Surname"] for row in rows] == ["Zoë & Sons"]
    assert rest.startswith(b"<?xml version='1.0' encoding='ISO-8859-1' standalone='yes'?>")
    left = read_document(OPERATIONS[0], rest)
    assert left[["person_id", "surname"]].to_numpy().tolist() == [["1010", "\N{RIGHT SINGLE QUOTATION MARK}Other"]]


@pytest.mark.parametrize(
    "row",
    [
        "<Student><Person_ID>101</Person_ID></Student>",
        "<Pupil><PersonID>101</PersonID></Pupil>",
        "<Student><PersonID/><PersonID>101</PersonID></Student>",
    ],
    ids=["another name of the element", "another name of the row", "an empty one first"],
)
def test_a_row_that_is_not_read_is_theirs_too_if_it_names_the_person(row: str) -> None:
    rows, rest = rows_of_person("GetXmlStudents", document("Students", row), "101", ())
    assert len(rows) == 1
    assert b"101" not in rest


@pytest.mark.parametrize(
    "row",
    [
        "<Student><PersonID>7</PersonID><YearTaughtIn>101</YearTaughtIn></Student>",
        "<Student><PersonID>7</PersonID><AdmissionNumber>101</AdmissionNumber></Student>",
        "<Student><Surname>101</Surname></Student>",
        "<Summary>101</Summary>",
    ],
)
def test_a_number_that_is_no_person_id_is_nobodys(row: str) -> None:
    content = document("Students", row)
    assert rows_of_person("GetXmlStudents", content, "101", ()) == ([], content)


def test_an_address_is_theirs_if_it_is_among_those_that_are() -> None:
    content = document("Addresses", *(f"<Address><AddressID>{number}</AddressID></Address>" for number in (101, 5)))
    assert rows_of_person("GetXmlAddresses", content, "101", ()) == ([], content)
    rows, rest = rows_of_person("GetXmlAddresses", content, "101", {"5"})
    assert rows == [{"AddressID": "5"}]
    assert b">101<" in rest


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if "PersonID" in each.columns], ids=str)
def test_each_document_is_parted(operation: object) -> None:
    root, row = operation.root, operation.row  # type: ignore[attr-defined]
    content = document(root, *(f"<{row}><PersonID>{number}</PersonID></{row}>" for number in (101, 102)))
    rows, rest = rows_of_person(operation.name, content, "101", ())  # type: ignore[attr-defined]
    assert rows == [{"PersonID": "101"}]
    assert b">102<" in rest


@pytest.mark.parametrize(
    "content",
    [b"", b"no XML", b"<Students><Student><PersonID>101", b'<!DOCTYPE a [<!ENTITY b "101">]><Students>&b;</Students>'],
)
def test_of_a_document_that_cannot_be_read_nobody_can_tell_whose_it_is(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        rows_of_person("GetXmlStudents", content, "101", ())


def test_the_schools_own_document_is_nobodys() -> None:
    assert rows_of_person("GetXmlSchool", b"anything", "101", ()) == ([], b"anything")
