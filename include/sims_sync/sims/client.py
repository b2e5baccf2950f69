"""The client of a school's SIMS broker: SOAP 1.1 with WS-Security, one call at a time (SPEC section 2)."""

from __future__ import annotations

import re
import threading
import time
from datetime import date
from importlib import resources
from typing import Any

import requests
from lxml import etree
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util.retry import Retry
from zeep import Client, Settings
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault, XMLSyntaxError
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

from sims_sync.errors import (
    CredentialsRefused,
    PermissionMissing,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)
from sims_sync.sims.documents import PERMISSIONS, Operation

MAX_BYTES = 200 * 2**20
"""The most bytes of an answer."""

CONNECT_SECONDS, READ_SECONDS, CALL_SECONDS = 10.0, 120.0, 600.0
"""How long to wait for a connection, for the next bytes of an answer, and for the whole of it."""

_CHUNK = 2**16
_SECURITY_CODES = frozenset(
    {
        "UnsupportedSecurityToken",
        "UnsupportedAlgorithm",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "FailedAuthentication",
        "FailedCheck",
        "SecurityTokenUnavailable",
    }
)
"""The fault codes of WS-Security 1.1, section 12."""

_PERMISSION_DENIED = "{urn:sims:thirdparty:v1}PermissionDenied"
_PROLOG_ENCODING = re.compile(r"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")


