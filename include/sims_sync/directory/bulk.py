"""Requests that write, one by one or many in one bulk request (RFC 7644 section 3.7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sims_sync.directory.json_answers import number
from sims_sync.directory.learnt import LADDER, Form

_BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_ENVELOPE = 200  # bytes of a bulk request beside its operations
_MOST_OPERATIONS = 500
"""Of one request, whatever the server takes: it must be answered within the time-out, and an account that was read
again must be written soon."""


@dataclass(frozen=True)
class Request:
    """One operation, as a request of its own or as a part of a bulk request.

    :param key: names the write in its result.
    :param account_id: none when it creates an account.
    :param form: in which it changes one.
    """

    key: str
    method: str
    data: dict[str, Any]
    account_id: str | None = None
    version: str | None = None
    form: Form = LADDER[0]

    @property
    def path(self) -> str:
        """Where it goes, below the base URL."""
        return "/Users" if self.account_id is None else f"/Users/{quote(self.account_id, safe='')}"

    def operation(self) -> dict[str, Any]:
        """The request as an operation of a bulk request."""
        operation = {"method": self.method, "path": self.path, "data": self.data}
        if self.account_id is None:
            operation["bulkId"] = self.key
        if self.version is not None:
            operation["version"] = self.version
        return operation

    def is_answered_by(self) -> tuple[str, str]:
        """What tells its answer from the others'; see :func:`answers`."""
        return ("location", self.path.rpartition("/")[2]) if self.account_id is not None else ("bulkId", self.key)


def batches(requests: Iterable[Request], limits: tuple[int, int] | None) -> Iterator[list[Request]]:
    """The requests by what one bulk request takes, each alone where there is no bulk.

    Takes no more requests than it must before it gives back a batch: they are made right before they are sent.

    :param limits: the most operations and the most bytes of a bulk request.
    """
    most_operations, most_bytes = (min(limits[0], _MOST_OPERATIONS), limits[1]) if limits else (1, 0)
    batch: list[Request] = []
    size = _ENVELOPE
    for request in requests:
        length = len(json.dumps(request.operation()).encode()) + 2
        if batch and size + length > most_bytes:
            yield batch
            batch, size = [], _ENVELOPE
        batch.append(request)
        size += length
        if len(batch) >= most_operations:
            yield batch
            batch, size = [], _ENVELOPE
    if batch:
        yield batch


def body(batch: Sequence[Request]) -> dict[str, Any]:
    """The bulk request."""
    return {"schemas": [_BULK_REQUEST], "Operations": [request.operation() for request in batch]}


def answers(batch: Sequence[Request], operations: Sequence[Any]) -> list[dict[str, Any]]:
    """The answer to each request, empty where there is none.

    Answers may come in any order, and some may be missing. A create is told by its ``bulkId``, a change by its
    ``location``; one that has neither by its place, as long as there are as many answers as requests.
    """
    told = [each if isinstance(each, dict) else {} for each in operations]
    by_name = {name: each for each in told if (name := _name(each)) is not None}
    by_place = told if len(told) == len(batch) else [{}] * len(batch)
    return [
        by_name.get(request.is_answered_by()) or (there if _name(there) is None else {})
        for request, there in zip(batch, by_place, strict=True)
    ]


def _name(answer: dict[str, Any]) -> tuple[str, str] | None:
    if answer.get("bulkId"):
        return "bulkId", str(answer["bulkId"])
    if answer.get("location") and str(answer.get("method", "")).upper() != "POST":
        return "location", str(answer["location"]).rpartition("/")[2]
    return None


def status_of(answer: dict[str, Any]) -> int:
    """The status of an operation, as number, as text, or in an object (``{"code": 201}``); 0 where it has none."""
    status = answer.get("status")
    return number(status.get("code")) if isinstance(status, dict) else number(status)
