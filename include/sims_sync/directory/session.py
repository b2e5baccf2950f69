"""SCIM over HTTP: one pooled session, finite time-outs, and faults that say what to do without a value of a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from sims_sync.errors import CredentialsRefused, PermissionMissing, TransientFault, UnexpectedAnswer

MEDIA_TYPE = "application/scim+json"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the next byte."""

_SERVERS_REASONS = (429, 500, 502, 503, 504)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+")


class _Adapter(HTTPAdapter):
    """requests has no time-out of a session: this sets one wherever a request has none."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT
        return super().send(request, *args, **kwargs)


def scim_adapter() -> HTTPAdapter:
    """The transport of the session: pooled, with time-outs; reading requests are tried again with backoff and jitter.

    A write is never repeated blindly: a ``412`` of the second try would hide that the first one got through.
    """
    retry = Retry(
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
    :raises CredentialsRefused: 401. :raises PermissionMissing: 403.
    :returns: any other answer; the caller looks at its status.
    """
    content = {
        "Accept": f"{MEDIA_TYPE}, application/json",
        **({"Content-Type": MEDIA_TYPE} if body is not None else {}),
    }
    try:
        response = session.request(method, url, json=body, params=params, headers={**content, **(headers or {})})
    except requests.RequestException as error:
        raise TransientFault(
            f"The directory (connection {connection_name}) gave no answer to {method}: {type(error).__name__}.",
            advice="Check that it is up, and the host of the connection.",
        ) from None
    if response.status_code == 401:
        raise CredentialsRefused(
            f"The directory refused the login of the connection {connection_name}.",
            advice="Put the right password or token into the connection, then clear the task.",
        )
    if response.status_code == 403:
        raise PermissionMissing(
            f"The directory does not allow the login of the connection {connection_name} to {method} accounts.",
            advice="Grant it in the directory, then clear the task.",
        )
    if response.status_code in _SERVERS_REASONS or response.status_code >= 500:
        raise TransientFault(
            f"The directory (connection {connection_name}) answered {response.status_code} to {method}.",
            retry_after=_retry_after(response),
        )
    return response


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
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        raise UnexpectedAnswer(
            f"The directory (connection {connection_name}) answered no SCIM, but {kind}.",
            advice="Check that the host of the connection is the SCIM base URL.",
        )
    return value


def scrubbed(detail: Any, values: Iterable[Any]) -> str:
    """The server's words without the values that were sent, and without anything quoted or like an email address."""
    text = str(detail or "")
    for value in sorted({part for each in values for part in _texts(each)}, key=len, reverse=True):
        text = re.sub(re.escape(value), "***", text, flags=re.IGNORECASE)
    return _QUOTED.sub("***", text)[:200]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) and len(value) > 1 else []


def _retry_after(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None
