"""The directory's login by OAuth 2 client credentials: nights, and what a connection says of it (SPEC section 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from urllib3.util.retry import Retry

from oauth_server import (
    CLIENT_ID,
    CONNECTION,
    NAMES,
    SCOPE,
    SECRET,
    OAuthServer,
    ask,
    assert_silent,
    connected,
    oauth_server,
    token,
)
from proxy import Proxy, Reply, Request, proxy_to
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_sync.airflow.connections import directory_endpoint
from sims_sync.airflow.hooks import DirectoryHook
from sims_sync.directory import client_credentials
from sims_sync.directory.session import send
from sims_sync.model.errors import CredentialsRefused, PermanentFault
from tests.end_to_end.conftest import Night

Connect = Callable[..., None]
WRITING = ("POST", "PUT", "PATCH")


@pytest.fixture
def oauth() -> Iterator[OAuthServer]:
    with oauth_server() as server:
        yield server


@pytest.fixture
def guarded(directory: Running, oauth: OAuthServer, connect: Connect) -> Iterator[Proxy]:
    """The directory, which takes the tokens of the OAuth server alone."""
    with proxy_to(directory.url) as proxy:
        proxy.meddle = oauth.guard(directory.token)
        connected(connect, proxy.url, token_url=oauth.url, scope=SCOPE)
        yield proxy


@pytest.fixture
def scripted() -> Iterator[Proxy]:
    """A token endpoint whose answers the test writes."""
    with proxy_to("http://127.0.0.1:9/token") as proxy:
        yield proxy


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits before it tries again."""
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)


def parameters(request: Request) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(request.body.decode()).items()}


# -- nights ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(sims: Database, broker: Broker) -> None:
    for person_id in range(101, 106):
        sims.put_student(person_id)


def test_a_night_runs_over_tokens_and_asks_for_one_a_task(
    five: None, guarded: Proxy, oauth: OAuthServer, night: Night
) -> None:
    assert night().counts == {"extracted": 5, "created": 5}
    assert parameters(oauth.seen[0]) == {"grant_type": "client_credentials", "scope": SCOPE}
    assert len(oauth.seen) <= 4, "plan, load, disable_leavers, report"
    assert all(request.headers["Authorization"].startswith("Bearer ") for request in guarded.seen)


@pytest.mark.parametrize("features", [{}, {"bulk": False}, {"bulk": False, "etag": False, "patch": False}], ids=str)
@pytest.mark.parametrize("ends_at", [1, 2, 4])
def test_a_token_that_ends_in_the_middle_of_a_load_is_fetched_again_and_each_write_is_done_once(
    five: None,
    guarded: Proxy,
    oauth: OAuthServer,
    directory: Running,
    night: Night,
    sims: Database,
    features: dict[str, bool],
    ends_at: int,
) -> None:
    without(guarded, oauth, directory, features, lambda writes: writes == ends_at and oauth.tokens.clear())
    assert night().counts == {"extracted": 5, "created": 5}
    for person_id in range(101, 106):
        sims.change("students", {"person_id": person_id}, surname="Archer")
    assert night().counts == {"extracted": 5, "updated": 5}
    assert oauth.refused == 1
    assert sorted(user["externalId"] for user in directory.users()) == ["101", "102", "103", "104", "105"]
    assert {user["name"]["familyName"] for user in directory.users()} == {"Archer"}


def without(
    guarded: Proxy, oauth: OAuthServer, directory: Running, features: dict[str, bool], end: Callable[[int], Any]
) -> None:
    """Have the directory do without features, and tell each write's number before it is looked at."""
    writes = iter(range(1, 1000))

    def meddle(request: Request) -> None:
        if request.method in WRITING:
            end(next(writes))

    guard = oauth.guard(directory.token, meddle)

    def answer(request: Request, forward: Any) -> Reply:
        reply = guard(request, forward)
        if not request.path.endswith("/ServiceProviderConfig"):
            return reply
        config = json.loads(reply.body)
        for feature, supported in features.items():
            config[feature]["supported"] = supported
        return Reply(reply.status, json.dumps(config).encode(), reply.headers)

    guarded.meddle = answer


