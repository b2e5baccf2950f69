"""The sync's own connection types, in Airflow's real API: the form, *Test connection*, and a night over them."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from oauth_server import CLIENT_ID, SECRET, oauth_server
from proxy import Forward, Reply, Request, proxy_to
from sandbox.directory import server as directory_server
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_sync.airflow import connections
from sims_sync.airflow.connections import sims_client
from sims_sync.airflow.provider import get_provider_info
from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.store.layout import state_folder
from sims_sync.store.lease import hold_lease
from sims_sync.store.local import LocalFolder
from tests.end_to_end.conftest import Configure, Night

BROKER = {"conn_type": "sims", "login": "sync", "password": "secret"}
DIRECTORY = {"conn_type": "scim", "password": "token"}
ONE = {"startIndex": "1", "count": "1"}
EXTENSION_LABELS = [attribute.label for attribute in ATTRIBUTES if attribute.extension]
PressTest = Callable[..., tuple[bool, str]]


@pytest.fixture
def press_test(_airflow_database: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PressTest]:
    """Presses *Test* in the form of a connection: whether it works, and what Airflow shows."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path / "store"))
    purge_cached_app()
    app = create_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="anna", role="admin"))
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as client:

        def press(**connection: Any) -> tuple[bool, str]:
            answer = client.post("/api/v2/connections/test", json={"connection_id": "x", **connection})
            assert answer.status_code == 200, answer.text
            return answer.json()["status"], answer.json()["message"]

        yield press
    purge_cached_app()


@pytest.fixture
def broker_alone(sims: Database) -> Iterator[Broker]:
    from sandbox.sims import server as sims_server

    with sims_server.running(sims, username="sync", password="secret") as broker:
        yield broker


def test_the_test_of_a_sims_connection_makes_one_call_and_says_which_school_answers(
    press_test: PressTest, broker_alone: Broker
) -> None:
    works, message = press_test(host=broker_alone.url, **BROKER)
    assert works
    assert message == "SIMS answered the one call GetXmlSchool: LA 823, Estab 4321, Green Abbey School."
    assert [call.operation for call in broker_alone.calls] == ["GetXmlSchool"]


def test_the_test_of_a_sims_connection_knows_what_the_schools_broker_calls_things(
    press_test: PressTest, broker_alone: Broker, connect: Callable[..., None], configure: Configure
) -> None:
    def in_other_words(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        return replace(reply, body=reply.body.replace(b"LEA", b"Authority"))

    with proxy_to(broker_alone.url) as proxy:
        proxy.meddle = in_other_words
        connect("sims_green_abbey", host=proxy.url, **BROKER)
        assert "LA None" in press_test(host=proxy.url, **BROKER)[1]
        configure(sims={"names": {"LEA": "Authority"}})
        works, message = press_test(host=proxy.url, **BROKER)
    assert works, message
    assert "LA 823" in message


def test_a_wrong_password_is_tried_once(press_test: PressTest, broker_alone: Broker) -> None:
    works, message = press_test(host=broker_alone.url, **{**BROKER, "password": "hunter2"})
    assert not works
    assert "SIMS refused the login" in message
    assert "hunter2" not in message
    assert len(broker_alone.calls) == 1


def test_a_sims_that_a_run_talks_to_now_is_not_called(
    press_test: PressTest, broker: Broker, tmp_path: Path, connect: Callable[..., None]
) -> None:
    state = state_folder(LocalFolder(tmp_path / "store"), "green-abbey")
    with hold_lease(state, "sims", "scheduled__tonight (extract)", wait=timedelta(0)):
        works, message = press_test(host=broker.url, **BROKER)
    assert not works
    assert "scheduled__tonight (extract)" in message
    assert broker.calls == []


def test_the_test_of_a_directory_says_what_it_offers_and_reads_one_account(
    press_test: PressTest, directory: Running
) -> None:
    for person_id in ("101", "102"):
        directory.put_user({"schemas": [USER_SCHEMA], "userName": f"u{person_id}", "externalId": person_id})
    works, message = press_test(host=directory.url, **DIRECTORY)
    assert works
    assert message.splitlines() == [
        "A SCIM directory: `roles:student` tells its students from others, and externalId holds the Person ID.",
        "It has: PATCH, bulk, filters, ETags, the student extension, sync reports.",
        "It lacks, and the sync does without: nothing.",
        "An account would be changed by PATCH, many in one request, if its version is the same.",
        "It cannot hold, and the sync would not write: nothing.",
        "It lists its accounts: 2 in all.",
    ]
    assert directory.writes == 0
    assert [request.query for request in directory.requests if request.path == "/Users"] == [ONE]


def test_the_test_of_a_directory_that_has_little_says_how_accounts_would_be_written_and_which_values_would_not(
    press_test: PressTest, tmp_path: Path
) -> None:
    lacks = dict.fromkeys(("patch", "bulk", "etag", "filter", "extension", "sync_report"), False)
    with directory_server.running(tmp_path / "bare.sqlite", token="token", **lacks) as bare:
        works, message = press_test(host=bare.url, **DIRECTORY)
    assert works
    assert message.splitlines()[1:5] == [
        "It has: nothing more.",
        "It lacks, and the sync does without: PATCH, bulk, filters, ETags, the student extension, sync reports.",
        "An account would be changed by PUT of the whole account, one in a request, if it is the same when it is read "
        "again.",
        f"It cannot hold, and the sync would not write: {', '.join(EXTENSION_LABELS)}.",
    ]


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500, 501])
def test_a_directory_that_takes_no_count_is_asked_without_one(
    press_test: PressTest, directory: Running, status: int
) -> None:
    def refuse(request: Request, forward: Forward) -> Reply:
        return Reply(status) if "count=" in request.path else forward(request)

    with proxy_to(directory.url) as odd:
        odd.meddle = refuse
        works, message = press_test(host=odd.url, **DIRECTORY)
    assert works, message


