"""Sends zeep's requests to SIMS, and receives the answers within a time and a size."""

from __future__ import annotations

from email.message import Message
from typing import Any

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry
from zeep.transports import Transport

from sims_sync.sources.sims.envelope import Envelope, NoEnvelope, read_envelope
from sims_sync.transport.receiving import ACCEPT_ENCODING, pieces
from sims_sync.transport.trust import verified_by
from sims_sync.transport.unlogged import REQUEST_LINES, unlogged

MAX_BYTES = 200 * 2**20
"""The most bytes of an answer, and of the document in it."""

CONNECT_SECONDS, READ_SECONDS, CALL_SECONDS = 10.0, 120.0, 600.0
"""How long to wait for a connection, for the next bytes of an answer, and for the whole of it."""

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

    :param max_bytes: of an answer, packed or not.
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

    def post(self, address: str, message: Any, headers: Any) -> Envelope:
        """One request. Its answer is read here, while it comes, and not by zeep.

        :raises NotReceived: the answer is no SOAP envelope.
        :raises BadEnvelope: it is one that cannot be read.
        :raises RequestException: it is too large, too slow, or does not come.
        """
        with (
            unlogged(but=REQUEST_LINES),
            self.session.post(
                address,
                data=message,
                headers={**headers, "Accept-Encoding": ACCEPT_ENCODING},
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,  # it would carry the login to wherever it points
                verify=verified_by(self.session),
            ) as response,
        ):
            return self._read(response)

    def _read(self, response: requests.Response) -> Envelope:
        """A SOAP fault comes with HTTP 500, so an envelope counts whatever the status, but for a refused login."""
        status = response.status_code
        try:
            if status == requests.codes.unauthorized:
                raise NoEnvelope
            if response.headers.get("Content-Type", "").lower().startswith("multipart/"):
                raise NoEnvelope("an answer in several parts")
            received = pieces(response, max_bytes=self._max_bytes, seconds=self._call_seconds)
            envelope = read_envelope(received, _charset(response))
        except NoEnvelope as none:
            if status == requests.codes.ok:
                raise NotReceived(str(none), passes=False) from None
            passes = status in _PASSING or status >= requests.codes.server_error
            retry_after = _retry_after(response)
            raise NotReceived(f"HTTP {status}", passes=passes, status=status, retry_after=retry_after) from None
        envelope.is_fault = envelope.is_fault or status != requests.codes.ok
        return envelope


def _charset(response: requests.Response) -> str | None:
    """What the header says of the encoding; ``requests`` would make one up where it says nothing."""
    header = Message()
    header["Content-Type"] = response.headers.get("Content-Type", "")
    return header.get_content_charset()


def _retry_after(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None
