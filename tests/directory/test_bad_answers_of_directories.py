"""What a directory's bad answers do: each its own clear fault, without a value of a person (SPEC section 3)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from sandbox.directory import server
from sims_sync.directory.discovery import Capabilities, discover
from sims_sync.directory.listing import list_accounts
from sims_sync.directory.session import scim_adapter
from sims_sync.directory.writing import AccountChange, Create, Directory
from sims_sync.errors import (
    CredentialsRefused,
    PermanentFault,
    PermissionMissing,
    SyncError,
    TransientFault,
    UnexpectedAnswer,
)

Answer = tuple[int, dict[str, str], Any]
EVERYTHING = Capabilities(
    patch=True,
    bulk=None,
    filter=True,
    sort=True,
    etag=True,
    knows_extension=True,
    genders=None,
    sync_reports="/SyncReports",
)
PERSON = {"userName": "ada.archer", "name": {"familyName": "Archer"}}


class Scripted:
    """A server whose next answers are set; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.seen: list[str] = []
        self.url = ""


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            status, headers, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        script.url = f"http://127.0.0.1:{http.server_address[1]}"
        yield script
        http.shutdown()


def session() -> requests.Session:
    made = requests.Session()
    made.mount("http://", scim_adapter())
    made.headers["Authorization"] = "Bearer token"
    return made


def directory(script: Scripted, capabilities: Capabilities = EVERYTHING) -> Directory:
    return Directory(session(), script.url, capabilities, connection_name="directory_green_abbey")


ANSWERS: dict[str, tuple[Answer, type[SyncError]]] = {
    "401": ((401, {}, {"detail": "token of Archer"}), CredentialsRefused),
    "403": ((403, {}, {"detail": "not for Archer"}), PermissionMissing),
    "a page that is no SCIM": ((200, {"Content-Type": "text/html"}, b"<html>Archer</html>"), UnexpectedAnswer),
    "404": ((404, {}, b"Archer?"), UnexpectedAnswer),
    "a list": ((200, {}, []), UnexpectedAnswer),
}


@pytest.mark.parametrize("case", list(ANSWERS))
def test_discovery_says_which_connection_when_the_server_is_not_what_it_should_be(
    scripted: Scripted, case: str
) -> None:
    answer, fault = ANSWERS[case]
    scripted.answers = [answer]
    with pytest.raises(fault, match="directory_green_abbey") as caught:
        discover(session(), scripted.url, connection_name="directory_green_abbey")
    assert type(caught.value) is fault
    assert "Archer" not in str(caught.value)
    assert len(scripted.seen) == 1, "not tried again"


def test_a_directory_whose_users_have_no_roles_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_roles(self: server.Capabilities) -> Any:
        schemas = [json.loads(each.model_dump_json()) for each in provider(self).schemas]
        types = [json.loads(each.model_dump_json()) for each in provider(self).resource_types]
        for schema in schemas:
            schema["attributes"] = [each for each in schema["attributes"] if each["name"] != "roles"]
        return server.ScimProvider.from_discovery(
            [Schema.model_validate(each) for each in schemas],
            [ResourceType.model_validate(each) for each in types],
            config=provider(self).config,
        )

    from scim2_models import ResourceType, Schema

    provider: Callable[[server.Capabilities], Any] = server.Capabilities.provider
    monkeypatch.setattr(server.Capabilities, "provider", without_roles)
    with (
        server.running(tmp_path / "directory.sqlite", token="token") as running,
        pytest.raises(PermanentFault, match="have no `roles`"),
    ):
        discover(session(), running.url, connection_name="directory_green_abbey")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_reading_is_tried_again_when_the_server_has_a_problem(scripted: Scripted, status: int) -> None:
    page = {"totalResults": 0, "Resources": []}
    scripted.answers = [(status, {"Retry-After": "0"}, {}), (200, {}, page)]
    assert directory(scripted).list_accounts() == []
    assert len(scripted.seen) == 2


