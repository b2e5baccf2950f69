"""SCIM over HTTP: one pooled session, finite time-outs, and faults that say what to do without a value of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader, MaxRetryError, ResponseError
from urllib3.util.retry import Retry

from sims_sync.model.errors import CredentialsRefused, PermissionMissing, TransientFault, UnexpectedAnswer
from sims_sync.transport.receiving import ACCEPT_ENCODING, CutShort, TooLarge, TooSlow, in_time, pieces
from sims_sync.transport.trust import no_certificate_file, verified_by
from sims_sync.transport.unlogged import unlogged

MEDIA_TYPE = "application/scim+json"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the next byte."""

_LONGEST_WAIT = 60.0
"""Seconds that a server may ask us to wait within a task; for more, the task fails and is tried again later."""
_LONGEST_TOLD = 30 * 86400
"""Seconds that the fault tells at most; urllib3's own limit of 6 hours would have a task wait 6 where 12 are needed."""
_TOO_MANY_REQUESTS = 429
_MOST_REDIRECTS = 5
REFUSED_LOGIN = (401, 403)
"""The statuses for which :func:`check_login` raises."""
_SERVERS_REASONS = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Endpoint:
    """Where a directory is, and how it is spoken to.

    :param session: has the login and a transport of :func:`scim_adapter`.
    :param base_url: the SCIM base URL, without a slash at its end.
    :param connection_name: what messages call the connection.
    """

    session: requests.Session = field(repr=False)
    base_url: str
    connection_name: str


@dataclass(frozen=True)
class Bounds:
    """Of each answer.

    :param timeout: seconds to connect, and to wait for the next byte.
    :param seconds: for the whole of it, tries and waits included.
    :param max_bytes: packed or not.
    """

    timeout: tuple[float, float]
    seconds: float
    max_bytes: int


PATIENT = Bounds(TIMEOUT, 600.0, 64 * 2**20)
HASTY = Bounds((5.0, 10.0), 15.0, 8 * 2**20)
LOGIN, HASTY_LOGIN = Bounds((10.0, 30.0), 120.0, 2**20), Bounds((5.0, 10.0), 15.0, 2**20)
"""Of the answers of a token endpoint."""


@dataclass(frozen=True)
class Server:
    """Who is asked, in the words of faults.

    :param who: how a sentence begins.
    :param connection_name: what messages call the connection.
    :param address: what of the connection holds the address.
    :param meaning: what that address is.
    """

    who: str
    connection_name: str
    address: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.who} (connection {self.connection_name})"

    @property
    def check_address(self) -> str:
        """The advice to look at the address."""
        return f"Check that the {self.address} of the connection is {self.meaning}."


class _Adapter(HTTPAdapter):
    """Receives each answer whole, within bounds, those of redirects too, and lets no library log anything of it.

    :param bounds: of each answer.
    """

    def __init__(self, bounds: Bounds, max_retries: Any) -> None:
        super().__init__(max_retries=max_retries)
        self._bounds = bounds

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        bounds = self._bounds
        kwargs |= {"timeout": kwargs.get("timeout") or bounds.timeout, "stream": True}
        request.headers["Accept-Encoding"] = ACCEPT_ENCODING

        def receive() -> requests.Response:
            with super(_Adapter, self).send(request, *args, **kwargs) as response:
                body = pieces(response, max_bytes=bounds.max_bytes, seconds=bounds.seconds)
                response._content = b"".join(body)  # as requests itself does when a body is read
            return response

        with unlogged():
            try:
                return in_time(receive, bounds.seconds, "an answer of the directory")
            except DecodeError as error:
                raise requests.exceptions.ContentDecodingError from error
            except HTTPError as error:
                raise requests.exceptions.ConnectionError from error


