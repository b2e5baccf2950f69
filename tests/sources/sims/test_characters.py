"""The characters of SIMS's answers: those of the string count, and one that nothing can be made of stops no school
(SPEC section 2)."""

from __future__ import annotations

import re
from datetime import date
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from scripted_sims import Script, envelope

from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.sources.sims.characters import decoded, parsable
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.envelope import read_envelope
from sims_sync.sources.sims.operations import OPERATIONS
from sims_sync.sources.sims.parting import rows_of_person
from sims_sync.sources.sims.reader import Rows, read_rows

TODAY = date(2026, 11, 23)
STUDENTS, ADDRESSES = OPERATIONS[:2]
FORBIDDEN = [*range(0x9), 0xB, 0xC, *range(0xE, 0x20), 0xFFFE, 0xFFFF]
PROLOG = '<?xml version="1.0" encoding="{}" standalone="yes"?>'


def surname(text: str, encoding: str = "iso-8859-1") -> str:
    """A document of one student, whose surname is written so."""
    row = f"<Student><PersonID>101</PersonID><Surname>{text}</Surname></Student>"
    return f"{PROLOG.format(encoding)}<Students>{row}</Students>"


def read(script: Script, client: SimsClient, document: str, answer: bytes | None = None, **header: str) -> Rows:
    script.send(envelope("GetXmlStudents", document) if answer is None else answer, **header)  # type: ignore[arg-type]
    return read_rows(STUDENTS, client.fetch(STUDENTS, TODAY))


def the_surname(rows: Rows) -> str | None:
    value = rows.table["surname"].iloc[0]
    return None if pd.isna(value) else str(value)


@pytest.mark.parametrize("encoding", ["iso-8859-1", "us-ascii", "windows-1252", "utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("<![CDATA[O\u2019Brien & Sons]]>", "O\u2019Brien & Sons"),
        ("<![CDATA[R&#8217;D &amp; &#x1F;]]>", "R&#8217;D &amp; &#x1F;"),
        ("<![CDATA[Ś]]> &#8217; <![CDATA[😀]]>", "Ś \u2019 😀"),
        ("O\u2019Brien &amp; Zoë", "O\u2019Brien & Zoë"),
        ("O&#8217;Brien &#x15A;", "O\u2019Brien Ś"),
        ("<!-- &#x1F; \u2019 -->Archer", "Archer"),
    ],
)
def test_the_characters_of_the_string_count_whatever_the_prolog_says_of_bytes(
    script: Script, client: SimsClient, encoding: str, written: str, meant: str
) -> None:
    rows = read(script, client, surname(written, encoding))
    assert (the_surname(rows), rows.spoilt) == (meant, [])


@pytest.mark.parametrize(
    ("charset", "bytes_in", "prolog"),
    [
        ("iso-8859-1", "iso-8859-1", ""),
        ('"ISO-8859-1"', "iso-8859-1", '<?xml version="1.0" encoding="utf-8"?>'),
        ("windows-1252", "cp1252", '<?xml version="1.0"?>'),
        ("utf-8", "utf-8", '<?xml version="1.0" encoding="iso-8859-1"?>'),
        ("utf-8", "utf-8", '<?xml version="1.0" encoding="utf-16"?>'),
        ("utf-16", "utf-16", ""),
        ("utf-8", "utf-16", '<?xml version="1.0" encoding="utf-16"?>'),  # its byte order mark says so
        ("klingon", "utf-8", ""),
        ("base64", "iso-8859-1", '<?xml version="1.0" encoding="iso-8859-1"?>'),
        ("", "iso-8859-1", '<?xml version="1.0" encoding="iso-8859-1"?>'),
        ("", "utf-8-sig", ""),
        ("", "utf-16-le", '<?xml version="1.0" encoding="utf-16"?>'),
    ],
)
def test_the_envelope_is_read_in_the_charset_of_its_http_header(charset: str, bytes_in: str, prolog: str) -> None:
    text = prolog + envelope("GetXmlStudents", surname("Zoë")).decode().partition("?>")[2]
    content = text.encode(bytes_in)
    for size in (1, 7, len(content)):
        pieces = (content[start : start + size] for start in range(0, len(content), size))
        assert "Zoë" in read_envelope(pieces, charset.strip('"') or None).result_of("GetXmlStudents").decode()


def test_the_charset_is_that_of_the_answers_own_header(script: Script, client: SimsClient) -> None:
    answer = envelope("GetXmlStudents", surname("Zoë")).decode().encode("iso-8859-1")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml; Charset=ISO-8859-1\r\nContent-Length: {len(answer)}\r\n\r\n"
    script.answer = lambda handler: handler.wfile.write(head.encode() + answer)
    assert the_surname(read_rows(STUDENTS, client.fetch(STUDENTS, TODAY))) == "Zoë"


@pytest.mark.parametrize("code", range(0x80, 0xA0), ids=hex)
@pytest.mark.parametrize("form", ["{0}", "&#{1};", "&#x{1:X};", "<![CDATA[{0}]]>"])
def test_u_0080_to_u_009f_are_windows_1252_whatever_the_label(
    script: Script, client: SimsClient, code: int, form: str
) -> None:
    rows = read(script, client, surname(f"O{form.format(chr(code), code)}Brien"))
    nothing = code in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
    meant = "" if nothing else bytes([code]).decode("cp1252")
    assert (the_surname(rows), rows.spoilt) == (f"O{meant}Brien", [0] if nothing else [])


