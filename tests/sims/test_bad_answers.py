"""What bad answers of SIMS must do (SPEC section 2): each its own clear fault, never a value of a person."""

from __future__ import annotations

import socket
import threading
from datetime import date

import pytest
from scripted_sims import Script, envelope, fault

from sims_sync.errors import (
    CredentialsRefused,
    PermissionMissing,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)
from sims_sync.sims.client import SimsClient
from sims_sync.sims.documents import OPERATIONS, PERMISSIONS

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


def test_a_good_answer_is_the_document_as_bytes_in_the_encoding_of_its_prolog(
    script: Script, client: SimsClient
) -> None:
    document = DOCUMENT.replace("<PersonID>1", "<Forename>Zoë &#346;</Forename><PersonID>1")
    script.send(envelope("GetXmlStudents", document))
    assert client.fetch(STUDENTS, TODAY) == document.encode("iso-8859-1")


def test_a_character_that_the_encoding_lacks_becomes_a_numeric_reference(script: Script, client: SimsClient) -> None:
    script.send(envelope("GetXmlStudents", DOCUMENT.replace("1</PersonID>", "1</PersonID><Surname>Ś</Surname>")))
    assert b"<Surname>&#346;</Surname>" in client.fetch(STUDENTS, TODAY)


def test_the_login_travels_as_a_username_token_and_the_wsdl_is_never_fetched(
    script: Script, client: SimsClient
) -> None:
    script.send(envelope("GetXmlStudents", DOCUMENT))
    client.fetch(STUDENTS, TODAY)
    (request,) = script.requests
    assert b"UsernameToken" in request
    assert b"<effectiveDate>2026-11-23</effectiveDate>" in request.replace(b"ns0:", b"")


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


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "503 Busy", "504 Late", "429 Slow down"])
def test_http_5xx_is_transient_and_retry_after_is_honoured(script: Script, client: SimsClient, status: str) -> None:
    script.send(b"<html>Ada Archer</html>", status=status, headers="Retry-After: 7\r\n")
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


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_login_refused_by_http_is_the_same(script: Script, client: SimsClient, status: str) -> None:
    script.send(b"", status=status)
    assert isinstance(fault_of(client), CredentialsRefused)
    assert len(script.requests) == 1


def test_permission_denied_names_the_sims_permissions_to_grant(script: Script, client: SimsClient) -> None:
    script.send(fault("s:Server", DENIED), status="500 Internal Server Error")
    error = fault_of(client)
    assert isinstance(error, PermissionMissing)
    assert PERMISSIONS[2] in str(error)
    assert PERMISSIONS[0] not in str(error)


def test_any_other_fault_says_operation_what_was_expected_and_what_came(script: Script, client: SimsClient) -> None:
    script.send(fault("s:Server"), status="500 Internal Server Error")
    error = fault_of(client)
    assert type(error) is UnexpectedAnswer
    assert "<Students>" in str(error)
    assert "fault Server" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Ada Archer, please log in</body></html>",
        b"",
        b"nothing",
        b'{"name": "Ada"}',
        b"<?xml version='1.0'?><Ada/>",
        envelope("GetXmlStudents", ""),
        envelope("GetXmlStudents", DOCUMENT.replace("iso-8859-1", "klingon")),
        b'<!DOCTYPE x [<!ENTITY a "Ada"><!ENTITY b "&a;&a;&a;">]>' + envelope("GetXmlStudents", "&b;"),
    ],
)
def test_an_answer_that_is_no_soap_answer_fails(script: Script, client: SimsClient, body: bytes) -> None:
    script.send(body)
    assert type(fault_of(client)) is UnexpectedAnswer


def test_an_answer_over_the_size_limit_is_refused_before_it_is_read_whole(script: Script, client: SimsClient) -> None:
    script.send(envelope("GetXmlStudents", "x" * 3 * 2**20))
    error = fault_of(client)
    assert isinstance(error, UnexpectedAnswer)
    assert "1 MB" in str(error)


def test_calls_never_overlap(script: Script, client: SimsClient) -> None:
    script.send(envelope("GetXmlStudents", DOCUMENT))
    script.pause = 0.05
    threads = [threading.Thread(target=client.fetch, args=(STUDENTS, TODAY)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(script.requests) == 4
    assert script.most_at_once == 1
