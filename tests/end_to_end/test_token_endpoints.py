"""What the bad answers of a token endpoint do: each its own clear fault, in words of ours (SPEC section 9)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from urllib3.util.retry import Retry

from oauth_server import CONNECTION, NAMES, ask, assert_silent, connected, token
from proxy import Proxy, Reply, proxy_to
from sandbox.directory.server import Running
from sims_sync.airflow.hooks import DirectoryHook
from sims_sync.directory import session
from sims_sync.directory.session import Bounds
from sims_sync.model.errors import CredentialsRefused, SyncError, TransientFault, UnexpectedAnswer

Connect = Callable[..., None]
CODES = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
)
"""Those of RFC 6749 section 5.2."""


@pytest.fixture
def scripted() -> Iterator[Proxy]:
    """A token endpoint whose answers the test writes."""
    with proxy_to("http://127.0.0.1:9/token") as proxy:
        yield proxy


PAGE = {"Content-Type": "text/html"}


def error(code: Any, status: int = 400) -> Reply:
    return token(status, error=code, error_description=NAMES.decode(), error_uri="https://quillfeather.example.org")


ANSWERS: dict[str, tuple[Reply, type[SyncError], str]] = {
    **{
        f"{status} {code}": (error(code, status), CredentialsRefused, f"gave no token: {code}\\. [A-Z]")
        for code in CODES
        for status in (200, 400, 401, 403)
    },
    "a code that is none": (error("Quillfeather"), UnexpectedAnswer, "answered 400 and no token"),
    "a code that is none, and 401": (error("Quillfeather", 401), CredentialsRefused, "status 401.*client id"),
    "a code that is a list": (error(["invalid_client"]), UnexpectedAnswer, "answered 400"),
    "a code that is an object": (error({"invalid_client": 1}), UnexpectedAnswer, "answered 400"),
    "401 without a body": (Reply(401), CredentialsRefused, "status 401"),
    "403, a page": (Reply(403, NAMES, PAGE), CredentialsRefused, "status 403"),
    "temporarily unavailable": (error("temporarily_unavailable"), TransientFault, "no token now"),
    "server error": (error("server_error"), TransientFault, "no token now"),
    "a web page": (Reply(200, b"<html>" + NAMES, PAGE), UnexpectedAnswer, "answered 200 and no token, but a web page"),
    "404": (Reply(404, NAMES, PAGE), UnexpectedAnswer, "answered 404 and no token, but a web page"),
    "405": (Reply(405, NAMES), UnexpectedAnswer, "answered 405"),
    "nothing": (Reply(204), UnexpectedAnswer, "no token"),
    "a list": (Reply(200, b"[]"), UnexpectedAnswer, "no token"),
    "nested without end": (Reply(200, b"[" * 100_000), UnexpectedAnswer, "no token"),
    "no token": (token(token_type="Bearer"), UnexpectedAnswer, "no token"),
    "a form": (Reply(200, b"access_token=abc&token_type=bearer"), UnexpectedAnswer, "no token"),
    "a token and 400": (token(400, access_token="abc"), UnexpectedAnswer, "answered 400"),
    "a token that is null": (token(access_token=None), UnexpectedAnswer, "no token"),
    "a token that is empty": (token(access_token=""), UnexpectedAnswer, "no token"),
    "a token that is a number": (token(access_token=7), UnexpectedAnswer, "no token"),
    "a token that is a list": (token(access_token=["abc"]), UnexpectedAnswer, "no token"),
    "a token of two lines": (token(access_token="abc\r\nX-Ada: Quillfeather"), UnexpectedAnswer, "no token"),
    "a token with a line's end": (token(access_token="abc\n"), UnexpectedAnswer, "no token"),
    "a token with a space": (token(access_token="Ada Quillfeather"), UnexpectedAnswer, "no token"),
    "a token beyond ASCII": (token(access_token="Quillfeäther"), UnexpectedAnswer, "no token"),
    "a token of another kind": (token(access_token="abc", token_type="mac"), UnexpectedAnswer, "no bearer token"),
    "a kind that is none": (token(access_token="abc", token_type=["Quillfeather"]), UnexpectedAnswer, "no bearer"),
    "a huge body": (Reply(200, b" " * 2 * 2**20), UnexpectedAnswer, "more than the 1 MB allowed.*`token_url`"),
    "a body that is announced as huge": (Reply(200, length=2**40), UnexpectedAnswer, "more than the 1 MB allowed"),
    "500": (Reply(500, NAMES), TransientFault, "answered 500"),
    "503": (Reply(503, NAMES, {"Retry-After": "0"}), TransientFault, "answered 503"),
    "429": (Reply(429, NAMES), TransientFault, "answered 429"),
    "no answer": (Reply(cut=-1), TransientFault, "gave no answer.*`token_url`"),
    "a body that is cut": (Reply(200, b"{}", length=100), TransientFault, "gave no answer"),
    "packed in nothing known": (Reply(200, NAMES, {"Content-Encoding": "br"}), TransientFault, "gave no answer"),
    "a redirect to what is no address": (Reply(302, NAMES, {"Location": "http://["}), TransientFault, "gave no answer"),
    **{
        f"{status} to {place}": (Reply(status, NAMES, {"Location": place}), UnexpectedAnswer, "another address.*_url`")
        for status in (301, 302, 303, 307, 308)
        for place in ("/elsewhere", "https://quillfeather.example.org/", "//quillfeather.example.org")
    },
}  # fmt: skip


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("first", [True, False], ids=["at first", "again"])
def test_a_bad_answer_of_the_token_endpoint_is_told_in_words_of_ours(
    scripted: Proxy,
    connect: Connect,
    at_once: None,
    caplog: pytest.LogCaptureFixture,
    case: str,
    first: bool,
) -> None:
    caplog.set_level("DEBUG")
    answer, fault, told = ANSWERS[case]
    with proxy_to("http://127.0.0.1:9/scim") as directory:
        directory.meddle = lambda *_: Reply(401)
        connected(connect, directory.url, token_url=scripted.url)
        answers = iter([] if first else [token(access_token="first-token")])
        scripted.meddle = lambda *_: next(answers, answer)
        with pytest.raises(fault, match=rf"^The token endpoint \(connection {CONNECTION}\) .*{told}") as caught:
            ask(method="POST")
        assert len(directory.seen) == (0 if first else 1), "nothing goes to the directory without a token"
    assert type(caught.value) is fault
    assert_silent(caught.value, caplog.text, tokens=["first-token"])
    assert "/elsewhere" not in [request.path for request in scripted.seen]
    if fault is CredentialsRefused:
        assert len(scripted.seen) == (1 if first else 2), "a secret that is refused is not tried again"


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER", "BearerToken", None, ""])
def test_a_bearer_token_may_be_called_so_in_any_case_or_not_at_all(
    directory: Running, scripted: Proxy, connect: Connect, kind: str | None
) -> None:
    scripted.meddle = lambda *_: token(access_token="token", token_type=kind, refresh_token="x", id_token=7, error=None)
    connected(connect, directory.url, token_url=scripted.url)
    assert ask() == 200


def test_a_token_endpoint_that_is_down_is_told_with_its_address_and_tried_again_later(
    directory: Running, connect: Connect, at_once: None
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        connected(connect, directory.url, token_url=f"http://127.0.0.1:{held.getsockname()[1]}/token")
        with pytest.raises(TransientFault, match=r"The token endpoint .* gave no answer to POST.*`token_url`"):
            ask()
    assert not directory.requests


@pytest.mark.parametrize("failures", [1, 3])
@pytest.mark.parametrize(
    "answer", [Reply(503), Reply(429), Reply(500), Reply(cut=-1)], ids=["503", "429", "500", "none"]
)
def test_a_token_endpoint_that_fails_for_a_moment_is_asked_again(
    directory: Running, scripted: Proxy, connect: Connect, at_once: None, answer: Reply, failures: int
) -> None:
    answers = iter([answer] * failures)
    scripted.meddle = lambda *_: next(answers, token(access_token="token"))
    connected(connect, directory.url, token_url=scripted.url)
    assert ask() == 200


def test_how_long_a_token_endpoint_asks_to_wait_is_told_to_the_retries(
    directory: Running, scripted: Proxy, connect: Connect
) -> None:
    scripted.meddle = lambda *_: Reply(503, NAMES, {"Retry-After": "600"})
    connected(connect, directory.url, token_url=scripted.url)
    with pytest.raises(TransientFault) as caught:
        ask()
    assert caught.value.retry_after == 600
    assert len(scripted.seen) == 1


@pytest.mark.parametrize("slow", [Reply(200, b" " * 100, pause=0.1), Reply(200, b"{}", pause=0.1, slow_head=True)])
def test_an_answer_of_the_token_endpoint_that_trickles_is_given_up(
    directory: Running, scripted: Proxy, connect: Connect, monkeypatch: pytest.MonkeyPatch, slow: Reply
) -> None:
    monkeypatch.setattr(session, "LOGIN", Bounds((5, 5), 0.5, 2**20))
    scripted.meddle = lambda *_: slow
    connected(connect, directory.url, token_url=scripted.url)
    with pytest.raises(TransientFault, match=r"The token endpoint .*no whole answer"):
        ask()
    scripted.meddle = lambda *_: Reply(500)


def test_the_hasty_test_of_a_connection_asks_a_token_endpoint_once(
    directory: Running, scripted: Proxy, connect: Connect
) -> None:
    scripted.meddle = lambda *_: Reply(503, NAMES)
    connected(connect, directory.url, token_url=scripted.url)
    works, message = DirectoryHook(CONNECTION).test_connection()
    assert not works
    assert message.startswith("The token endpoint")
    assert len(scripted.seen) == 1