def test_a_user_name_that_is_looked_up_stays_out_of_the_log_when_the_connection_breaks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = Scripted()
        gone.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TransientFault) as caught:
            directory(gone).find_by_user_name("ada.archer@example.org")
    assert "archer" not in f"{caplog.text} {caught.value}"


def test_retry_after_goes_with_the_fault(scripted: Scripted) -> None:
    scripted.answers = [(503, {"Retry-After": "3600"}, {})]
    change = AccountChange("1", "a1", 'W/"1"', {}, {"active": False})
    (written,) = directory(scripted).write([change])
    assert written.status == "failed"
    assert scripted.seen == ["PATCH /Users/a1"], "a write is never repeated blindly"


def test_one_refused_record_does_not_stop_the_others_and_its_words_are_scrubbed_of_values(scripted: Scripted) -> None:
    refusal = {"scimType": "invalidValue", "detail": "family name ARCHER of 'ada.archer' or a@example.org is bad"}
    scripted.answers = [(400, {}, refusal), (201, {}, {"id": "a2"})]
    first, second = directory(scripted).write([Create("1", PERSON), Create("2", PERSON)])
    assert (first.status, second.status, second.account_id) == ("refused", "created", "a2")
    assert first.detail == "invalidValue: family name *** of *** or *** is bad"


@pytest.mark.parametrize(("status", "meaning"), [(404, "missing"), (409, "conflict"), (412, "stale"), (500, "failed")])
def test_what_the_status_of_a_write_means(scripted: Scripted, status: int, meaning: str) -> None:
    scripted.answers = [(status, {}, {})]
    (written,) = directory(scripted).write([AccountChange("1", "a1", 'W/"1"', {}, {"active": False})])
    assert written.status == meaning


def test_a_refused_login_ends_all_writing(scripted: Scripted) -> None:
    scripted.answers = [(401, {}, {})]
    with pytest.raises(CredentialsRefused):
        list(directory(scripted).write([Create("1", PERSON), Create("2", PERSON)]))
    assert len(scripted.seen) == 1


def test_a_bulk_request_that_is_too_large_is_halved(tmp_path: Path) -> None:
    with server.running(tmp_path / "directory.sqlite", token="token", max_operations=3) as running:
        found = discover(session(), running.url, connection_name="directory_green_abbey")
        says_more = Capabilities(**{**found.__dict__, "bulk": (1000, 10**6)})
        target = Directory(session(), running.url, says_more, connection_name="directory_green_abbey")
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"]
        creations = [Create(str(each), {"schemas": schemas, "userName": f"user-{each}"}) for each in range(10)]
        assert {written.status for written in target.write(creations)} == {"created"}
        assert len(running.users()) == 10


def pages(*answers: list[str], total: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A server whose list has these pages, whatever is asked, again and again."""
    left = list(answers)

    def search(query: dict[str, Any]) -> dict[str, Any]:
        if query["startIndex"] == 1:
            left[:] = answers
        page = left.pop(0) if left else []
        return {"totalResults": total, "Resources": [{"id": each, "externalId": "1"} for each in page]}

    return search


def test_pages_that_overlap_and_so_miss_an_account_are_never_taken_for_the_whole_list() -> None:
    with pytest.raises(TransientFault, match="does not add up"):
        list_accounts(pages(["a", "b"], ["b", "c"], total=4), filtered=True, sorted_by_id=True)


@pytest.mark.parametrize("total", [1, 5])
def test_a_total_that_lies_is_never_taken_for_the_whole_list(total: int) -> None:
    with pytest.raises(TransientFault, match="does not add up"):
        list_accounts(pages(["a", "b", "c"], total=total), filtered=True, sorted_by_id=False)


@pytest.mark.parametrize("answer", [{}, {"totalResults": "x"}, {"totalResults": 1, "Resources": [{"userName": "u"}]}])
def test_what_is_no_list_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer):
        list_accounts(lambda _: answer, filtered=True, sorted_by_id=False)
