"""Answers questions of Airflow's for a user, through Airflow's own API in this process: Airflow checks the right to
answer, and records who did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from fastapi import Request

from sims_sync.ui.waiting_page import Waiting

AIRFLOW_APP = "sims_sync.airflow_app"
"""The key of the ASGI scope that has Airflow's own app."""

MOST = 100
"""Questions that are answered at once."""


@dataclass(frozen=True)
class Answered:
    """What became of one answer.

    :param problem: why it was not given; empty where it was.
    """

    waiting: Waiting
    problem: str = ""


def comes_from_our_page(request: Request) -> bool:
    """Whether a form was sent from this site. The cookie of the login goes to no other (SameSite); this is the second
    bolt."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


@dataclass(frozen=True)
class Ticked:
    """What of that which waits now is ticked, as far as it may be answered together.

    :param chosen: what is answered at once.
    :param over: how many are not yet, as they are more than :data:`MOST`.
    :param gone: how many ticks are of what does not wait any more, or not so.
    """

    chosen: Sequence[Waiting]
    over: int
    gone: int


def ticked(waiting: Sequence[Waiting], ticks: Collection[str], kind: str) -> Ticked:
    """What is ticked.

    :param ticks: as :attr:`Waiting.tick` has them.
    :param kind: whose form was sent.
    """
    found = [
        each
        for each in waiting
        if each.tick in ticks and each.kind.key == kind and each.kind.together and each.may_answer
    ]
    return Ticked(found[:MOST], len(found[MOST:]), len(set(ticks)) - len(found))


async def approve(request: Request, waiting: Sequence[Waiting]) -> list[Answered]:
    """Approve these, each by itself: one that Airflow refuses stops no other."""
    names = ("cookie", "authorization")
    headers = {name: request.headers[name] for name in names if name in request.headers}
    transport = httpx.ASGITransport(request.scope[AIRFLOW_APP], raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=str(request.base_url.replace(path="/"))) as client:
        return [Answered(each, await _problem(client, each, headers)) for each in waiting]


async def _problem(client: httpx.AsyncClient, waiting: Waiting, headers: dict[str, str]) -> str:
    if not waiting.parked:
        return "it has asked only now: try again in half a minute"
    dag, run = quote(waiting.school.dag_id, safe=""), quote(waiting.run_id, safe="")
    answer: dict[str, Any] = {"chosen_options": [waiting.option], "params_input": {}}
    path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{waiting.stage}/-1/hitlDetails"
    response = await client.patch(path, json=answer, headers=headers)
    return (
        "" if response.is_success else _PROBLEMS.get(response.status_code, f"Airflow answered {response.status_code}")
    )


_PROBLEMS = {
    401: "your login is over",
    403: "you may not answer for this school",
    404: "it does not ask any more",
    409: "somebody has answered already",
}
