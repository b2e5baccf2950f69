"""The broker as its clients see it: SPEC section 2 over the wire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import requests
import zeep
from lxml import etree

from sandbox.sims.database import Database
from sandbox.sims.documents import ADDRESS_DETAILS, DOCUMENTS, PERMISSIONS, PROLOG, Document
from sandbox.sims.server import Call, running
from sandbox.sims.soap import SIMS, SOAP, WSSE

TODAY = date(2026, 9, 15)
Connect = Callable[..., Any]


def ask(service: Any, document: Document, day: date = TODAY) -> str:
    operation = getattr(service, document.operation)
    return operation(effectiveDate=day) if document.dated else operation()


def rows(text: str, row: str) -> list[dict[str, str | None]]:
    root = etree.fromstring(text.encode("iso-8859-1"))
    return [{element.tag: element.text for element in found} for found in root.findall(row)]


def post(url: str, body: str, **headers: str) -> requests.Response:
    return requests.post(url, body.encode(), headers={"Content-Type": "text/xml", **headers}, timeout=10)


def envelope(body: str, header: str = "") -> str:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'


LOGIN = (
    f'<w:Security xmlns:w="{WSSE}"><w:UsernameToken><w:Username>sims</w:Username>'
    "<w:Password>sims</w:Password></w:UsernameToken></w:Security>"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.operation)
def test_each_operation_answers_one_document_with_its_own_prolog(
    school: Database, connect: Connect, document: Document
) -> None:
    school.put_student(101, telephone="01632 960101", address={"street": "Mill Lane", "postcode": "LS1 1AA"})
    school.put_sen_provision(101, "K", "SEN Support", start_date=date(2025, 9, 1))
    school.put_free_meal(101, date(2025, 9, 1))
    with running(school) as broker:
        text = ask(connect(broker), document)
    assert text.startswith(PROLOG)
    root = etree.fromstring(text.encode("iso-8859-1"))
    assert root.tag == document.root
    assert len(root.findall(document.row)) == 1
    assert {element.tag for element in root.find(document.row)} <= set(document.elements.values())
    assert broker.calls == [Call(document.operation, "2026-09-15" if document.dated else None)]


def test_values_are_written_as_sims_writes_them(school: Database, connect: Connect) -> None:
    school.put_student(101, surname="O'Neill & <Moss>", gender="", chosen_name=None, date_of_birth=date(2007, 6, 1))
    school.put_email(101, " spaced@example.org ", "W", main="Yes", primary=False)
    with running(school) as broker:
        service = connect(broker)
        [student] = rows(service.GetXmlStudents(effectiveDate=TODAY), "Student")
        emails = rows(service.GetXmlPersonEmails(effectiveDate=TODAY), "PersonEmail")
        assert rows(service.GetXmlSchool(), "School") == [
            {"SchoolName": "Green Abbey School", "LEA": "823", "Estab": "4321", "Phase": "Secondary"}
        ]
    assert student["DOB"] == "2007-06-01T00:00:00"
    assert student["Surname"] == "O'Neill & <Moss>"
    assert student["AdmissionNumber"] == "000101"
    assert student["Gender"] is None
    assert "ChosenName" not in student
    assert [(row["EmailAddress"], row["Main"], row["Primary"]) for row in emails] == [
        ("person-101@example.org", "T", "T"),
        (" spaced@example.org ", "Yes", "F"),
    ]


def test_characters_that_latin_1_lacks_come_as_numeric_references(school: Database, connect: Connect) -> None:
    school.put_student(101, forename="Łukasz", surname="Østergård")
    with running(school) as broker:
        text = connect(broker).GetXmlStudents(effectiveDate=TODAY)
    assert "<Forename>&#321;ukasz</Forename>" in text
    assert "<Surname>Østergård</Surname>" in text
    assert rows(text, "Student")[0]["Forename"] == "Łukasz"


def test_documents_hold_rows_and_orders_of_elements_that_nobody_expects(school: Database, connect: Connect) -> None:
    for person_id in range(1, 5):
        school.put_student(person_id)
    with running(school) as broker:
        text = connect(broker).GetXmlStudents(effectiveDate=TODAY)
    found = rows(text, "Student")
    assert next(iter(found[0])) == "PersonID"
    assert list(found[1])[-1] == "PersonID"
    assert etree.fromstring(text.encode("iso-8859-1"))[-1].tag == "Summary"
    assert [row["PersonID"] for row in found] == ["1", "2", "3", "4"]


def test_the_roll_is_that_of_the_effective_date(school: Database, connect: Connect) -> None:
    school.put_student(1)
    school.put_student(2, valid_to=date(2026, 9, 14))
    school.put_student(3, valid_from=date(2026, 9, 15))
    school.leave(1, date(2026, 9, 20))
    school.rejoin(1, date(2026, 10, 1))

    with running(school) as broker:
        service = connect(broker)

        def on_roll(day: date) -> list[str | None]:
            return [row["PersonID"] for row in rows(service.GetXmlStudents(effectiveDate=day), "Student")]

        assert on_roll(date(2026, 9, 14)) == ["1", "2"]
        assert on_roll(date(2026, 9, 15)) == ["1", "3"]
        assert on_roll(date(2026, 9, 20)) == ["1", "3"]
        assert on_roll(date(2026, 9, 21)) == ["3"]
        assert on_roll(date(2026, 10, 1)) == ["1", "3"]


def test_the_other_documents_are_those_of_the_effective_date(school: Database, connect: Connect) -> None:
    school.put_student(1, mobile="07700 900001")
    school.put_student(2, mobile="07700 900002")
    school.change("telephones", {"person_id": 1}, on=TODAY, number="07700 900099")
    with running(school) as broker:
        service = connect(broker)

        def numbers(day: date) -> list[str | None]:
            return [row["Number"] for row in rows(service.GetXmlPersonTelephones(effectiveDate=day), "PersonTelephone")]

        assert numbers(date(2026, 9, 14)) == ["07700 900001", "07700 900002"]
        assert numbers(TODAY) == ["07700 900099", "07700 900002"]


def test_operations_without_a_date_answer_as_of_the_brokers_day(school: Database, connect: Connect) -> None:
    school.put("addresses", address_id=1, street="Old Street", valid_to=date(2026, 9, 14))
    school.put("addresses", address_id=1, street="New Street", valid_from=TODAY)
    with running(school, today=date(2026, 9, 14)) as broker:
        service = connect(broker)
        assert rows(service.GetXmlAddresses(), "Address")[0]["Street"] == "Old Street"
        broker.today = TODAY
        assert [row["Street"] for row in rows(service.GetXmlAddresses(), "Address")] == ["New Street"]


@pytest.mark.parametrize("digest", [False, True], ids=["PasswordText", "PasswordDigest"])
def test_the_right_password_is_accepted_and_a_wrong_one_gets_a_fault_of_ws_security(
    school: Database, connect: Connect, digest: bool
) -> None:
    with running(school, username="vera", password="pass & word") as broker:
        assert "Green Abbey" in connect(broker, username="vera", password="pass & word", digest=digest).GetXmlSchool()
        for username, password in (("vera", "wrong"), ("otto", "pass & word"), ("vera", "")):
            with pytest.raises(zeep.exceptions.Fault) as fault:
                connect(broker, username=username, password=password, digest=digest).GetXmlSchool()
            assert fault.value.code == "wsse:FailedAuthentication"
            assert fault.value.detail is None
    assert [call.fault for call in broker.calls] == [None, *["FailedAuthentication"] * 3]


def test_an_expired_account_gets_a_fault_of_ws_security(school: Database, connect: Connect) -> None:
    with running(school) as broker:
        broker.expired = True
        with pytest.raises(zeep.exceptions.Fault, match="expired") as fault:
            connect(broker).GetXmlSchool()
    assert fault.value.code == "wsse:FailedAuthentication"


def test_a_request_without_a_token_is_refused(school: Database) -> None:
    with running(school) as broker:
        answer = post(broker.url, envelope(f'<GetXmlSchool xmlns="{SIMS}"/>'))
    assert answer.status_code == 500
    assert "wsse:InvalidSecurity" in answer.text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.operation)
def test_a_lacking_permission_is_named_in_the_typed_detail(
    school: Database, connect: Connect, document: Document
) -> None:
    with running(school, denied=PERMISSIONS) as broker:
        service = connect(broker)
        if document.permissions:
            with pytest.raises(zeep.exceptions.Fault) as fault:
                ask(service, document)
            named = fault.value.detail.findall(f"{{{SIMS}}}PermissionDenied/{{{SIMS}}}Permission")
            assert [permission.text for permission in named] == list(document.permissions)
        broker.grant()
        assert document.root in ask(service, document)


def test_every_permission_is_needed_by_some_operation() -> None:
    assert {permission for document in DOCUMENTS for permission in document.permissions} == set(PERMISSIONS)


def test_only_the_operations_that_need_a_denied_permission_are_refused(school: Database, connect: Connect) -> None:
    with running(school) as broker:
        broker.deny(ADDRESS_DETAILS)
        service = connect(broker)
        assert "Students" in service.GetXmlStudents(effectiveDate=TODAY)
        with pytest.raises(zeep.exceptions.Fault):
            service.GetXmlPersonEmails(effectiveDate=TODAY)
        with pytest.raises(ValueError, match="No SIMS permission"):
            broker.deny("Students -> Everything")


@pytest.mark.parametrize(
    "call",
    [
        '<GetXmlStudents xmlns="{}"><effectiveDate>15/09/2026</effectiveDate></GetXmlStudents>',
        '<GetXmlStudents xmlns="{}"><effectiveDate>2026-02-30</effectiveDate></GetXmlStudents>',
        '<GetXmlStudents xmlns="{}"><effectiveDate/></GetXmlStudents>',
        '<GetXmlStudents xmlns="{}"/>',
        '<GetXmlAddresses xmlns="{}"><effectiveDate>2026-09-15</effectiveDate></GetXmlAddresses>',
        '<DropXmlStudents xmlns="{}"/>',
        '<GetXmlSchool xmlns="urn:another"/>',
        '<GetXmlSchool xmlns="{0}"/><GetXmlSchool xmlns="{0}"/>',
        "",
        "<unclosed>",
    ],
)
def test_a_wrong_call_gets_a_client_fault(school: Database, call: str) -> None:
    with running(school) as broker:
        answer = post(broker.url, envelope(call.replace("{0}", SIMS).replace("{}", SIMS), LOGIN))
    assert answer.status_code == 500
    assert etree.fromstring(answer.content).findtext(".//faultcode") == "soap:Client"


@pytest.mark.parametrize("zone", ["", "Z", "+01:00"])
def test_an_xs_date_may_carry_a_time_zone(school: Database, zone: str) -> None:
    school.put_student(101, valid_from=TODAY, valid_to=TODAY)
    call = f'<GetXmlStudents xmlns="{SIMS}"><effectiveDate>2026-09-15{zone}</effectiveDate></GetXmlStudents>'
    with running(school) as broker:
        assert "PersonID" in post(broker.url, envelope(call, LOGIN)).text


def test_other_protocols_are_refused_as_soap_1_1_says(school: Database) -> None:
    call = f'<GetXmlSchool xmlns="{SIMS}"/>'
    with running(school) as broker:
        newer = envelope(call, LOGIN).replace(SOAP, "http://www.w3.org/2003/05/soap-envelope")
        assert "soap:VersionMismatch" in post(broker.url, newer).text
        header = LOGIN + '<x:Route xmlns:x="urn:x" s:mustUnderstand="1"/>'
        assert "soap:MustUnderstand" in post(broker.url, envelope(call, header)).text
        assert "soap:Client" in post(broker.url, f"<!DOCTYPE s [<!ENTITY a 'b'>]>{envelope(call, LOGIN)}").text
        assert post(broker.url, envelope(call, LOGIN), **{"Content-Type": "application/json"}).status_code == 415
        assert post(broker.url, " " * 2_000_000).status_code == 413
        assert requests.get(broker.url, timeout=10).status_code == 405
        assert requests.get(broker.url.replace("ThirdParty", "Other"), timeout=10).status_code == 404
    assert broker.calls == []


def test_the_wsdl_names_the_address_that_it_came_from(school: Database) -> None:
    with running(school) as broker:
        answer = requests.get(f"{broker.url}?WSDL", timeout=10)
    address = etree.fromstring(answer.content).find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address.get("location") == broker.url


def test_a_call_while_another_is_answered_is_refused_and_counted(school: Database, connect: Connect) -> None:
    with running(school) as broker:
        first, second = connect(broker), connect(broker)
        broker.delay = 0.5
        slow = threading.Thread(target=first.GetXmlSchool)
        slow.start()
        time.sleep(0.2)
        with pytest.raises(zeep.exceptions.Fault, match="busy") as fault:
            second.GetXmlSchool()
        slow.join()
        assert fault.value.code == "soap:Server"
        assert broker.overlaps == 1
        second.GetXmlSchool()
        assert broker.overlaps == 1


def test_the_broker_can_fail_answer_nonsense_and_cut_the_connection(school: Database, connect: Connect) -> None:
    with running(school) as broker:
        service = connect(broker)
        broker.fail_next(503)
        with pytest.raises(zeep.exceptions.TransportError) as error:
            service.GetXmlSchool()
        assert error.value.status_code == 503
        broker.cut_next()
        with pytest.raises(requests.exceptions.RequestException):
            service.GetXmlSchool()
        broker.answer_with("GetXmlSchool", "<Pupils/>")
        assert service.GetXmlSchool() == "<Pupils/>"
        broker.answer_with("GetXmlSchool", None)
        assert "Green Abbey" in service.GetXmlSchool()


def test_a_port_in_use_is_an_error(school: Database) -> None:
    with (
        running(school) as broker,
        pytest.raises(OSError, match="in use"),
        running(school, port=int(broker.url.split(":")[2].split("/")[0])),
    ):
        pass
