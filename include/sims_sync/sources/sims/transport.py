"""Receives SIMS's answers, within a time and a size, and tells SOAP from whatever else may come."""

from __future__ import annotations

import time
from typing import Any

import requests
from lxml import etree
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry
from zeep import Plugin
from zeep.transports import Transport

from sims_sync.sources.sims.prolog import NotXml, described, root_of

MAX_BYTES = 200 * 2**20
"""The most bytes of an answer."""

CONNECT_SECONDS, READ_SECONDS, CALL_SECONDS = 10.0, 120.0, 600.0
"""How long to wait for a connection, for the next bytes of an answer, and for the whole of it."""

_CHUNK = 2**16
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_PASSING = frozenset({requests.codes.request_timeout, requests.codes.too_many_requests})


class NotReceived(Exception):
    """No SOAP was received; the text says what came instead, without any value of it.

    :param passes: whether it is likely to pass by itself.
    """

    def __init__(self, came: str, *, passes: bool, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(came)
        self.passes, self.status, self.retry_after = passes, status, retry_after


class BoundedTransport(Transport):
    """zeep's transport, with bounds. It logs nothing: zeep's own writes whole bodies at DEBUG, password included.

    :param max_bytes: of an answer, decompressed.
    :param call_seconds: for the body of an answer; that of the header is bounded where the call is made.
    """

    def __init__(
        self,
        session: requests.Session,
        *,
        max_bytes: int,
        connect_seconds: float,
        read_seconds: float,
        call_seconds: float,
    ) -> None:
        super().__init__(session=session)  # type: ignore[no-untyped-call] # zeep has no types
        self._max_bytes = max_bytes
        self._timeout = (connect_seconds, read_seconds)
        self._call_seconds = call_seconds

    def post(self, address: str, message: Any, headers: Any) -> requests.Response:
        """One request, whose answer is received whole here.

        :raises NotReceived: the answer is no SOAP envelope, too large, or too slow.
        """
        deadline = time.monotonic() + self._call_seconds
        # A redirect would carry the login to wherever it points.
        with self.session.post(
            address, data=message, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
        ) as response:
            content = self._body(response, deadline)
        response._content = content  # as requests itself does when a body is read
        _check_soap(response, content)
        return response

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        content = bytearray()
        self._check_size(response.raw.length_remaining or 0)
        # read1 gives what has come; iter_content would wait for a whole chunk, however slowly it trickles in.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            content += chunk
            self._check_size(len(content))
            if time.monotonic() > deadline:
                raise too_slow(self._call_seconds)
        if response.raw.length_remaining:
            raise NotReceived("an answer that was cut short", passes=True)
        return bytes(content)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise NotReceived(f"more than the {self._max_bytes // 2**20} MB allowed", passes=False)


class OneAnswer(Plugin):
    """Refuses an envelope with several answers: zeep would take the first, which may not be the whole roll."""

    def ingress(self, envelope: etree._Element, http_headers: Any, operation: object) -> tuple[etree._Element, Any]:
        """Look at an envelope before zeep reads it.

        :raises NotReceived: there are several answers.
        """
        if len(envelope.findall(f"{_SOAP}Body/*")) > 1:
            raise NotReceived("a SOAP envelope with several answers", passes=False)
        return envelope, http_headers


def too_slow(seconds: float) -> NotReceived:
    """The answer is not there in time."""
    return NotReceived(f"no whole answer within {seconds:.0f} s", passes=True)


def _check_soap(response: requests.Response, content: bytes) -> None:
    """A SOAP fault comes with HTTP 500, so an envelope passes whatever the status, but for a refused login."""
    status = response.status_code
    try:
        root = root_of(content)
        came = described(root) if described(root) == "an HTML page" else "XML that is no SOAP envelope"
    except NotXml as error:
        root, came = "", str(error)
    if root == f"{_SOAP}Envelope" and status != requests.codes.unauthorized:
        return
    if status == requests.codes.ok:
        raise NotReceived(came, passes=False)
    passes = status in _PASSING or status >= requests.codes.server_error
    raise NotReceived(f"HTTP {status}", passes=passes, status=status, retry_after=_retry_after(response))


def _retry_after(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None