def test_a_write_is_repeated_as_it_was(
    guarded: Proxy, oauth: OAuthServer, directory: Running, connect: Connect
) -> None:
    endpoint = directory_endpoint(CONNECTION)
    assert ask(endpoint) == 200
    oauth.tokens.clear()
    guarded.seen.clear()
    headers = {"If-Match": 'W/"1"'}
    url, body = f"{endpoint.base_url}/Users?x=1", {"userName": "u1"}
    response = send(endpoint.session, "POST", url, connection_name=CONNECTION, body=body, headers=headers)
    assert response.status_code in (201, 412)
    first, second = guarded.seen
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert {**first.headers, "Authorization": ""} == {**second.headers, "Authorization": ""}


@pytest.mark.parametrize("expires_in", [1, 30, 3600, 10**9])
def test_a_token_is_fetched_again_a_little_before_it_ends(
    guarded: Proxy, oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch, expires_in: int
) -> None:
    now = 1000.0
    monkeypatch.setattr(client_credentials.time, "monotonic", lambda: now)
    oauth.expires_in = expires_in
    endpoint = directory_endpoint(CONNECTION)
    ask(endpoint)
    ask(endpoint)
    assert len(oauth.seen) == 1
    now += expires_in - 0.1
    ask(endpoint)
    assert len(oauth.seen) == 2
    assert {reply.headers["Authorization"] for reply in guarded.seen} <= {f"Bearer {token}" for token in oauth.tokens}


@pytest.mark.parametrize(
    "expires_in",
    [None, "", "soon", "0", 0, -1, True, [], {}, 10**400, 1e300, float("inf"), float("nan"), "١٢", "3600 s", " "],
)
def test_a_token_whose_end_is_said_in_no_way_that_means_anything_is_good_until_it_is_refused(
    directory: Running, scripted: Proxy, connect: Connect, expires_in: Any
) -> None:
    scripted.meddle = lambda *_: token(access_token="token", expires_in=expires_in)
    connected(connect, directory.url, token_url=scripted.url)
    endpoint = directory_endpoint(CONNECTION)
    assert [ask(endpoint) for _ in range(3)] == [200] * 3
    assert len(scripted.seen) == 1


@pytest.mark.parametrize("expires_in", [3600, "3600", 3600.0, 3599.7, "3600.0"])
def test_the_seconds_of_a_token_may_be_text_or_a_fraction(
    directory: Running,
    scripted: Proxy,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    expires_in: Any,
) -> None:
    now = 1000.0
    monkeypatch.setattr(client_credentials.time, "monotonic", lambda: now)
    scripted.meddle = lambda *_: token(access_token="token", expires_in=expires_in)
    connected(connect, directory.url, token_url=scripted.url)
    endpoint = directory_endpoint(CONNECTION)
    for now in (1000.0, 1000.0 + 3500, 1000.0 + 3590):  # noqa: B007 - read by the clock
        assert ask(endpoint) == 200
    assert len(scripted.seen) == 2


def test_tokens_that_are_refused_for_ever_end_the_task_after_one_new_one(
    directory: Running, guarded: Proxy, oauth: OAuthServer
) -> None:
    guarded.meddle = lambda *_: Reply(401, NAMES)
    for method in ("GET", *WRITING, "DELETE"):
        oauth.seen.clear()
        guarded.seen.clear()
        with pytest.raises(CredentialsRefused, match=f"refused the login of .* {CONNECTION}.*audience") as caught:
            ask(method=method)
        assert (len(guarded.seen), len(oauth.seen)) == (2, 2)
        assert_silent(caught.value, tokens=oauth.tokens)


def test_a_night_whose_tokens_are_refused_in_the_middle_stops_and_says_so(
    five: None, guarded: Proxy, oauth: OAuthServer, directory: Running, night: Night
) -> None:
    def refuse(writes: int) -> None:
        oauth.refuses = writes >= 3

    without(guarded, oauth, directory, {"bulk": False}, refuse)
    ran = night()
    assert (ran.state, ran.tasks["load"], ran.tasks["disable_leavers"]) == ("failed", "failed", "upstream_failed")
    assert ran.report is not None
    assert "refused the login" in ran.report["reason"]
    assert len(directory.users()) == 2


