"""The breaker (SPEC section 7): a directory in trouble is not hammered with the rest of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from proxy import Forward, Proxy, Reply, Request, proxy_to
from sandbox.directory import server
from sims_sync.changes.apply import Breaker, Replanned, Result, apply_changes
from sims_sync.changes.change import Change
from sims_sync.directory.discovery import discover
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint, scim_adapter
from sims_sync.model.errors import CredentialsRefused, PermanentFault, TransientFault

JSON = {"Content-Type": "application/scim+json"}


def result(how: Any, retry_after: float | None = None) -> Result:
    return Result("create", "101", None, "a1", how, retry_after=retry_after)


@given(st.lists(st.sampled_from(["done", "rejected", "failed"]), max_size=60))
def test_it_stops_when_20_percent_of_at_least_10_writes_failed_for_the_servers_reasons(results: list[Any]) -> None:
    breaker = Breaker()
    for each in results:
        breaker.count(result(each))
    failed = results.count("failed")
    if len(results) >= 10 and failed / len(results) >= 0.2:
        with pytest.raises(TransientFault, match="a fifth of the writes, or more"):
            breaker.check()
    else:
        breaker.check()


def test_it_passes_on_how_long_the_server_asks_to_wait() -> None:
    breaker = Breaker()
    for seconds in (None, 30, 120, 60, *[None] * 8):
        breaker.count(result("failed", seconds))
    with pytest.raises(TransientFault) as stopped:
        breaker.check()
    assert stopped.value.retry_after == 120


@pytest.fixture(params=[True, False], ids=["in bulk", "alone"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    bulk: dict[str, Any] = {"bulk": True, "max_operations": 15} if request.param else {"bulk": False}
    with (
        server.running(tmp_path / "directory.sqlite", token="token", **bulk) as running,
        proxy_to(running.url) as proxy,
    ):
        yield proxy


def apply(proxy: Proxy, count: int, user_name: str | None = "user-{}") -> tuple[list[Result], Exception | None]:
    """Create so many accounts through the proxy."""
    session = requests.Session()
    session.mount("http://", scim_adapter())
    session.headers["Authorization"] = "Bearer token"
    endpoint = Endpoint(session, proxy.url, "directory_green_abbey")
    directory = Directory(endpoint, discover(endpoint), STANDARD)
    changes = [
        Change("create", str(n), None, None, None, "", {"userName": user_name and user_name.format(n)})
        for n in range(101, 101 + count)
    ]
    proxy.seen.clear()
    results: list[Result] = []
    try:
        results.extend(apply_changes(directory, changes, lambda *_: Replanned()))
    except Exception as error:
        return results, error
    return results, None


def writes(proxy: Proxy) -> int:
    return sum(request.method == "POST" for request in proxy.seen)


def refuse_writes(status: int) -> Any:
    def meddle(request: Request, forward: Forward) -> Reply:
        return Reply(status, b"{}", JSON) if request.method == "POST" else forward(request)

    return meddle


def test_a_directory_that_fails_every_write_is_left_alone_after_ten(proxy: Proxy) -> None:
    proxy.meddle = refuse_writes(500)
    results, error = apply(proxy, 40)
    assert isinstance(error, TransientFault)
    assert "clear the task" in str(error)
    in_bulk = len(results) == 15
    assert in_bulk or len(results) == 10
    assert {each.result for each in results} == {"failed"}, "what was sent has its result"
    assert writes(proxy) == (2 if in_bulk else 10), "a bulk request, and one write alone"


def test_records_that_the_directory_refuses_are_no_failures_of_it(proxy: Proxy) -> None:
    results, error = apply(proxy, 20, user_name=None)
    assert isinstance(error, PermanentFault), "but refused as such"
    assert {(each.result, each.code) for each in results} == {("rejected", "rejected_by_directory")}


def test_a_refused_login_stops_at_the_first_write(proxy: Proxy) -> None:
    proxy.meddle = refuse_writes(401)
    results, error = apply(proxy, 20)
    assert isinstance(error, CredentialsRefused)
    assert (results, writes(proxy)) == ([], 1)
