"""A school's extract is fetched whole, or refused as a whole (SPEC section 2)."""

from __future__ import annotations

import logging
from datetime import date

import pytest
from scripted_sims import Script

from sims_sync.model.errors import RollRefused, UnexpectedAnswer
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS, SCHOOL
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.sources.source import TABLES, extract

TODAY = date(2026, 11, 23)
PROLOG = '<?xml version="1.0" encoding="iso-8859-1" standalone="yes"?>'
DOCUMENTS = {
    **{operation.name: f"{PROLOG}<{operation.root}/>" for operation in OPERATIONS},
    "GetXmlSchool": f"{PROLOG}<Schools><School><SchoolName>Green Abbey</SchoolName><LEA> 082 </LEA><Estab>4321</Estab>"
    "</School></Schools>",
    "GetXmlStudents": f"{PROLOG}<Students><Student><PersonID>8467251</PersonID></Student></Students>",
    "GetXmlPersonEmails": f"{PROLOG}<PersonEmails><PersonEmail><PersonID>8467251</PersonID>"
    "<EmailAddress>ada@example.org</EmailAddress></PersonEmail></PersonEmails>",
}


def test_all_documents_are_fetched_one_after_the_other_the_school_first(
    script: Script, client: SimsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    script.send_documents(DOCUMENTS)
    extracted = extract(Sims(lambda: client, "082", "4321"), TODAY)
    assert script.operations == [SCHOOL.name, *(operation.name for operation in OPERATIONS)]
    assert script.most_at_once == 1
    assert extracted.documents == {
        name: document.replace("iso-8859-1", "utf-8").encode() for name, document in DOCUMENTS.items()
    }
    assert set(extracted.tables) == {operation.table for operation in OPERATIONS} == set(TABLES)
    assert "GetXmlStudents: 1 rows" in caplog.text
    assert "8467251" not in caplog.text
    assert "ada@" not in caplog.text
    assert "ada@" not in repr(extracted)


def test_the_effective_date_goes_with_the_calls_that_take_one(script: Script, client: SimsClient) -> None:
    script.send_documents(DOCUMENTS)
    extract(Sims(lambda: client, "082", "4321"), TODAY)
    dated = {
        name for name, request in zip(script.operations, script.requests, strict=True) if b">2026-11-23<" in request
    }
    assert dated == {operation.name for operation in OPERATIONS if operation.dated}
    assert set(DOCUMENTS) - dated == {"GetXmlSchool", "GetXmlAddresses"}


def test_a_connection_test_makes_the_one_call_getxmlschool(script: Script, client: SimsClient) -> None:
    script.send_documents(DOCUMENTS)
    school = client.school()
    assert (school.name, school.la, school.estab) == ("Green Abbey", "082", "4321")
    assert script.operations == ["GetXmlSchool"]


@pytest.mark.parametrize(
    ("la", "estab", "came"),
    [
        ("082", "9999", "082/9999"),
        ("999", "4321", "999/4321"),
        ("82", "4321", "82/4321"),
        ("", "4321", "(none)/4321"),
        ("082", "Ada Archer", "082/(no number)"),
    ],
)
def test_another_schools_numbers_are_refused_before_any_student_is_read(
    script: Script, client: SimsClient, la: str, estab: str, came: str
) -> None:
    school = DOCUMENTS["GetXmlSchool"].replace(" 082 ", la).replace("4321", estab)
    script.send_documents({**DOCUMENTS, "GetXmlSchool": school})
    with pytest.raises(RollRefused) as caught:
        extract(Sims(lambda: client, "082", "4321"), TODAY)
    assert came in str(caught.value)
    assert "082/4321" in str(caught.value)
    assert "sims_green_abbey" in str(caught.value)
    assert script.operations == ["GetXmlSchool"]


@pytest.mark.parametrize("schools", [0, 2])
def test_an_answer_that_holds_not_one_school_is_refused_before_any_student_is_read(
    script: Script, client: SimsClient, schools: int
) -> None:
    script.send_documents({**DOCUMENTS, "GetXmlSchool": f"<Schools>{'<School/>' * schools}</Schools>"})
    with pytest.raises(UnexpectedAnswer, match=f"expected one school, and SIMS sent {schools}"):
        extract(Sims(lambda: client, "082", "4321"), TODAY)
    assert script.operations == ["GetXmlSchool"]


def test_zero_students_are_refused(script: Script, client: SimsClient) -> None:
    script.send_documents({**DOCUMENTS, "GetXmlStudents": f"{PROLOG}<Students><Summary/></Students>"})
    with pytest.raises(RollRefused, match="no student"):
        extract(Sims(lambda: client, "082", "4321"), TODAY)


@pytest.mark.parametrize("address", ["", "<PersonEmail><EmailAddress> </EmailAddress></PersonEmail>"])
def test_students_but_not_one_email_address_in_the_whole_document_are_refused(
    script: Script, client: SimsClient, address: str
) -> None:
    script.send_documents({**DOCUMENTS, "GetXmlPersonEmails": f"<PersonEmails>{address}</PersonEmails>"})
    with pytest.raises(RollRefused, match="not one email address"):
        extract(Sims(lambda: client, "082", "4321"), TODAY)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_truncated_document_in_a_whole_soap_answer_is_refused(
    script: Script, client: SimsClient, operation: object
) -> None:
    name = operation.name  # type: ignore[attr-defined]
    script.send_documents({**DOCUMENTS, name: DOCUMENTS[name][:-3]})
    with pytest.raises(UnexpectedAnswer, match=f"{name}: expected a document .* ends early, at byte"):
        extract(Sims(lambda: client, "082", "4321"), TODAY)
