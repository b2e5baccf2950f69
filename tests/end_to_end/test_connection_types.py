"""The sync's own connection types, in Airflow's real API: the form, *Test connection*, and a night over them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from proxy import Forward, Reply, Request, proxy_to
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_sync.airflow import connections
from sims_sync.airflow.connections import sims_client
from sims_sync.store.layout import state_folder
from sims_sync.store.lease import hold_lease
from sims_sync.store.local import LocalFolder
from tests.end_to_end.conftest import Night

BROKER = {"conn_type": "sims", "login": "sync", "password": "secret"}
DIRECTORY = {"conn_type": "scim", "password": "token"}
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


def test_the_test_of_a_directory_says_what_it_offers(press_test: PressTest, directory: Running) -> None:
    works, message = press_test(host=directory.url, **DIRECTORY)
    assert works
    assert "It has: PATCH, bulk, filters, ETags, the student extension, sync reports." in message
    assert directory.writes == 0


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
