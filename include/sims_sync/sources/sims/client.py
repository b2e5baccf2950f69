"""The client of a school's SIMS broker: SOAP 1.1 with WS-Security, one call at a time (SPEC section 2)."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from datetime import date
from importlib import resources

import requests
from urllib3.exceptions import DecodeError, HTTPError
from zeep import Client, Settings
from zeep.wsse.username import UsernameToken

from sims_sync.model.errors import (
    CredentialsRefused,
    PermanentFault,
    PermissionMissing,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)
from sims_sync.sources.sims.characters import encoding_declared, is_encoding
from sims_sync.sources.sims.envelope import SIMS, BadEnvelope, Envelope
from sims_sync.sources.sims.operations import PERMISSIONS, SCHOOL, Operation
from sims_sync.sources.sims.school_identity import SchoolIdentity, read_school
from sims_sync.sources.sims.transport import (
    CALL_SECONDS,
    CONNECT_SECONDS,
    MAX_BYTES,
    READ_SECONDS,
    BoundedTransport,
    NotReceived,
)
from sims_sync.transport.receiving import CutShort, TooLarge, TooSlow, in_time
from sims_sync.transport.trust import no_certificate_file

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

_CODES = _SECURITY_CODES | {
    "Client",
    "Server",
    "VersionMismatch",
    "MustUnderstand",
    "Sender",
    "Receiver",
    "DataEncodingUnknown",
    "ActionNotSupported",
    "DeserializationFailed",
    "DestinationUnreachable",
    "EndpointUnavailable",
    "InternalServiceFault",
    "InvalidAddressingHeader",
    "MessageAddressingHeaderRequired",
}
"""The fault codes that are told: those, of SOAP, of WS-Addressing and of WCF. Others are the server's words."""

_BEFORE_PROLOG = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*")
"""What may not stand before a prolog, and does: a byte order mark, white space."""
_FAULT_CODE = re.compile(r"(?:^|[:}.])([A-Za-z]{1,40})$")
_NO_ADDRESS = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)

_CALLS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""One lock for each endpoint: SIMS's API is not thread-safe, whichever client calls it."""