def test_a_token_endpoint_that_is_down_in_the_middle_of_a_load_stops_it_and_the_next_run_writes_the_rest(
    sims: Database,
    broker: Broker,
    guarded: Proxy,
    oauth: OAuthServer,
    directory: Running,
    night: Night,
    connect: Connect,
    at_once: None,
) -> None:
    for person_id in range(101, 131):
        sims.put_student(person_id)
    with proxy_to(oauth.url) as endpoint:
        endpoint.meddle = oauth.give_token
        connected(connect, guarded.url, token_url=endpoint.url)

        def fall(writes: int) -> None:
            if writes == 5:
                oauth.tokens.clear()
                endpoint.meddle = lambda *_: Reply(503)

        without(guarded, oauth, directory, {"bulk": False}, fall)
        ran = night()
        assert ran.tasks["load"] == "failed"
        assert len(directory.users()) == 4
        endpoint.meddle = oauth.give_token
        assert night().counts == {"extracted": 30, "created": 26, "unchanged": 4}


# -- what is asked of the token endpoint -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, "", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("conn_type", ["scim", "http"])
def test_the_client_says_who_it_is_by_basic_or_in_the_body(
    guarded: Proxy, oauth: OAuthServer, connect: Connect, method: str | None, conn_type: str
) -> None:
    extra = {"token_url": oauth.url, "client_authentication": method, "X-Api-Key": "key"}
    connect(CONNECTION, conn_type=conn_type, host=guarded.url, login=CLIENT_ID, password=SECRET, extra=extra)
    assert ask() == 200
    (asked,) = oauth.seen
    in_body = method == "client_secret_post"
    assert asked.headers.get("Authorization", "").startswith("Basic ") is not in_body
    assert ({"client_id": CLIENT_ID, "client_secret": SECRET}.items() <= parameters(asked).items()) is in_body
    assert "X-Api-Key" not in asked.headers, "the headers are the directory's"
    assert guarded.seen[0].headers["X-Api-Key"] == "key"
    assert not {name.lower() for name in guarded.seen[0].headers} & {*extra, "scope", "audience"} - {"x-api-key"}


@pytest.mark.parametrize(
    ("extra", "asked"),
    [
        ({"scope": "a b"}, {"scope": "a b"}),
        ({"scope": ["a", "b"]}, {"scope": "a b"}),
        ({"scope": " "}, {}),
        ({"scope": None, "audience": None, "resource": ""}, {}),
        ({"audience": "https://directory.example.org/"}, {"audience": "https://directory.example.org/"}),
        ({"resource": "urn:directory", "scope": "api://x/.default"}, {"resource": "urn:directory", "scope": "api://x/.default"}),
    ],
)  # fmt: skip
def test_scope_audience_and_resource_are_asked_for_where_the_connection_names_them(
    directory: Running, scripted: Proxy, connect: Connect, extra: dict[str, Any], asked: dict[str, str]
) -> None:
    scripted.meddle = lambda *_: token(access_token="token")
    connected(connect, directory.url, token_url=scripted.url, **extra)
    assert ask() == 200
    assert parameters(scripted.seen[0]) == {"grant_type": "client_credentials", **asked}


def test_a_scope_that_the_server_grants_otherwise_is_no_fault(
    directory: Running, scripted: Proxy, connect: Connect
) -> None:
    scripted.meddle = lambda *_: token(access_token="token", scope="another")
    connected(connect, directory.url, token_url=scripted.url, scope="one")
    assert ask() == 200


