"""Facts of SIMS documents that a reader must take as they are (SPEC section 2)."""

from __future__ import annotations

import tracemalloc
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sims_sync.errors import RollRefused, UnexpectedAnswer
from sims_sync.sims.documents import OPERATIONS, SCHOOL, Operation
from sims_sync.sims.extract import check_school
from sims_sync.sims.reader import read_document

STUDENTS = OPERATIONS[0]
PROLOG = '<?xml version="1.0" encoding="iso-8859-1" standalone="yes"?>'


def read(body: str, operation: Operation = STUDENTS) -> list[dict[str, str | None]]:
    table = read_document(operation, (PROLOG + body).encode("iso-8859-1", "xmlcharrefreplace"))
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()} for row in table.to_dict("records")
    ]


def test_rows_and_elements_that_we_do_not_know_are_ignored_in_any_order() -> None:
    (row,) = read(
        "<Students><Summary><PersonID>7</PersonID></Summary><!-- note --><Student><Surname>Archer</Surname>"
        "<Contacts><PersonID>8</PersonID></Contacts><PersonID>1</PersonID><UPN>x</UPN></Student></Students>"
    )
    assert (row["person_id"], row["surname"]) == ("1", "Archer")
    assert set(row) == set(STUDENTS.columns.values())


def test_an_absent_element_and_an_empty_one_both_mean_null_and_values_are_trimmed() -> None:
    (row,) = read("<Students><Student><PersonID> 1\n</PersonID><Forename/><Gender>  </Gender></Student></Students>")
    assert row["person_id"] == "1"
    assert row["forename"] is row["gender"] is row["surname"] is None


def test_admission_numbers_are_text_with_leading_zeros() -> None:
    (row,) = read("<Students><Student><AdmissionNumber>004604</AdmissionNumber></Student></Students>")
    assert row["admission_number"] == "004604"


def test_characters_that_the_encoding_lacks_come_as_numeric_references() -> None:
    (row,) = read("<Students><Student><Surname>Ś Zoë</Surname></Student></Students>")
    assert row["surname"] == "Ś Zoë"


def test_of_an_element_that_stands_twice_the_first_that_is_not_empty_counts() -> None:
    (row,) = read("<Students><Student><Surname/><Surname>A</Surname><Surname>B</Surname></Student></Students>")
    assert row["surname"] == "A"


def test_a_document_without_rows_is_an_empty_table() -> None:
    assert read("<Students/>") == []


@pytest.mark.parametrize(
    ("document", "came"),
    [
        (b"<Pupils/>", "<Pupils>"),
        (b"<html><body/></html>", "<html>"),
        (b"<Students><Student><PersonID>1</Person", "no XML"),
        (b"<Students><Student></Students>", "no XML"),
        (b"", "no XML"),
        (b"Ada Archer", "no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><Students/>', "no XML"),
        (b'<?xml version="1.0" encoding="utf-8"?><Students>\xff</Students>', "no XML"),
        (b"<!DOCTYPE Students><Students/>", "DTD"),
        (b'<!DOCTYPE Students [<!ENTITY a "Ada">]><Students>&a;</Students>', "DTD"),
        (b'<!DOCTYPE Students [<!ENTITY a SYSTEM "file:///etc/passwd">]><Students>&a;</Students>', "DTD"),
        (b'<!DOCTYPE S SYSTEM "http://127.0.0.1:1/s.dtd"><Students/>', "DTD"),
    ],
)
def test_what_is_no_document_of_the_operation_fails_and_says_what_came(document: bytes, came: str) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        read_document(STUDENTS, document)
    message = str(caught.value)
    assert message.startswith("GetXmlStudents: expected a document <Students>")
    assert came in message
    assert "Ada" not in message


def test_a_document_cut_at_any_byte_is_refused() -> None:
    whole = f"{PROLOG}<Students><Student><PersonID>1</PersonID></Student></Students>".encode()
    for cut in range(len(whole)):
        with pytest.raises(UnexpectedAnswer):
            read_document(STUDENTS, whole[:cut])


def test_memory_stays_within_a_few_times_the_document() -> None:
    row = "<Student>" + "".join(f"<{name}>value</{name}>" for name in STUDENTS.columns) + "</Student>"
    document = f"{PROLOG}<Students>{row * 20_000}</Students>".encode()
    tracemalloc.start()
    table = read_document(STUDENTS, document)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) == 20_000
    assert peak < 5 * len(document)


def plain(operation: Operation, document: bytes) -> list[dict[str, str | None]]:
    """The reader's meaning, in the plainest way."""
    rows = []
    for element in etree.fromstring(document):
        if element.tag != operation.row:
            continue
        row: dict[str, str | None] = {}
        for tag, column in operation.columns.items():
            texts = [(child.text or "").strip() for child in element if child.tag == tag]
            row[column] = next((text for text in texts if text), None)
        rows.append(row)
    return rows


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2000, blacklist_categories=("Cc", "Cs")), max_size=6)
ELEMENT = st.tuples(st.sampled_from([*STUDENTS.columns, "Unknown"]), TEXT)
ROWS = st.lists(st.tuples(st.sampled_from(["Student", "Other"]), st.lists(ELEMENT, max_size=5)), max_size=5)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_the_reader_agrees_with_a_plain_one(rows: list[tuple[str, list[tuple[str, str]]]]) -> None:
    body = "".join(
        f"<{row}>" + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements) + f"</{row}>"
        for row, elements in rows
    )
    document = f"{PROLOG}<Students>{body}</Students>".encode("iso-8859-1", "xmlcharrefreplace")
    assert read(f"<Students>{body}</Students>") == plain(STUDENTS, document)


@pytest.mark.parametrize(("la", "estab"), [("823", "9999"), ("999", "4321"), ("0823", "4321"), (None, "4321")])
def test_another_schools_numbers_are_refused_and_both_are_named(la: str | None, estab: str) -> None:
    school = pd.DataFrame([{"name": "Other", "la": la, "estab": estab}], columns=list(SCHOOL.columns.values()))
    with pytest.raises(RollRefused) as caught:
        check_school(school, "823", "4321")
    assert f"{la}/{estab}" in str(caught.value)
    assert "823/4321" in str(caught.value)
