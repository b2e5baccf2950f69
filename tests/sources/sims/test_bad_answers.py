"""What bad answers of SIMS must do (SPEC section 2): each its own clear fault, never a value of a person."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import threading
import time
from datetime import date

import pytest
from scripted_sims import Script, envelope, fault

from sims_sync.model.errors import (
    CredentialsRefused,
    PermanentFault,
    PermissionMissing,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS, PERMISSIONS

TODAY = date(2026, 11, 23)
STUDENTS = OPERATIONS[0]
DOCUMENT = '<?xml version="1.0" encoding="iso-8859-1"?><Students><Student><PersonID>1</PersonID></Student></Students>'
DENIED = (
    '<detail><PermissionDenied xmlns="urn:sims:thirdparty:v1"><Permission>'
    "Students -> Basic Details -> View (All)</Permission></PermissionDenied></detail>"
)


def fault_of(client: SimsClient) -> SyncError:
    with pytest.raises(SyncError) as caught:
        client.fetch(STUDENTS, TODAY)
    assert "GetXmlStudents" in str(caught.value), "the error names the operation"
    assert "Ada" not in str(caught.value), "no text of the server's, for it may hold values"
    assert caught.value.__cause__ is None
    return caught.value


def in_utf_8(document: str) -> bytes:
    """A document as it is kept: its characters, and what it says of its bytes is so."""
    return document.replace("iso-8859-1", "utf-8", 1).encode()


def test_a_good_answer_is_the_document_in_utf_8_with_the_characters_that_came(
    script: Script, client: SimsClient
) -> None:
    document = DOCUMENT.replace("<PersonID>1", "<Forename>Zoë &#346; Ś</Forename><PersonID>1")
    script.send(envelope("GetXmlStudents", document))
    assert client.fetch(STUDENTS, TODAY) == in_utf_8(document)


def test_what_stands_before_the_prolog_is_left_out(script: Script, client: SimsClient) -> None:
    script.send(envelope("GetXmlStudents", f"\ufeff\n{DOCUMENT}"))
    assert client.fetch(STUDENTS, TODAY) == in_utf_8(DOCUMENT)


def test_the_login_travels_as_a_username_token_and_the_wsdl_is_never_fetched(
    script: Script, client: SimsClient
) -> None:
    script.send(envelope("GetXmlStudents", DOCUMENT))
    client.fetch(STUDENTS, TODAY)
    (request,) = script.requests
    assert b"UsernameToken" in request
    assert b"<effectiveDate>2026-11-23</effectiveDate>" in request.replace(b"ns0:", b"")


XML_TYPES = (
    "string", "int", "integer", "long", "decimal", "float", "double", "boolean", "dateTime", "date", "time", "duration",
    "gYear", "gMonthDay", "QName", "NOTATION", "anyURI", "base64Binary", "hexBinary", "token", "ID", "anyType", "none",
)  # fmt: skip


@pytest.mark.parametrize(
    "claimed", [*(f"xsd:{name}" for name in XML_TYPES), "unbound:string", "tns:PermissionDenied", ""]
)
def test_the_type_that_a_result_claims_to_have_does_not_count(
    script: Script, client: SimsClient, caplog: pytest.LogCaptureFixture, claimed: str
) -> None:
    caplog.set_level(logging.DEBUG)
    document = DOCUMENT.replace("1</", "8467251</")
    names = (
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:tns="urn:sims:thirdparty:v1"'
    )
    result = f'<GetXmlStudentsResult {names} xsi:type="{claimed}">'.encode()
    script.send(envelope("GetXmlStudents", document).replace(b"<GetXmlStudentsResult>", result))
    assert client.fetch(STUDENTS, TODAY) == in_utf_8(document)
    assert "8467251" not in caplog.text


def test_not_even_at_debug_is_a_header_that_cannot_be_parsed_logged(
    script: Script, client: SimsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = envelope("GetXmlStudents", DOCUMENT)
    head = f"HTTP/1.1 200 Ada Archer\r\nX-Ada: Archer\r\nAda Archer\r\n: Ada\r\nContent-Length: {len(body)}\r\n\r\n"
    script.answer = lambda handler: handler.wfile.write(head.encode() + body)
    client.fetch(STUDENTS, TODAY)
    assert "Ada" not in caplog.text
    script.answer = lambda handler: handler.wfile.write(b"Ada Archer\r\n\r\n")
    fault_of(client)
    assert "Ada" not in caplog.text


def test_not_even_at_debug_is_a_body_or_the_password_logged(
    script: Script, client: SimsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script.send(envelope("GetXmlStudents", DOCUMENT.replace("1</", "8467251</")))
    client.fetch(STUDENTS, TODAY)
    script.send(fault("s:Server"), status="500 Internal Server Error")
    fault_of(client)
    assert "POST /ThirdParty.svc" in caplog.text, "debug logs are on"
    assert not {"8467251", "secret", "Ada"} & set(re.findall(r"\w+", caplog.text))


@pytest.mark.parametrize("endpoint", ["no address", "http://[", "ftp://example.org/"])
def test_an_endpoint_that_is_no_address_is_permanent(endpoint: str) -> None:
    assert isinstance(fault_of(SimsClient(endpoint, "sync", "secret")), PermanentFault)


def test_cannot_connect_is_transient() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = SimsClient(f"http://127.0.0.1:{unused.getsockname()[1]}/", "sync", "secret")
        assert isinstance(fault_of(client), TransientFault)


def test_a_server_that_says_nothing_is_transient(script: Script, client: SimsClient) -> None:
    wait = threading.Event()
    script.answer = lambda _: bool(wait.wait(2)) and None
    assert isinstance(fault_of(client), TransientFault)
    wait.set()


def test_an_answer_that_trickles_is_transient_after_the_time_of_a_call(script: Script, client: SimsClient) -> None:
    script.send_slowly(envelope("GetXmlStudents", DOCUMENT) * 20, 0.01)
    assert isinstance(fault_of(client), TransientFault)
    script.send(envelope("GetXmlStudents", DOCUMENT))
    assert client.fetch(STUDENTS, TODAY), "the slow call was given up, so the next one can be made"


def test_a_header_that_trickles_is_transient_after_the_time_of_a_call_and_no_other_call_overlaps(
    script: Script, client: SimsClient
) -> None:
    script.send_header_slowly(0.05)
    began = time.monotonic()
    assert "within 1 s" in str(fault_of(client))
    assert time.monotonic() - began < 4
    assert isinstance(fault_of(client), TransientFault)
    assert len(script.requests) == 1, "the first call is still open"


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "503 Busy", "504 Late", "429 Slow down"])
def test_http_5xx_is_transient_and_retry_after_is_honoured(script: Script, client: SimsClient, status: str) -> None:
    script.send(b"<html>Ada Archer has no Envelope</html>", status=status, headers="Retry-After: 7\r\n")
    error = fault_of(client)
    assert isinstance(error, TransientFault)
    assert error.retry_after == 7
    assert len(script.requests) == 1


@pytest.mark.parametrize(("header", "expected"), [("nonsense", None), ("Thu, 01 Jan 2026 00:00:00 GMT", 0)])
def test_a_retry_after_that_is_no_time_or_past_is_no_wait(
    script: Script, client: SimsClient, header: str, expected: float | None
) -> None:
    script.send(b"", status="503 Busy", headers=f"Retry-After: {header}\r\n")
    error = fault_of(client)
    assert isinstance(error, TransientFault)
    assert error.retry_after == expected


@pytest.mark.parametrize("header", ["Fri, 31 Dec 2999 23:59:59 GMT", "9" * 30])
def test_a_retry_after_beyond_all_reason_is_at_most_a_night(script: Script, client: SimsClient, header: str) -> None:
    script.send(b"", status="503 Busy", headers=f"Retry-After: {header}\r\n")
    error = fault_of(client)
    assert isinstance(error, TransientFault)
    assert error.retry_after
    assert error.retry_after <= 6 * 3600


@pytest.mark.parametrize("chunked", [True, False])
def test_a_connection_cut_mid_answer_is_transient(script: Script, client: SimsClient, chunked: bool) -> None:
    body = envelope("GetXmlStudents", DOCUMENT)
    kind = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" if chunked else b"Content-Length: %d\r\n\r\n"
    cut = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + kind % len(body) + body[:-20]
    script.answer = lambda handler: handler.wfile.write(cut)
    assert isinstance(fault_of(client), TransientFault)


def test_a_connection_that_closes_without_a_word_is_transient(script: Script, client: SimsClient) -> None:
    script.answer = lambda handler: None
    assert isinstance(fault_of(client), TransientFault)


def test_a_connection_cut_at_any_byte_is_no_document(script: Script, client: SimsClient) -> None:
    body = envelope("GetXmlStudents", DOCUMENT)
    script.send(body)
    for cut in range(0, script.length, 10):
        script.send(body, cut=cut)
        assert isinstance(fault_of(client), (TransientFault, UnexpectedAnswer))


@pytest.mark.parametrize("code", ["wsse:FailedAuthentication", "wsse:InvalidSecurity"])
def test_a_wrong_password_fails_at_once_and_says_which_connection(
    script: Script, client: SimsClient, code: str
) -> None:
    script.send(fault(code), status="500 Internal Server Error")
    error = fault_of(client)
    assert isinstance(error, CredentialsRefused)
    assert "sims_green_abbey" in str(error)
    assert "secret" not in str(error)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [("401 Unauthorized", b""), ("401 Unauthorized", fault("s:Client")), ("403 Forbidden", b"<html/>")],
)
def test_a_login_refused_by_http_is_the_same(script: Script, client: SimsClient, status: str, body: bytes) -> None:
    script.send(body, status=status)
    assert isinstance(fault_of(client), CredentialsRefused)
    assert len(script.requests) == 1


def test_permission_denied_names_the_sims_permissions_to_grant(script: Script, client: SimsClient) -> None:
    script.send(fault("s:Server", DENIED), status="500 Internal Server Error")
    error = fault_of(client)
    assert isinstance(error, PermissionMissing)
    to_grant, all_needed = str(error).split("The sync needs in all")
    assert PERMISSIONS[2] in to_grant
    assert PERMISSIONS[0] not in to_grant
    assert all(permission in all_needed for permission in PERMISSIONS)
    assert len(script.requests) == 1


def test_permission_denied_that_names_no_permission_we_know_names_those_of_the_operation(
    script: Script, client: SimsClient
) -> None:
    script.send(fault("s:Server", DENIED.replace("Basic Details", "Ada Archer")), status="500 Internal Server Error")
    to_grant = str(fault_of(client)).split("The sync needs in all")[0]
    assert all(permission in to_grant for permission in STUDENTS.permissions)


def test_every_operation_needs_permissions_of_the_list_and_all_of_it_is_needed() -> None:
    assert {permission for operation in OPERATIONS for permission in operation.permissions} == set(PERMISSIONS)


def test_a_redirect_is_not_followed_with_the_login(script: Script, client: SimsClient) -> None:
    script.send(b"", status="307 Temporary Redirect", headers="Location: /elsewhere\r\n")
    assert "HTTP 307" in str(fault_of(client))
    assert len(script.requests) == 1


def test_any_other_fault_says_operation_what_was_expected_and_what_came(script: Script, client: SimsClient) -> None:
    script.send(fault("s:Server"), status="500 Internal Server Error")
    error = fault_of(client)
    assert type(error) is UnexpectedAnswer
    assert "<Students>" in str(error)
    assert "fault Server" in str(error)


@pytest.mark.parametrize("code", ["Ada Archer", "", "s:Ada-Archer 7", "s:Archer", "{urn:x}Archer"])
def test_a_fault_code_that_is_none_of_soap_is_not_told(script: Script, client: SimsClient, code: str) -> None:
    script.send(fault(code), status="500 Internal Server Error")
    assert "a SOAP fault without a known code" in str(fault_of(client))


ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"{}</s:Envelope>'
BOMB = '<!DOCTYPE x [<!ENTITY a0 "Ada">{}]>'.format(
    "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 9))
).encode()


@pytest.mark.parametrize(
    ("body", "came"),
    [
        (b"<html><body>Ada Archer, please log in</body></html>", "an HTML page"),
        (b"<!doctype html><title>Ada Archer<p>", "an HTML page"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"/>', "an HTML page"),
        (b"", "nothing"),
        (b"nothing at all", "no XML"),
        (b'{"name": "Ada"}', "no XML"),
        (b"\x1f\x8b\x08 not said to be gzip", "no XML"),
        (b"<?xml version='1.0'?><Ada/>", "XML that is no SOAP envelope"),
        (b"<?xml version='1.0' encoding='utf-8'?><s:Enve", "ends early"),
        (envelope("GetXmlStudents", DOCUMENT)[:-30], "cut short"),
        (ENVELOPE.format(">").encode(), "no such answer"),
        (ENVELOPE.format("><s:Body/>").encode(), "no such answer"),
        (envelope("GetXmlAddresses", DOCUMENT), "no such answer"),
        (envelope("GetXmlStudents", ""), "an empty answer"),
        (envelope("GetXmlStudents", DOCUMENT.replace("iso-8859-1", "klingon")), "encoding"),
        (envelope("GetXmlStudents", DOCUMENT.replace("iso-8859-1", "base64")), "encoding"),
        (b'<!DOCTYPE x [<!ENTITY b "Ada">]>' + envelope("GetXmlStudents", "&b;")[38:], "a DTD"),
        (BOMB + ENVELOPE.format(' a="&a8;">').encode(), "a DTD"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + ENVELOPE.format(">").encode(), "a DTD"),
    ],
)
def test_an_answer_that_is_no_soap_answer_fails_and_says_what_came(
    script: Script, client: SimsClient, body: bytes, came: str
) -> None:
    script.send(body)
    error = fault_of(client)
    assert type(error) is UnexpectedAnswer
    assert "expected a SOAP answer with a document <Students>" in str(error)
    assert came in str(error)


def test_a_part_of_a_multipart_answer_is_no_soap_answer(script: Script, client: SimsClient) -> None:
    body = envelope("GetXmlStudents", DOCUMENT)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: multipart/related; boundary=x\r\n\r\n"
    script.answer = lambda handler: handler.wfile.write(head + body)
    assert type(fault_of(client)) is UnexpectedAnswer


def test_an_answer_over_the_size_limit_is_refused_before_it_is_read_whole(script: Script, client: SimsClient) -> None:
    script.send(envelope("GetXmlStudents", "x" * 3 * 2**20))
    error = fault_of(client)
    assert isinstance(error, UnexpectedAnswer)
    assert "1 MB" in str(error)


def test_an_answer_that_unpacks_to_more_than_the_size_limit_is_refused(script: Script, client: SimsClient) -> None:
    script.send(gzip.compress(b" " * 20 * 2**20), headers="Content-Encoding: gzip\r\n")
    assert "1 MB" in str(fault_of(client))


def test_a_document_beyond_what_an_xml_parser_takes_as_one_text_is_fetched(script: Script) -> None:
    document = DOCUMENT.replace("<Student>", f"<Student><Notes>{'x' * 11 * 2**20}</Notes>", 1)
    script.send(envelope("GetXmlStudents", document))
    assert len(SimsClient(script.url, "sync", "secret").fetch(STUDENTS, TODAY)) == len(in_utf_8(document))


def test_a_document_in_cdata_is_fetched_whatever_its_size(script: Script) -> None:
    document = DOCUMENT.replace("<Student>", f"<Student><Notes>{'ë Ś 😀 ' * 2**19}</Notes>", 1)
    whole = envelope("GetXmlStudents", "@").replace(b"@", f"<![CDATA[{document}]]>".encode())
    script.send(whole)
    fetched = SimsClient(script.url, "sync", "secret").fetch(STUDENTS, TODAY)
    assert fetched == in_utf_8(document)


def test_calls_to_one_sims_never_overlap_whichever_client_makes_them(script: Script, client: SimsClient) -> None:
    script.send(envelope("GetXmlStudents", DOCUMENT))
    script.pause = 0.05
    clients = (client, SimsClient(script.url, "sync", "secret"))
    threads = [threading.Thread(target=clients[i % 2].fetch, args=(STUDENTS, TODAY)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(script.requests) == 4
    assert script.most_at_once == 1
