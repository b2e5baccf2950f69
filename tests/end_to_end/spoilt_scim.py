"""What a directory, or the network before it, can do to answers: meddlers for ``proxy.Proxy.meddle``."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from proxy import Forward, Reply, Request

JSON = {"Content-Type": "application/scim+json"}

Spoilt = Callable[[Request, Forward], Reply]
"""The answer to one request."""


class Spoiler:
    """Answers the next requests so whose method and path match; the others pass.

    :param what: a pattern, such as ``POST .*/Bulk``.
    :param answers: one a request; then all pass, or (``for_ever``) the last answer stays.
    :param body: only requests with this in their body.
    """

    def __init__(self, what: str, *answers: Spoilt, for_ever: bool = False, body: str = "") -> None:
        self._what, self._answers, self._for_ever, self._body = what, answers, for_ever, body.encode()
        self.hits = 0

    def __call__(self, request: Request, forward: Forward) -> Reply:
        """The answer to a request."""
        matches = re.search(self._what, f"{request.method} {request.path}") and self._body in request.body
        if not matches or (self.spent and not self._for_ever):
            return forward(request)
        answer = self._answers[min(self.hits, len(self._answers) - 1)]
        self.hits += 1
        return answer(request, forward)

    @property
    def spent(self) -> bool:
        """Whether every answer was given."""
        return self.hits >= len(self._answers)


def all_of(spoilers: Iterable[Spoiler]) -> Callable[[Request, Forward], Reply]:
    """Several at once: each gets what those before it let pass."""

    def meddle(request: Request, forward: Forward) -> Reply:
        for spoiler in spoilers:
            forward = _through(spoiler, forward)
        return forward(request)

    return meddle


def _through(spoiler: Spoiler, forward: Forward) -> Forward:
    return lambda request: spoiler(request, forward)


# -- nothing is done ---------------------------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Spoilt:
    """A SCIM error.

    :param headers: with ``_`` for ``-``.
    """
    error = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(code), "detail": "no"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, forward: Reply(code, json.dumps(error).encode(), {**JSON, **named})


def page(request: Request, forward: Forward) -> Reply:
    """A web page with a good status."""
    return Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})


def cut(request: Request, forward: Forward) -> Reply:
    """The connection breaks."""
    return Reply(cut=-1)


# -- all is done, but the answer is lost -------------------------------------------------------------------------------


def lost(request: Request, forward: Forward) -> Reply:
    """The connection breaks before the answer."""
    forward(request)
    return Reply(cut=-1)


def cut_short(request: Request, forward: Forward) -> Reply:
    """The connection breaks in the middle of the answer."""
    return replace(forward(request), cut=20)


def late(seconds: float) -> Spoilt:
    """The answer comes when nobody waits for it any more."""

    def answer(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        time.sleep(seconds)
        return reply

    return answer


# -- another answer ----------------------------------------------------------------------------------------------------


def operations(statuses: Callable[[int], int | None]) -> Spoilt:
    """A bulk answer with operations that are not done.

    :param statuses: from the place of an operation to the status that it gets; none: it is done.
    """

    def answer(request: Request, forward: Forward) -> Reply:
        sent = json.loads(request.body)
        told: list[dict[str, Any]] = []
        passed = [each for place, each in enumerate(sent["Operations"]) if statuses(place) is None]
        if passed:
            reply = forward(replace(request, body=json.dumps({**sent, "Operations": passed}).encode()))
            told = json.loads(reply.body)["Operations"]
        for place, each in enumerate(sent["Operations"]):
            code = statuses(place)
            if code is not None:
                name = {"bulkId": each["bulkId"]} if "bulkId" in each else {"location": each["path"]}
                told.insert(place, {"method": each["method"], "status": str(code), **name})
        return Reply(200, json.dumps({"Operations": told}).encode(), JSON)

    return answer


def saying(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Spoilt:
    """The answer with some attributes changed.

    :param change: from the answer to these.
    """

    def answer(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        said = json.loads(reply.body)
        return replace(reply, body=json.dumps({**said, **change(said)}).encode())

    return answer


def sticky(*codes: int) -> Spoilt:
    """These statuses to the first so many accounts that are written, each its own for ever; the others pass."""
    left, chosen = list(codes), dict[str, int]()

    def answer(request: Request, forward: Forward) -> Reply:
        if left and request.path not in chosen:
            chosen[request.path] = left.pop(0)
        code = chosen.get(request.path)
        return forward(request) if code is None else status(code)(request, forward)

    return answer


def first_page(request: Request, forward: Forward) -> Reply:
    """The first page of a list, whichever is asked for."""
    return forward(replace(request, path=re.sub(r"startIndex=\d+", "startIndex=1", request.path)))


def one_leaves_and_one_comes(request: Request, forward: Forward) -> Reply:
    """A page of a list, right after which others remove its first account and add one: the list stays as long."""
    reply = forward(request)
    first = json.loads(reply.body)["Resources"][0]
    come = {**first, "userName": "teacher.9009", "externalId": "9009", "active": True}
    users = f"{request.path.partition('/Users')[0]}/Users"
    forward(replace(request, method="DELETE", path=f"{users}/{first['id']}"))
    forward(replace(request, method="POST", path=users, body=json.dumps(come).encode()))
    return reply
