"""Facts of SIMS documents that a reader must take as they are (SPEC section 2)."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.sources.sims import reader
from sims_sync.sources.sims.operations import OPERATIONS, Operation
from sims_sync.sources.sims.reader import read_document

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
        (b"<Ada-Archer/>", "another XML document"),
        (b'<Students xmlns="urn:x"/>', "<Students> of an XML namespace"),
        (b"<html><body/></html>", "an HTML page"),
        (b"<!DOCTYPE HTML><html><body>", "an HTML page"),
        (b"<Students><Student><PersonID>1</Person", "ends early, at byte 38"),
        (b"<Students><Student></Students>", "no XML"),
        (b"<Students/><Students/>", "no XML"),
        (b"", "nothing"),
        (b"Ada Archer", "no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><Students/>', "no XML"),
        (b'<?xml version="1.0" encoding="utf-8"?><Students>\xff</Students>', "no XML"),
        (b"<!DOCTYPE Students><Students/>", "DTD"),
        (b'<!DOCTYPE Students [<!ENTITY a "Ada">]><Students>&a;</Students>', "DTD"),
        (b'<!DOCTYPE Students [<!ENTITY a SYSTEM "file:///etc/passwd">]><Students>&a;</Students>', "DTD"),
        (b'<!DOCTYPE S SYSTEM "http://127.0.0.1:1/s.dtd"><Students/>', "DTD"),
        (b'<!DOCTYPE S [<!ENTITY % a SYSTEM "http://127.0.0.1:1/"> %a;]><Students/>', "DTD"),
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE Students><Students/>'.encode("utf-16"), "DTD"),
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
        with pytest.raises(UnexpectedAnswer) as caught:
            read_document(STUDENTS, whole[:cut])
        assert f"ends early, at byte {cut}" in str(caught.value) or cut == 0


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-8", "utf-16", "us-ascii"])
def test_the_document_is_read_in_the_encoding_that_its_prolog_names(encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><Students><Student><Surname>Zoë Ś</Surname></Student></Students>'
    )
    table = read_document(STUDENTS, text.encode(encoding, "xmlcharrefreplace"))
    assert list(table["surname"]) == ["Zoë Ś"]


def test_every_column_is_text_whatever_it_holds() -> None:
    for body in ("", "<Student/>", "<Student><PersonID>1</PersonID></Student>"):
        table = read_document(STUDENTS, f"<Students>{body}</Students>".encode())
        assert list(table.columns) == list(STUDENTS.columns.values())
        assert set(map(str, table.dtypes)) == {"str"}


def test_memory_stays_below_the_values_and_some_chunks() -> None:
    """20 MB of rows whose elements are not read: the tree of them alone would take several times that."""
    row = b"<Student><PersonID>1</PersonID>" + b"<Unknown>value</Unknown>" * 40 + b"</Student>"
    document = b"<Students>" + row * (20 * 2**20 // len(row)) + b"</Students>"
    program = (
        "import re, sys; from pathlib import Path; from sims_sync.sources.sims.operations import OPERATIONS; "
        "from sims_sync.sources.sims.reader import read_document; document = sys.stdin.buffer.read(); "
        "read_document(OPERATIONS[0], b'<Students/>'); "
        # ru_maxrss would not do: it begins with the peak of the process that started this one
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+) kB', Path('/proc/self/status').read_text())[1]); "
        "before = peak(); table = read_document(OPERATIONS[0], document); "
        "print(len(table), peak() - before)"
    )
    output = subprocess.run([sys.executable, "-c", program], input=document, capture_output=True, check=True).stdout
    rows, kilobytes = map(int, output.split())
    assert rows > 20_000
    assert kilobytes < 16 * 2**10


def plain(operation: Operation, document: bytes) -> list[dict[str, str | None]]:
    """The reader's meaning, in the plainest way."""
    rows = []
    for element in etree.fromstring(document):
        if element.tag != operation.row:
            continue
        row: dict[str, str | None] = {}
        for tag, column in operation.columns.items():
            texts = [meant(child.text or "") for child in element if child.tag == tag]
            row[column] = next((text for text in texts if text), None)
        rows.append(row)
    return rows


def meant(text: str) -> str:
    """A value without what is invisible at its ends, character by character."""
    visible = [place for place, each in enumerate(text) if not is_invisible(each)]
    return text[visible[0] : visible[-1] + 1] if visible else ""


def is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Zs", "Cc") or character.isspace()


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2000, blacklist_categories=("Cc", "Cs")), max_size=6)
ELEMENT = st.tuples(st.sampled_from([*STUDENTS.columns, "Unknown"]), TEXT)
ROWS = st.lists(st.tuples(st.sampled_from(["Student", "Other"]), st.lists(ELEMENT, max_size=5)), max_size=5)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.sampled_from([1, 7, 64, 2**16]))
def test_the_reader_agrees_with_a_plain_one_wherever_its_chunks_end(
    rows: list[tuple[str, list[tuple[str, str]]]], chunk: int
) -> None:
    body = "".join(
        f"<{row}>" + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements) + f"</{row}>"
        for row, elements in rows
    )
    document = f"{PROLOG}<Students>{body}</Students>".encode("iso-8859-1", "xmlcharrefreplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_CHUNK", chunk)
        assert read(f"<Students>{body}</Students>") == plain(STUDENTS, document)


def test_a_row_that_never_ends_and_rows_beyond_count_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = b"<Students><Student>" + b"<a/>" * (reader.MAX_ROW_BYTES // 4 + 2**17)
    with pytest.raises(UnexpectedAnswer, match="a row of more than 4 MB"):
        read_document(STUDENTS, endless)
    monkeypatch.setattr(reader, "MAX_ROWS", 30_000)
    assert len(read_document(STUDENTS, b"<Students>" + b"<Student/>" * 30_000 + b"</Students>")) == 30_000
    with pytest.raises(UnexpectedAnswer, match="more than the 30,000 rows"):
        read_document(STUDENTS, b"<Students>" + b"<Student/>" * 30_001 + b"</Students>")


def test_rows_beyond_the_first_batch_keep_their_order() -> None:
    rows = "".join(f"<Student><PersonID>{number}</PersonID></Student>" for number in range(25_000))
    table = read_document(STUDENTS, f"<Students>{rows}</Students>".encode())
    assert list(table["person_id"]) == [str(number) for number in range(25_000)]
    assert list(table.index) == list(range(25_000))
