"""SOAP 1.1 (document/literal wrapped) with a WS-Security UsernameToken: requests in, answers and faults out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SIMS = "urn:sims:thirdparty:v1"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE = f"{_OASIS}-wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}-wssecurity-utility-1.0.xsd"
_DIGEST = f"{_OASIS}-username-token-profile-1.0#PasswordDigest"
_PREFIXES = {SOAP: "soap", WSSE: "wsse"}


class Fault(Exception):
    """A SOAP fault.

    :param code: local name of the fault code.
    :param namespace: its namespace (WS-Security has its own codes).
    :param reason: the fault string; never a personal value.
    :param permissions: SIMS permissions that the user lacks: they make the WSDL's ``PermissionDenied`` detail.
    """

    def __init__(self, code: str, reason: str, *, namespace: str = SOAP, permissions: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.code, self.reason, self.namespace, self.permissions = code, reason, namespace, tuple(permissions)

    def to_bytes(self) -> bytes:
        """The envelope with the fault, as it is sent."""
        detail = "".join(f"<Permission>{escape(permission)}</Permission>" for permission in self.permissions)
        if detail:
            detail = f'<detail><PermissionDenied xmlns="{SIMS}">{detail}</PermissionDenied></detail>'
        prefix = _PREFIXES[self.namespace]
        return _envelope(
            f"<soap:Fault><faultcode xmlns:{prefix}={quoteattr(self.namespace)}>{prefix}:{self.code}</faultcode>"
            f"<faultstring>{escape(self.reason)}</faultstring>{detail}</soap:Fault>"
        )


@dataclass(frozen=True)
class UsernameToken:
    """The credentials of a request (WSS UsernameToken Profile 1.0, section 3.1)."""

    username: str
    password: str
    digest: bool
    nonce: str
    created: str

    def proves(self, username: str, password: str) -> bool:
        """Whether these are the credentials of that user, as PasswordText or as PasswordDigest."""
        expected = password
        if self.digest:
            try:
                nonce = base64.b64decode(self.nonce, validate=True)
            except binascii.Error:
                return False
            # SHA-1 is what the profile prescribes
            proof = hashlib.sha1(nonce + self.created.encode() + password.encode(), usedforsecurity=False).digest()
            expected = base64.b64encode(proof).decode()
        same_user = hmac.compare_digest(self.username.encode(), username.encode())
        return hmac.compare_digest(self.password.encode(), expected.encode()) and same_user


@dataclass(frozen=True)
class Request:
    """One call: the operation's name, its arguments as they were sent, and who calls (None without a token)."""

    operation: str
    arguments: Mapping[str, str]
    token: UsernameToken | None


def wsdl(location: str) -> bytes:
    """The WSDL of the broker, with the address at which it answers."""
    text = resources.files("sims_sync.sources.sims").joinpath("thirdparty.wsdl").read_text(encoding="utf-8")
    placeholder = 'location="https://sims.invalid/ThirdParty.svc"'
    return text.replace(placeholder, f"location={quoteattr(location)}").encode()


def read_request(body: bytes) -> Request:
    """Read a SOAP request.

    :raises Fault: ``Client`` when it is no SOAP request of this service, ``VersionMismatch`` for another SOAP,
        ``MustUnderstand`` for a header that is not known here.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise Fault("Client", "The request is no XML.") from None
    if etree.QName(envelope).localname != "Envelope" or envelope.getroottree().docinfo.internalDTD is not None:
        raise Fault("Client", "The request is no SOAP envelope.")
    if etree.QName(envelope).namespace != SOAP:
        raise Fault("VersionMismatch", "The service speaks SOAP 1.1.")
    for header in envelope.iterfind(f"{{{SOAP}}}Header/*"):
        if header.get(f"{{{SOAP}}}mustUnderstand") == "1" and header.tag != f"{{{WSSE}}}Security":
            raise Fault("MustUnderstand", "A header of the request is not understood.")
    calls = envelope.findall(f"{{{SOAP}}}Body/*")
    if len(calls) != 1:
        raise Fault("Client", "The body of the request must hold one element.")
    operation = etree.QName(calls[0])
    if operation.namespace != SIMS:
        raise Fault("Client", f"The operations of this service have the namespace {SIMS}.")
    arguments = {str(etree.QName(argument).localname): argument.text or "" for argument in calls[0]}
    return Request(operation.localname, arguments, _token(envelope))


def answer(operation: str, result: str) -> bytes:
    """The response message that carries a result."""
    element = f"{operation}Result"
    return _envelope(
        f'<{operation}Response xmlns="{SIMS}"><{element}>{escape(result)}</{element}></{operation}Response>'
    )


def _token(envelope: etree._Element) -> UsernameToken | None:
    token = envelope.find(f"{{{SOAP}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    if token is None:
        return None
    password = token.find(f"{{{WSSE}}}Password")
    return UsernameToken(
        username=token.findtext(f"{{{WSSE}}}Username") or "",
        password="" if password is None else password.text or "",
        digest=password is not None and password.get("Type") == _DIGEST,
        nonce=token.findtext(f"{{{WSSE}}}Nonce") or "",
        created=token.findtext(f"{{{WSU}}}Created") or "",
    )


def _envelope(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{body}</soap:Body></soap:Envelope>'
    ).encode()