@pytest.mark.parametrize("code", [*FORBIDDEN, 0xD800, 0xDFFF, 0x110000, 10**12], ids=hex)
@pytest.mark.parametrize("form", ["&#{};", "&#00{};", "&#x{:X};", "&#x{:04x};"])
def test_a_reference_to_what_xml_forbids_is_dropped_from_its_value(code: int, form: str) -> None:
    rows = read_rows(STUDENTS, surname(f"Ar{form.format(code)}cher").encode())
    assert (the_surname(rows), rows.spoilt) == ("Archer", [0])


@pytest.mark.parametrize("code", FORBIDDEN, ids=hex)
@pytest.mark.parametrize("form", ["{0}", "&#x{1:X};", "&#{1};", "<![CDATA[{0}]]>"])
def test_a_character_that_xml_forbids_in_the_string_itself_is_dropped_from_its_value(
    script: Script, client: SimsClient, code: int, form: str
) -> None:
    """Where the answer's own writer checks no characters, they stand in the envelope as they are, or as references."""
    answer = envelope("GetXmlStudents", surname("Ar@cher")).replace(b"@", form.format(chr(code), code).encode())
    if "CDATA" in form:
        answer = envelope("GetXmlStudents", "@").replace(b"@", f"<![CDATA[{surname(f'Ar{chr(code)}cher')}]]>".encode())
    rows = read(script, client, "", answer)
    assert (the_surname(rows), rows.spoilt) == ("Archer", [0])


@pytest.mark.parametrize(
    "allowed", ["&#9;", "&#xA;", "&#13;", "&#x20;", "&#xD7FF;", "&#xE000;", "&#xFFFD;", "&#x10FFFF;"]
)
def test_a_reference_that_xml_allows_is_that_character(allowed: str) -> None:
    rows = read_rows(STUDENTS, surname(f"a{allowed}b").encode())
    assert the_surname(rows) == etree.fromstring(f"<a>a{allowed}b</a>").text
    assert rows.spoilt == []


def test_in_an_element_that_nobody_reads_it_is_ignored() -> None:
    rows = read_rows(STUDENTS, surname("Archer</Surname><Notes>&#x1F;&#x81;</Notes><Surname>").encode())
    assert (the_surname(rows), rows.spoilt) == ("Archer", [])


def test_a_value_of_nothing_else_is_blank_and_the_places_of_all_such_rows_are_told() -> None:
    rows = "".join(f"<Student><Surname>{each}</Surname></Student><Other/>" for each in ("&#1;", "A", "B&#2;", "C"))
    read = read_rows(STUDENTS, f"<Students>{rows}</Students>".encode())
    assert read.table["surname"].fillna("").tolist() == ["", "A", "B", "C"]
    assert read.spoilt == [0, 2]


def test_a_document_of_sections_that_never_end_is_read_once() -> None:
    assert len(parsable(b"&#x1F;" + b"<![CDATA[" * 200_000)) > 1_000_000


@settings(max_examples=300, deadline=None)
@given(st.text(), st.integers(1, 9), st.sampled_from(["utf-8", "utf-16", "iso-8859-1"]))
@example("&#x1F;&#31;&#8217;&&#&#x;", 3, "utf-8")
@example("&#" + "0" * 40 + "65;", 2, "utf-8")
def test_wherever_the_pieces_end_the_text_is_the_same(text: str, size: int, encoding: str) -> None:
    content = text.encode(encoding, "ignore")
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    mark = encoding if not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) else None
    whole = "".join(decoded([content], mark))
    assert "".join(decoded(pieces, mark)) == whole
    assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", whole)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_whatever_stands_in_a_value_no_school_stops(text: str) -> None:
    document = surname("".join(f"&#{ord(each)};" if each < " " or each > "~" else escape(each) for each in text))
    assert len(read_rows(STUDENTS, document.encode()).table) == 1


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (
            ["<AddressID>9001</AddressID>", "<AddressID>9002</AddressID><Street>&nbsp;</Street>"],
            "in row 2 (AddressID 9002)",
        ),
        (
            ["<AddressID>9001</AddressID>", "<Street>a & b</Street>"],
            "in row 2, which follows the one of AddressID 9001",
        ),
        (["<Street>a < b</Street>"], "in row 1"),
        (["<AddressID>9001</AddressID>", "</Address><Address/>&oops;<Address>"], "after row 3"),
        (["<AddressID>Ada Archer</AddressID><Street>&oops;</Street>"], "in row 1"),
        (
            ["<AddressID>9001</AddressID>"] * 3000 + ["<AddressID>9002</AddressID></Street>"],
            "in row 3,001 (AddressID 9002)",
        ),
    ],
)
def test_what_cannot_be_read_all_the_same_is_told_by_its_row_and_handed_over_to_be_kept(
    rows: list[str], place: str
) -> None:
    document = f"<Addresses>{''.join(f'<Address>{row}</Address>' for row in rows)}</Addresses>".encode()
    with pytest.raises(UnexpectedAnswer) as caught:
        read_rows(ADDRESSES, document)
    assert f", {place}" in caught.value.message
    assert "text that is no XML from line 1" in caught.value.message
    assert "Ada" not in str(caught.value)
    assert caught.value.document == ("GetXmlAddresses", document)


def test_rows_with_such_a_character_are_still_somebodys() -> None:
    rows = b"".join(b"<Student><PersonID>%s</PersonID></Student>" % each for each in (b"1&#0;01", b"102"))
    document = b"<Students>" + rows + b"</Students>"
    theirs, rest = rows_of_person("GetXmlStudents", document, "101", ())
    assert len(theirs) == 1
    assert b"102" in rest
