"""What an answer of a directory holds: one object, or a list in whatever form; else words of ours for what came."""

from __future__ import annotations

from typing import Any

import requests

from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import NoJson, number, read_json
from sims_sync.directory.session import MEDIA_TYPE
from sims_sync.model.errors import UnexpectedAnswer

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


def document(response: requests.Response, *, connection_name: str) -> dict[str, Any]:
    """The JSON object of a good answer.

    :raises UnexpectedAnswer: it is none, or the status is not one of success.
    """
    value = _json(response, connection_name)
    if not isinstance(value, dict):
        raise _no_scim(response, connection_name)
    return value


def listed(response: requests.Response, *, connection_name: str) -> tuple[list[Any], int]:
    """The resources of a good answer, and how many there are in all: a ListResponse (RFC 7644 section 3.4.2), an array,
    or the one resource itself.

    :raises UnexpectedAnswer: it is none of these, or the status is not one of success.
    """
    value = _json(response, connection_name)
    if isinstance(value, list):
        return value, len(value)
    if not isinstance(value, dict):
        raise _no_scim(response, connection_name)
    answer = as_rfc(value, dict.fromkeys(("Resources", "totalResults")))
    if not answer.keys() & {"Resources", "totalResults"}:
        return [value], 1
    resources = answer.get("Resources") or []
    if not isinstance(resources, list):
        raise _no_scim(response, connection_name)
    return resources, number(answer.get("totalResults")) or len(resources)


def _json(response: requests.Response, connection_name: str) -> Any:
    if not response.ok:
        raise UnexpectedAnswer(
            f"The directory (connection {connection_name}) answered {response.status_code}.",
            advice="Check that the host of the connection is the SCIM base URL.",
        )
    try:
        return read_json(response.content)
    except NoJson:
        raise _no_scim(response, connection_name) from None


def _no_scim(response: requests.Response, connection_name: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The directory (connection {connection_name}) answered no SCIM, but {kind_of(response)}.",
        advice="Check that the host of the connection is the SCIM base URL.",
    )


def kind_of(response: requests.Response) -> str:
    """What came, in words of ours."""
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return _KINDS.get(media_type, "something else")