def test_a_netrc_of_the_user_does_not_count_for_the_token_endpoint(
    directory: Running, scripted: Proxy, connect: Connect, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login netrc password netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    scripted.meddle = lambda *_: token(access_token="token")
    extra = {"token_url": scripted.url, "client_authentication": "client_secret_post"}
    connected(connect, directory.url, **extra)
    assert ask() == 200
    assert "Authorization" not in scripted.seen[0].headers


TOKEN_URL = {"token_url": "https://login.example.org/token"}
INCOMPLETE = [
    ({"scope": "a"}, CLIENT_ID, SECRET, "has `scope`, but no `token_url`"),
    ({"audience": "a"}, CLIENT_ID, SECRET, "has `audience`, but no `token_url`"),
    ({"client_authentication": "client_secret_post"}, "", SECRET, "but no `token_url`"),
    (TOKEN_URL, "", SECRET, "no login or no password.*client id"),
    (TOKEN_URL, CLIENT_ID, "", "no login or no password.*client id"),
    ({**TOKEN_URL, "client_authentication": "private_key_jwt"}, CLIENT_ID, SECRET, "`client_secret_post`"),
    ({"token_url": 5}, CLIENT_ID, SECRET, "`token_url` .*is no text"),
    ({"token_url": ["https://x.example.org"]}, CLIENT_ID, SECRET, "`token_url` .*is no text"),
    ({**TOKEN_URL, "scope": {"a": 1}}, CLIENT_ID, SECRET, "`scope` .*is no text"),
    ({**TOKEN_URL, "scope": [1]}, CLIENT_ID, SECRET, "`scope` .*is no text"),
    ({**TOKEN_URL, "audience": ["a"]}, CLIENT_ID, SECRET, "`audience` .*is no text"),
    ({"token_url": "http://login.example.org/token"}, CLIENT_ID, SECRET, "`token_url` with https://.*allow_http"),
    ({"token_url": "http://10.0.0.1/token", "allow_http": False}, CLIENT_ID, SECRET, "allow_http"),
    ({"token_url": "ftp://login.example.org"}, CLIENT_ID, SECRET, "`token_url` .*is no http or https address"),
    ({"token_url": "https://"}, CLIENT_ID, SECRET, "`token_url` .*is no http or https address"),
    ({"token_url": "https://x:port/"}, CLIENT_ID, SECRET, "`token_url` .*is no http or https address"),
    ({"token_url": "https://a:pw@login.example.org"}, CLIENT_ID, SECRET, "`token_url` .*holds a login"),
]  # fmt: skip


@pytest.mark.parametrize(("extra", "login", "password", "told"), INCOMPLETE)
def test_a_login_that_is_incomplete_or_not_safe_is_told_before_anything_is_asked(
    connect: Connect, extra: dict[str, Any], login: str, password: str, told: str
) -> None:
    connected(connect, "https://directory.example.org", login, password, **extra)
    with pytest.raises(PermanentFault, match=told) as caught:
        directory_endpoint(CONNECTION)
    assert CONNECTION in str(caught.value)
    assert_silent(caught.value, tokens=["pw"])
    works, message = DirectoryHook(CONNECTION).test_connection()
    assert not works
    assert re.search(told, message)


@pytest.mark.parametrize("extra", ["{", "[1]", '"token_url"', "token_url=https://x", "null", "7"])
def test_an_extra_that_is_no_json_object_is_told_and_no_secret_goes_to_the_directory(
    connect: Connect, extra: str
) -> None:
    connect(CONNECTION, conn_type="scim", host="https://directory.example.org", login="a", password=SECRET, extra=extra)
    with pytest.raises(PermanentFault, match=f"extra of the connection {CONNECTION} is no JSON object"):
        directory_endpoint(CONNECTION)


# -- silence -----------------------------------------------------------------------------------------------------------


def test_neither_token_nor_secret_is_logged_or_shown(
    five: None, guarded: Proxy, oauth: OAuthServer, night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    endpoint = directory_endpoint(CONNECTION)
    assert ask(endpoint) == 200
    night()
    of_the_server = "oauthlib.oauth2.rfc6749.grant_types"  # which runs in this process, too
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith(of_the_server)]
    assert_silent(*logged, repr(endpoint), repr(vars(endpoint.session.auth)), tokens=oauth.tokens)
