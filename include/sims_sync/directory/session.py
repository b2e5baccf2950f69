"""SCIM over HTTP: one pooled session, finite time-outs, and faults that say what to do without a value of a person."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, MaxRetryError, ResponseError
from urllib3.util.retry import Retry

from sims_sync.model.errors import CredentialsRefused, PermissionMissing, TransientFault, UnexpectedAnswer

MEDIA_TYPE = "application/scim+json"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the next byte."""

_LONGEST_WAIT = 60.0
"""Seconds that a server may ask us to wait within a task; for more, the task fails and is tried again later."""
_LONGEST_TOLD = 30 * 86400
"""Seconds that the fault tells at most; urllib3's own limit of 6 hours would have a task wait 6 where 12 are needed."""
_TOO_MANY_REQUESTS = 429
REFUSED_LOGIN = (401, 403)
"""The statuses for which :func:`check_login` raises."""
_SERVERS_REASONS = (429, 500, 502, 503, 504)
_KINDS = {
    "text/html": "a web page",
    "application/xhtml+xml": "a web page",
    "text/plain": "plain text",
    "text/xml": "XML",
    "application/xml": "XML",
    MEDIA_TYPE: "JSON of another shape",
    "application/json": "JSON of another shape",
}
"""What may be told of an answer, by its media type: the header itself is the server's to fill."""

_HASTY = (5.0, 10.0)

_ASKING: ContextVar[bool] = ContextVar("asking a directory", default=False)


def _is_anothers(_: logging.LogRecord) -> bool:
    """urllib3 logs the URLs that it asks, and a look-up has a user name in its query: nothing of ours is logged."""
    return not _ASKING.get()


# Loggers do not filter what their children log, so it is each of those that urllib3 has.
for _module in ("connection", "connectionpool", "poolmanager", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_module}").addFilter(_is_anothers)


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


class _Adapter(HTTPAdapter):
    """requests has no time-out of a session: this sets one wherever a request has none. No log has its URLs."""

    timeout = TIMEOUT

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or self.timeout
        before = _ASKING.set(True)
        try:
            return super().send(request, *args, **kwargs)
        finally:
            _ASKING.reset(before)


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
    retry = _Retry(
        total=4,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        backoff_max=10,
        status_forcelist=_SERVERS_REASONS,
        allowed_methods=("GET", "HEAD"),
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    return _Adapter(max_retries=retry)


def hasty_adapter() -> HTTPAdapter:
    """The transport of a test that a person waits for: nothing is tried again."""
    adapter = _Adapter(max_retries=0)
    adapter.timeout = _HASTY
    return adapter


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
    try:
        response = session.request(
            method,
            url,
            json=body,
            params=params,
            headers={**content, **(headers or {})},
            allow_redirects=method == "GET",  # requests would send a POST on as a GET, and that succeeds
        )
    except requests.RequestException as error:
        raise TransientFault(
            f"The directory (connection {connection_name}) gave no answer to {method}: {type(error).__name__}.",
            advice="Check that it is up, and the host of the connection.",
        ) from None
    check_login(response.status_code, method, connection_name=connection_name)
    if 300 <= response.status_code < 400:
        raise UnexpectedAnswer(
            f"The directory (connection {connection_name}) sends {method} requests to another address.",
            advice="Put that address into the connection: its host is the SCIM base URL itself.",
        )
    if response.status_code in _SERVERS_REASONS or response.status_code >= 500:
        raise TransientFault(
            f"The directory (connection {connection_name}) answered {response.status_code} to {method}.",
            retry_after=_Retry(retry_after_max=_LONGEST_TOLD).get_retry_after(response.raw),
        )
    return response


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


def document(response: requests.Response, *, connection_name: str) -> dict[str, Any]:
    """The JSON object of a good answer.

    :raises UnexpectedAnswer: it is none, or the status is not one of success.
    """
    if not response.ok:
        raise UnexpectedAnswer(
            f"The directory (connection {connection_name}) answered {response.status_code}.",
            advice="Check that the host of the connection is the SCIM base URL.",
        )
    try:
        value = response.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        kind = _KINDS.get(media_type, "something else")
        raise UnexpectedAnswer(
            f"The directory (connection {connection_name}) answered no SCIM, but {kind}.",
            advice="Check that the host of the connection is the SCIM base URL.",
        )
    return value