class SimsClient:
    """SIMS's third-party calls, one at a time for an endpoint.

    :param endpoint: of the broker; the WSDL is bundled, and never fetched.
    :param session: for TLS verification and proxies; default a new one.
    :param connection_name: the Airflow connection, named in messages.
    :param max_bytes: of one answer; a larger one is refused.
    :param connect_seconds: how long to wait for a connection.
    :param read_seconds: how long to wait for the next bytes of an answer.
    :param call_seconds: how long to wait for the whole of an answer.
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
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self.connection_name = connection_name
        self._call_seconds = call_seconds
        self._max_bytes = max_bytes
        self._one_call = _CALLS[endpoint]
        transport = BoundedTransport(
            session or requests.Session(),
            max_bytes=max_bytes,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            call_seconds=call_seconds,
        )
        with resources.as_file(resources.files(__package__).joinpath("thirdparty.wsdl")) as wsdl:
            client = Client(
                str(wsdl),
                wsse=UsernameToken(username, password),
                transport=transport,
                # What the transport read goes through as it is: zeep reads no answer.
                settings=Settings(raw_response=True, forbid_dtd=True, forbid_entities=True, forbid_external=True),
            )
        self._service = client.create_service(f"{SIMS}SimsThirdPartySoap", endpoint)

    def school(self, operation: Operation = SCHOOL) -> SchoolIdentity:
        """The one call GetXmlSchool: which school this SIMS is of. It raises what :meth:`fetch` raises.

        :param operation: with the names that the school's broker has.
        """
        return read_school(self._call(operation), operation)

    def fetch(self, operation: Operation, effective_date: date) -> bytes:
        """Call an operation.

        :returns: the document as it came, in UTF-8, as its prolog says then.
        :raises TransientFault: no answer, or a broken one.
        :raises CredentialsRefused: the login is refused.
        :raises PermissionMissing: the SIMS user lacks a permission.
        :raises PermanentFault: the endpoint is no address.
        :raises UnexpectedAnswer: anything else.
        """
        return self._call(operation, **({"effectiveDate": effective_date} if operation.dated else {}))

    def _call(self, operation: Operation, **arguments: date) -> bytes:
        try:
            envelope = self._in_time(operation, arguments)
        except Exception as error:
            raise self._fault(operation, error) from None
        if envelope.is_fault:
            raise self._soap_fault(operation, envelope) from None
        try:
            return _document(envelope.result_of(operation.name), self._max_bytes)
        except (BadEnvelope, NotReceived) as error:
            raise self._fault(operation, error) from None

    def _in_time(self, operation: Operation, arguments: dict[str, date]) -> Envelope:
        """The call, in time. It keeps the lock until it is over, so that the next one never overlaps with it."""
        if not self._one_call.acquire(timeout=self._call_seconds):
            raise NotReceived("no answer to an earlier call yet", passes=True)

        def call() -> Envelope:
            try:
                answer: Envelope = self._service[operation.name](**arguments)
                return answer
            finally:
                self._one_call.release()

        return in_time(call, self._call_seconds, f"{self.connection_name} {operation.name}")

    def _fault(self, operation: Operation, error: Exception) -> SyncError:
        """The typed fault of whatever a call raised; its text could hold values of people, so it is left out."""
        if isinstance(error, NotReceived):
            return self._not_received(operation, error)
        if isinstance(error, (TooSlow, CutShort)):
            return self._not_received(operation, NotReceived(str(error), passes=True))
        if isinstance(error, (TooLarge, BadEnvelope)):
            return self._unexpected(operation, str(error))
        if isinstance(error, _NO_ADDRESS):
            return PermanentFault(
                f"{operation.name}: the host of the connection {self.connection_name} is no http or https address.",
                advice="It is the full address of the school's SIMS broker.",
            )
        if isinstance(error, DecodeError):
            return self._unexpected(operation, "an answer that is not compressed as its header says")
        if isinstance(error, (requests.RequestException, HTTPError)):
            return TransientFault(
                f"{operation.name}: SIMS (connection {self.connection_name}) gave no answer: {type(error).__name__}.",
                advice="Check the broker's certificate, and the CA of the connection."
                if isinstance(error, requests.exceptions.SSLError)
                else "Check that the broker is up, and the host of the connection.",
            )
        if isinstance(error, OSError):
            return no_certificate_file(f"{operation.name}: SIMS", self.connection_name)
        return self._unexpected(operation, f"an answer that cannot be read ({type(error).__name__})")

    def _soap_fault(self, operation: Operation, fault: Envelope) -> SyncError:
        if fault.permissions is not None:
            return self._permission_missing(operation, fault.permissions)
        # The code alone is told, and only one of ours: the rest is the server's text about its data.
        match = _FAULT_CODE.search(fault.fault_code.strip())
        if match and match[1] in _SECURITY_CODES:
            return self._login_refused(operation)
        told = f"the SOAP fault {match[1]}" if match and match[1] in _CODES else "a SOAP fault without a known code"
        return self._unexpected(operation, told)

    def _permission_missing(self, operation: Operation, denied: list[str]) -> PermissionMissing:
        named = {" ".join(each.split()).casefold() for each in denied}
        lacking = [permission for permission in PERMISSIONS if permission.casefold() in named]
        return PermissionMissing(
            f"{operation.name}: the SIMS user of the connection {self.connection_name} lacks permissions.",
            advice=f"Grant in SIMS: {'; '.join(lacking or operation.permissions or PERMISSIONS)}. "
            f"(The sync needs in all: {'; '.join(PERMISSIONS)}.)",
        )

    def _not_received(self, operation: Operation, error: NotReceived) -> SyncError:
        if error.status in (requests.codes.unauthorized, requests.codes.forbidden):
            return self._login_refused(operation)
        if error.passes:
            return TransientFault(
                f"{operation.name}: SIMS (connection {self.connection_name}) sent {error}.",
                retry_after=error.retry_after,
            )
        return self._unexpected(operation, str(error))

    def _login_refused(self, operation: Operation) -> CredentialsRefused:
        return CredentialsRefused(
            f"{operation.name}: SIMS refused the login of the connection {self.connection_name}: "
            "the password is wrong, or the account has expired.",
            advice="Correct the connection before you clear the task: SIMS locks accounts after a few wrong passwords.",
        )

    def _unexpected(self, operation: Operation, came: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{operation.name}: expected a SOAP answer with a document <{operation.root}>, and {came} came from SIMS "
            f"(connection {self.connection_name}).",
            advice="Check the host of the connection; if it is right, ask the support of the school's SIMS broker.",
        )


def _document(result: bytes, max_bytes: int) -> bytes:
    """The document in UTF-8, and so labelled: its characters are what counts, whatever its prolog says of bytes.

    :param result: in UTF-8.
    :param max_bytes: of the document.
    """
    begin = len(_BEFORE_PROLOG.match(result)[0])  # type: ignore[index] # it matches nothing, too
    if begin == len(result):
        raise NotReceived("an empty answer", passes=False)
    if len(result) - begin > max_bytes:
        raise NotReceived(f"a document of more than {max_bytes // 2**20} MB", passes=False)
    declared = encoding_declared(result, begin)
    if declared is None:
        return result[begin:]
    if not is_encoding(declared[1].decode()):
        raise NotReceived("a document in an encoding that nobody knows", passes=False)
    return result[begin : declared.start(1)] + b"utf-8" + result[declared.end(1) :]