LISTS = {
    "403": (Reply(403), "does not allow the login"),
    "404": (Reply(404), "answered 404"),
    "a page": (Reply(200, b"<html>Ada Quillfeather</html>", {"Content-Type": "text/html"}), "no SCIM, but a web page"),
    "too much": (Reply(200, b" " * 9 * 2**20), "more than the 8 MB allowed"),
    "500": (Reply(500, b"Ada Quillfeather"), "answered 500"),
    "none": (Reply(cut=-1), "gave no answer"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_directory_that_describes_itself_but_lists_no_accounts_fails_the_test(
    press_test: PressTest, directory: Running, case: str
) -> None:
    answer, told = LISTS[case]
    with proxy_to(directory.url) as odd:
        odd.meddle = lambda request, forward: answer if "/Users" in request.path else forward(request)
        works, message = press_test(host=odd.url, **DIRECTORY)
        assert len(odd.seen) <= 5
    assert not works
    assert told in message
    assert "uillfeather" not in message


@pytest.mark.parametrize("said", [b"{}", b'{"totalresults": "2"}', b'{"totalResults": "many", "Resources": null}'])
def test_a_directory_that_does_not_count_its_accounts_is_none_the_worse(
    press_test: PressTest, directory: Running, said: bytes
) -> None:
    with proxy_to(directory.url) as odd:
        odd.meddle = lambda request, forward: Reply(200, said) if "/Users" in request.path else forward(request)
        works, message = press_test(host=odd.url, **DIRECTORY)
    assert works
    assert message.splitlines()[-1].startswith("It lists its accounts")


def test_the_test_of_a_directory_goes_by_oauth_2_where_its_connection_does(
    press_test: PressTest, directory: Running
) -> None:
    with oauth_server() as oauth, proxy_to(directory.url) as guarded:
        guarded.meddle = oauth.guard(directory.token)
        login = {"conn_type": "scim", "host": guarded.url, "login": CLIENT_ID, "password": SECRET}
        works, message = press_test(**login, extra=json.dumps({"token_url": oauth.url, "scope": None}))
        assert works, message
        assert len(oauth.seen) == 1
        works, message = press_test(**{**login, "password": "wrong"}, extra=json.dumps({"token_url": oauth.url}))
    assert not works
    assert "gave no token: invalid_client. Put the right client id and secret into the connection" in message
    assert "wrong" not in message


def test_a_token_url_that_airflow_shows_as_stars_is_the_stored_one_for_the_test(
    press_test: PressTest, directory: Running, connect: Callable[..., None]
) -> None:
    with oauth_server() as oauth, proxy_to(directory.url) as guarded:
        guarded.meddle = oauth.guard(directory.token)
        stored = {"conn_type": "scim", "host": guarded.url, "login": CLIENT_ID}
        connect("directory_green_abbey", **stored, password=SECRET, extra={"token_url": oauth.url})
        works, message = press_test(
            connection_id="directory_green_abbey", **stored, password="***", extra='{"token_url": "***"}'
        )
    assert works, message


def test_a_directory_that_refuses_the_token_fails_the_test(press_test: PressTest, directory: Running) -> None:
    works, message = press_test(host=directory.url, **{**DIRECTORY, "password": "wrong"})
    assert not works
    assert "refused the login" in message


def test_a_directory_whose_users_have_no_roles_fails_the_test(press_test: PressTest, directory: Running) -> None:
    def without_roles(request: Request, forward: Forward) -> Reply:
        answer = forward(request)
        return replace(answer, body=answer.body.replace(b'"roles"', b'"rolls"'))

    with proxy_to(directory.url) as odd:
        odd.meddle = without_roles
        works, message = press_test(host=odd.url, **DIRECTORY)
    assert not works
    assert "`roles`" in message


@pytest.mark.parametrize("kind", [BROKER, DIRECTORY], ids=["sims", "scim"])
def test_a_server_that_cannot_be_reached_fails_the_test_at_once(press_test: PressTest, kind: dict[str, str]) -> None:
    with _refusing() as port:
        works, message = press_test(host=f"http://127.0.0.1:{port}/x", **kind)
    assert not works
    assert "gave no answer" in message


def test_a_port_that_the_form_stores_apart_belongs_to_the_host(press_test: PressTest, directory: Running) -> None:
    scheme, _, rest = directory.url.partition("://")
    host, _, tail = rest.partition(":")
    port, _, path = tail.partition("/")
    works, message = press_test(host=f"{scheme}://{host}/{path}", port=int(port), **DIRECTORY)
    assert works, message


def test_a_field_that_was_left_empty_does_not_switch_verification_off(
    connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(
        "sims_green_abbey",
        conn_type="sims",
        host="https://x.example.org",
        login="a",
        password="b",
        extra={"verify": None},
    )
    client = sims_client("sims_green_abbey")
    assert client._service._client.transport.session.verify is True


def test_no_field_of_the_form_goes_to_the_directory_as_a_header(connect: Callable[..., None]) -> None:
    kinds = {kind["connection-type"]: kind for kind in get_provider_info()["connection-types"]}
    filled = dict.fromkeys(kinds["scim"]["conn-fields"], "")
    assert {"token_url", "scope", "audience", "client_authentication"} < filled.keys()
    plain = {"conn_type": "scim", "host": "https://x.example.org", "password": "token"}
    connect("directory_green_abbey", **plain)
    headers = dict(connections.directory_endpoint("directory_green_abbey").session.headers)
    connect("directory_green_abbey", **plain, extra=filled)
    assert dict(connections.directory_endpoint("directory_green_abbey").session.headers) == headers


def test_a_night_runs_over_connections_of_these_types(
    sims: Database, broker: Broker, directory: Running, connect: Callable[..., None], dag_night: Night
) -> None:
    connect("sims_green_abbey", host=broker.url, **BROKER)
    connect("directory_green_abbey", host=directory.url, **DIRECTORY)
    for person_id in range(101, 104):
        sims.put_student(person_id)
    assert dag_night().counts == {"extracted": 3, "created": 3}


@contextmanager
def _refusing() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("https://sims.example.org/ThirdParty.svc", 443, "https://sims.example.org/ThirdParty.svc"),
        ("https://sims.example.org/ThirdParty.svc", 8443, "https://sims.example.org:8443/ThirdParty.svc"),
        ("https://sims.example.org:8443/x", 443, "https://sims.example.org:8443/x"),
        ("sims.example.org", None, "https://sims.example.org"),
    ],
)
def test_the_address_is_the_host_in_full(
    host: str, port: int | None, address: str, connect: Callable[..., None]
) -> None:
    connect("sims_green_abbey", conn_type="sims", host=host, port=port)
    assert connections.address(connections.read_connection("sims_green_abbey")) == address