class _Retry(Retry):
    """A request that was one too many (429) was not carried out (RFC 6585 section 4): a write may be sent again too."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code == _TOO_MANY_REQUESTS or super().is_retry(method, status_code, has_retry_after)

    def increment(
        self, method: str | None = None, url: str | None = None, response: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if response is not None and (self.get_retry_after(response) or 0) > _LONGEST_WAIT:
            raise MaxRetryError(kwargs["_pool"], str(url), ResponseError("the server asks to come back later"))
        return super().increment(method, url, response, *args, **kwargs)

    def get_retry_after(self, response: Any) -> float | None:
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None


def scim_adapter() -> HTTPAdapter:
    """The transport of the session: pooled, with time-outs; reading requests are tried again with backoff and jitter.

    A write is not, but after a 429, for a ``412`` of the second try would hide that the first one got through.
    """
    return _Adapter(PATIENT, _retries("GET", "HEAD"))


def hasty_adapter() -> HTTPAdapter:
    """The transport of a test that a person waits for: nothing is tried again."""
    return _Adapter(HASTY, 0)


def login_adapter(*, patient: bool) -> HTTPAdapter:
    """The transport to a token endpoint. A token that nobody received does no harm, so it is asked for again.

    :param patient: whether it is.
    """
    return _Adapter(LOGIN, _retries("POST")) if patient else _Adapter(HASTY_LOGIN, 0)


def _retries(*methods: str) -> Retry:
    """:param methods: of the requests that may be sent twice."""
    return _Retry(
        total=4,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        backoff_max=10,
        status_forcelist=_SERVERS_REASONS,
        allowed_methods=methods,
        raise_on_status=False,
        respect_retry_after_header=True,
    )


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    connection_name: str,
    body: Any = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """Send one request.

    :raises TransientFault: no answer, or one for the server's reasons (429, 5xx).
    :raises CredentialsRefused: 401.
    :raises PermissionMissing: 403.
    :raises UnexpectedAnswer: a write is sent elsewhere (3xx).
    :returns: any other answer; the caller looks at its status.
    """
    content = {
        "Accept": f"{MEDIA_TYPE}, application/json",
        **({"Content-Type": MEDIA_TYPE} if body is not None else {}),
    }
    server = Server("The directory", connection_name, "host", "the SCIM base URL")
    response = receive(server, session, method, url, json=body, params=params, headers={**content, **(headers or {})})
    check_login(response.status_code, method, connection_name=connection_name)
    return response


def receive(server: Server, session: requests.Session, method: str, url: str, **content: Any) -> requests.Response:
    """Send one request, and look whether what came is an answer to it.

    :param content: of the request, as requests takes it; with headers.
    :raises TransientFault: no answer, or one for the server's reasons (429, 5xx).
    :raises UnexpectedAnswer: a write is sent elsewhere (3xx), or the answer is too large.
    :returns: any other answer; the caller looks at its status.
    """
    try:
        response = _answer(session, method, url, **content)
    except TooLarge as error:
        raise UnexpectedAnswer(f"{server} answered {method} with {error}.", advice=server.check_address) from None
    except (requests.RequestException, ValueError) as error:
        raise _no_answer(error, method, server) from None
    except OSError:
        raise no_certificate_file(server.who, server.connection_name) from None
    if 300 <= response.status_code < 400:
        raise UnexpectedAnswer(
            f"{server} sends {method} requests to another address.",
            advice=f"Put that address into the connection: its {server.address} is {server.meaning} itself.",
        )
    if response.status_code in _SERVERS_REASONS or response.status_code >= 500:
        raise TransientFault(
            f"{server} answered {response.status_code} to {method}.",
            retry_after=_Retry(retry_after_max=_LONGEST_TOLD).get_retry_after(response.raw),
            status=response.status_code,
        )
    return response


def _answer(session: requests.Session, method: str, url: str, **content: Any) -> requests.Response:
    """The answer to a request. One that reads is sent on within the same server; any other would carry the login away,
    and a write that is sent on as a GET would succeed.
    """
    options: dict[str, Any] = {"verify": verified_by(session), "allow_redirects": False}
    response = session.request(method, url, **content, **options)
    for _ in range(_MOST_REDIRECTS):
        to = _within_server(response) if method == "GET" else None
        if to is None:
            break
        response = session.request(method, to, headers=content["headers"], **options)
    return response


def _within_server(response: requests.Response) -> str | None:
    """Where an answer sends us, none where it does not, or to another server."""
    try:
        to = urljoin(response.url, response.headers["Location"]) if response.is_redirect else response.url
        here, there = urlsplit(response.url), urlsplit(to)
        same = (here.scheme, here.netloc.lower()) == (there.scheme, there.netloc.lower())
    except ValueError:
        return None
    return to if response.is_redirect and same else None


def _no_answer(error: Exception, method: str, server: Server) -> TransientFault:
    came = str(error) if isinstance(error, (TooSlow, CutShort)) else type(error).__name__
    return TransientFault(
        f"{server} gave no answer to {method}: {came}.",
        advice="Check its certificate, and the CA of the connection."
        if isinstance(error, requests.exceptions.SSLError)
        else f"Check that it is up, and the {server.address} of the connection.",
    )


def check_login(status: int, method: str, *, connection_name: str) -> None:
    """Whether the login is good for the request.

    :param status: of an answer, or of an operation of a bulk answer.
    :raises CredentialsRefused: 401.
    :raises PermissionMissing: 403.
    """
    if status == requests.codes.unauthorized:
        raise CredentialsRefused(
            f"The directory refused the login of the connection {connection_name}.",
            advice="Put the right password or token into the connection, then clear the task.",
        )
    if status == requests.codes.forbidden:
        raise PermissionMissing(
            f"The directory does not allow the login of the connection {connection_name} to {method} accounts.",
            advice="Grant it in the directory, then clear the task.",
        )