class SimsClient:
    """SIMS's third-party calls, one at a time: its API is not thread-safe.

    :param endpoint: of the broker; the WSDL is bundled, and never fetched.
    :param session: for TLS verification and proxies; default a new one.
    :param connection_name: the Airflow connection, named in messages.
    :param max_bytes: of one answer; a larger one is refused.
    """

    def __init__(
        self,
        endpoint: str,
        username: str,
        password: str,
        *,
        session: requests.Session | None = None,
        connection_name: str = "sims",
        max_bytes: int = MAX_BYTES,
        read_seconds: float = READ_SECONDS,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._connection_name = connection_name
        self._one_call = threading.Lock()
        transport = _BoundedTransport(session or requests.Session(), max_bytes, read_seconds, call_seconds)
        with resources.as_file(resources.files(__package__).joinpath("thirdparty.wsdl")) as wsdl:
            client = Client(
                str(wsdl),
                wsse=UsernameToken(username, password),
                transport=transport,
                # A document is one text node, beyond the 10 MB that libxml2 takes by default; its size is bounded by
                # the transport.
                settings=Settings(strict=True, xml_huge_tree=True, forbid_dtd=True, forbid_entities=True),
            )
        self._service = client.create_service("{urn:sims:thirdparty:v1}SimsThirdPartySoap", endpoint)

    def fetch(self, operation: Operation, effective_date: date) -> bytes:
        """Call an operation.

        :returns: the document as it came, in the encoding that its prolog names (UTF-8 without one).
        :raises TransientFault: no answer, or a broken one. :raises CredentialsRefused: the login is refused.
        :raises PermissionMissing: the SIMS user lacks a permission. :raises UnexpectedAnswer: anything else.
        """
        arguments = {"effectiveDate": effective_date} if operation.dated else {}
        try:
            with self._one_call:
                result = self._service[operation.name](**arguments)
            if not isinstance(result, str) or not result.strip():
                raise _NotReceived("an empty answer", passes=False)
            return _encoded(result)
        except Exception as error:
            raise self._fault(operation, error) from None

    def _fault(self, operation: Operation, error: Exception) -> SyncError:
        """The typed fault of whatever a call raised; its text could hold values of people, so it is left out."""
        if isinstance(error, SyncError):
            return error
        if isinstance(error, Fault):
            return self._soap_fault(operation, error)
        if isinstance(error, _NotReceived):
            return self._not_received(operation, error)
        if isinstance(error, (requests.RequestException, HTTPError)):
            return TransientFault(
                f"{operation.name}: SIMS (connection {self._connection_name}) gave no answer: {type(error).__name__}.",
                advice="Check that the broker is up, and the host of the connection.",
            )
        if isinstance(error, (XMLSyntaxError, etree.XMLSyntaxError, ZeepError, ValueError)):
            return self._unexpected(operation, f"something else ({type(error).__name__})")
        raise error

    def _soap_fault(self, operation: Operation, fault: Fault) -> SyncError:
        code = etree.QName(fault.code).localname if _is_name(fault.code) else str(fault.code or "").rpartition(":")[2]
        detail = fault.detail if isinstance(fault.detail, etree._Element) else None
        denied = detail.find(f".//{_PERMISSION_DENIED}") if detail is not None else None
        if denied is not None:
            named = [str(each.text).strip() for each in denied if each.text]
            lacking = [permission for permission in PERMISSIONS if permission in named] or list(PERMISSIONS)
            return PermissionMissing(
                f"{operation.name}: the SIMS user of the connection {self._connection_name} lacks permissions.",
                advice=f"Grant in SIMS: {'; '.join(lacking)}.",
            )
        if code in _SECURITY_CODES:
            return self._login_refused(operation)
        return self._unexpected(operation, f"the SOAP fault {code[:40]}")

    def _not_received(self, operation: Operation, error: _NotReceived) -> SyncError:
        if error.status in (401, 403):
            return self._login_refused(operation)
        if error.passes:
            return TransientFault(
                f"{operation.name}: SIMS (connection {self._connection_name}) sent {error}.",
                retry_after=error.retry_after,
            )
        return self._unexpected(operation, str(error))

    def _login_refused(self, operation: Operation) -> CredentialsRefused:
        return CredentialsRefused(
            f"{operation.name}: SIMS refused the login of the connection {self._connection_name}: "
            "the password is wrong, or the account has expired.",
            advice="Correct the connection before you clear the task: SIMS locks accounts after a few wrong passwords.",
        )

    def _unexpected(self, operation: Operation, came: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{operation.name}: expected a SOAP answer with a document <{operation.root}>, and {came} came from SIMS "
            f"(connection {self._connection_name}).",
            advice="Check the host of the connection; if it is right, ask the support of the school's SIMS broker.",
        )


class _NotReceived(Exception):
    """No SOAP was received; the text says what came instead.

    :param passes: whether it is likely to pass by itself.
    """

    def __init__(self, came: str, *, passes: bool, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(came)
        self.passes, self.status, self.retry_after = passes, status, retry_after


class _BoundedTransport(Transport):
    """Receives an answer within a time and a size."""

    def __init__(self, session: requests.Session, max_bytes: int, read_seconds: float, call_seconds: float) -> None:
        super().__init__(session=session, operation_timeout=read_seconds)  # type: ignore[no-untyped-call] # zeep has no types
        self._max_bytes = max_bytes
        self._read_seconds = read_seconds
        self._call_seconds = call_seconds

    def post(self, address: str, message: Any, headers: Any) -> requests.Response:
        """One request, whose answer is received whole here."""
        deadline = time.monotonic() + self._call_seconds
        timeout = (CONNECT_SECONDS, self._read_seconds)
        with self.session.post(address, data=message, headers=headers, timeout=timeout, stream=True) as response:
            content = bytearray()
            # read1 gives what has come; iter_content would wait for a whole chunk, however slowly it trickles in.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                content += chunk
                if len(content) > self._max_bytes:
                    raise _NotReceived(f"more than the {self._max_bytes // 2**20} MB allowed", passes=False)
                if time.monotonic() > deadline:
                    raise _NotReceived(f"no whole answer within {self._call_seconds:.0f} s", passes=True)
            if response.raw.length_remaining:
                raise _NotReceived("an answer that was cut short", passes=True)
            response._content = bytes(content)  # as requests itself does when a body is read
        if response.status_code != requests.codes.ok and b"Envelope" not in content:
            status = response.status_code
            passes = status == requests.codes.too_many_requests or status >= 500
            raise _NotReceived(f"HTTP {status}", passes=passes, status=status, retry_after=_retry_after(response))
        return response


def _encoded(result: str) -> bytes:
    """The document as bytes in the encoding that its prolog names; characters that it lacks as numeric references."""
    match = _PROLOG_ENCODING.match(result)
    encoding = match[1] if match else "utf-8"
    try:
        return result.lstrip().encode(encoding, "xmlcharrefreplace")
    except LookupError:
        raise _NotReceived("a document in an encoding that nobody knows", passes=False) from None


def _is_name(code: Any) -> bool:
    return isinstance(code, etree.QName) or (isinstance(code, str) and code.startswith("{"))


def _retry_after(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None
