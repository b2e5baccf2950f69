"""Answers that a careless client takes for success, or for more than they say (SPEC sections 2, 3 and 7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from scripted_directory import (
    ETAGS,
    NAME,
    Answer,
    Respond,
    ScriptedDirectory,
    directory_at,
    endpoint,
    scripted_directory,
)

from sims_sync.directory.discovery import Capabilities, discover
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.writes import AccountChange, Create, Write
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.errors import PermanentFault, PermissionMissing, SyncError, UnexpectedAnswer

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
BULK = ETAGS.model_copy(update={"bulk": (100, 10**6)})
REREAD = ETAGS.model_copy(update={"etag": False})


@pytest.fixture
def server() -> Iterator[ScriptedDirectory]:
    with scripted_directory() as script:
        yield script


def directory(server: ScriptedDirectory, capabilities: Capabilities = ETAGS) -> Directory:
    return directory_at(server.url, capabilities)


def creation(key: str, **values: Any) -> Create:
    return Create(key, {"schemas": [USER], "userName": f"user.{key}", **values})


def change(key: str, **account: Any) -> AccountChange:
    return AccountChange(key, f"a{key}", 'W/"1"', {"id": f"a{key}", **account}, {"name.givenName": "Robin"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("write", [creation("1"), change("1")], ids=["create", "change"])
def test_a_write_that_is_sent_elsewhere_is_never_taken_for_done(
    server: ScriptedDirectory, status: int, write: Write
) -> None:
    def respond(method: str, path: str, _: Any) -> Answer:
        if path.startswith("/elsewhere"):
            return 200, {}, {"id": "a9", "totalResults": 0}
        return status, {"Location": "/elsewhere"}, {}

    server.respond = respond
    with pytest.raises(UnexpectedAnswer, match=NAME):
        list(directory(server).write([write]))
    assert len(server.seen) == 1


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[]", b'"fine"'])
@pytest.mark.parametrize("write", [creation("1"), change("1")], ids=["create", "change"])
def test_a_good_status_with_a_page_that_is_no_scim_is_never_taken_for_done(
    server: ScriptedDirectory, body: bytes, write: Write
) -> None:
    server.respond = lambda *_: (200, {"Content-Type": "text/html"}, body)
    with pytest.raises(UnexpectedAnswer, match=NAME):
        list(directory(server).write([write]))


def test_an_account_without_an_id_in_the_answer_is_found_by_its_location(server: ScriptedDirectory) -> None:
    server.respond = lambda *_: (201, {"Location": f"{server.url}/Users/a%2F7"}, b"")
    (written,) = directory(server).write([creation("1")])
    assert (written.status, written.account_id) == ("created", "a/7")


def test_a_create_that_tells_no_account_is_looked_for_afterwards(server: ScriptedDirectory) -> None:
    server.respond = lambda *_: (201, {}, {})
    (written,) = directory(server).write([creation("1")])
    assert (written.status, written.account_id) == ("created", None)


@pytest.mark.parametrize("status", [404, 412])
def test_a_create_has_no_account_that_could_be_gone_or_changed(server: ScriptedDirectory, status: int) -> None:
    server.respond = lambda *_: (status, {}, {})
    (written,) = directory(server).write([creation("1")])
    assert written.status == "refused"


def in_bulk(
    server: ScriptedDirectory, writes: list[Write], answers: Callable[[list[dict[str, Any]]], Any]
) -> dict[str, Any]:
    server.respond = lambda method, path, body: (200, {}, {"Operations": answers(body["Operations"])})
    return {each.key: (each.status, each.account_id) for each in directory(server, BULK).write(writes)}


def test_the_answers_of_a_bulk_request_are_told_apart_whatever_their_order(server: ScriptedDirectory) -> None:
    def answers(_: list[dict[str, Any]]) -> Any:
        return [
            {"method": "PATCH", "location": f"{server.url}/Users/a4", "status": "412", "response": {}},
            {"method": "POST", "bulkId": "2", "location": f"{server.url}/Users/new-2", "status": "201"},
            {"method": "POST", "bulkId": "1", "status": "409", "response": {"scimType": "uniqueness"}},
            {"method": "PATCH", "location": f"{server.url}/Users/a3", "status": "200"},
        ]

    found = in_bulk(server, [creation("1"), creation("2"), change("3"), change("4")], answers)
    assert found == {"1": ("conflict", None), "2": ("created", "new-2"), "3": ("changed", "a3"), "4": ("stale", "a4")}


def test_what_a_bulk_answer_does_not_name_has_failed(server: ScriptedDirectory) -> None:
    def answers(_: list[dict[str, Any]]) -> Any:
        return [{"method": "POST", "bulkId": "2", "location": f"{server.url}/Users/new-2", "status": "201"}]

    found = in_bulk(server, [creation("1"), creation("2"), creation("3")], answers)
    assert found == {"1": ("failed", None), "2": ("created", "new-2"), "3": ("failed", None)}


def test_a_bulk_operation_that_lacks_a_permission_ends_all_writing(server: ScriptedDirectory) -> None:
    with pytest.raises(PermissionMissing, match=NAME):
        in_bulk(server, [change("1"), change("2")], lambda sent: [{"method": "PATCH", "status": "403"} for _ in sent])


@pytest.mark.parametrize("status", ["401", "403"])
def test_what_a_bulk_request_did_is_told_before_its_refusal_ends_all_writing(
    server: ScriptedDirectory, status: str
) -> None:
    operations = [{"method": "PATCH", "status": each} for each in ("200", status, "200")]
    server.respond = lambda *_: (200, {}, {"Operations": operations})
    done = []
    with pytest.raises(PermanentFault, match=NAME):
        done.extend(directory(server, BULK).write([change("1"), change("2"), change("3")]))
    assert [each.key for each in done] == ["1", "3"]


def test_a_bulk_request_that_is_always_too_large_becomes_single_requests(server: ScriptedDirectory) -> None:
    server.respond = lambda method, path, _: (413, {}, {}) if path == "/Bulk" else (200, {}, {"id": path[7:]})
    results = list(directory(server, BULK).write([change("1"), change("2"), change("3")]))
    assert [each.status for each in results] == ["changed"] * 3


def test_a_filter_that_is_refused_is_done_without(server: ScriptedDirectory) -> None:
    users = [
        {"id": "a1", "userName": "one", "externalId": "101", "roles": [{"value": "staff"}]},
        {"id": "a2", "userName": "two", "roles": [{"value": "Student"}]},
        {"id": "a3", "userName": "three", "roles": [{"value": "staff"}]},
    ]

    def respond(method: str, path: str, _: Any) -> Answer:
        if "filter=" in path:
            return 400, {}, {"scimType": "invalidFilter", "detail": "no"}
        return 200, {}, {"totalResults": 3, "Resources": users}

    server.respond = respond
    assert [each["id"] for each in directory(server).list_accounts()] == ["a1", "a2"]
    assert (directory(server).find_by_user_name("THREE") or {})["id"] == "a3"
    assert directory(server).find_by_user_name("four") is None


def test_a_filter_that_is_not_obeyed_brings_no_strangers(server: ScriptedDirectory) -> None:
    users = [{"id": "a1", "roles": [{"value": "staff"}]}, {"id": "a2", "externalId": "7"}]
    server.respond = lambda *_: (200, {}, {"totalResults": 2, "Resources": users})
    assert [each["id"] for each in directory(server).list_accounts()] == ["a2"]


def test_the_holder_of_a_user_name_is_looked_for_in_all_pages(server: ScriptedDirectory) -> None:
    everyone = [{"id": f"a{number}", "userName": f"user.{number}"} for number in range(25)]

    def respond(method: str, path: str, _: Any) -> Answer:
        query = requests.utils.urlparse(path).query
        start = int(dict(part.split("=") for part in query.split("&"))["startIndex"])
        return 200, {}, {"totalResults": 25, "Resources": everyone[start - 1 : start + 9]}

    server.respond = respond
    without = ETAGS.model_copy(update={"filter": False})
    assert (directory(server, without).find_by_user_name("user.24") or {})["id"] == "a24"


def test_an_account_that_cannot_be_read_again_fails_alone(server: ScriptedDirectory) -> None:
    def respond(method: str, path: str, _: Any) -> Answer:
        if path == "/Users/a1":
            return 501, {}, {}
        return 200, {}, {"id": "a2"}

    server.respond = respond
    results = directory(server, REREAD).write([change("1"), change("2")])
    assert {each.key: each.status for each in results} == {"1": "failed", "2": "changed"}


def test_an_account_is_read_again_right_before_it_is_written(server: ScriptedDirectory) -> None:
    server.respond = lambda method, path, _: (200, {}, {"id": path[7:]})
    list(directory(server, REREAD).write([change("1"), change("2")]))
    assert server.seen == ["GET /Users/a1", "PATCH /Users/a1", "GET /Users/a2", "PATCH /Users/a2"]


def test_in_bulk_no_more_accounts_are_read_again_than_one_request_writes(server: ScriptedDirectory) -> None:
    def respond(method: str, path: str, body: Any) -> Answer:
        if method == "GET":
            return 200, {}, {"id": path[7:]}
        return 200, {}, {"Operations": [{"method": each["method"], "status": "200"} for each in body["Operations"]]}

    server.respond = respond
    two_at_once = REREAD.model_copy(update={"bulk": (2, 10**6)})
    results = list(directory(server, two_at_once).write([change(str(each)) for each in range(4)]))
    assert [each.status for each in results] == ["changed"] * 4
    assert [each.partition(" ")[0] for each in server.seen] == ["GET", "GET", "POST", "GET", "GET", "POST"]


def test_a_write_that_the_server_had_no_time_for_is_sent_again_when_it_says(server: ScriptedDirectory) -> None:
    server.respond = lambda *_: (429, {"Retry-After": "0"}, {}) if len(server.seen) < 3 else (201, {}, {"id": "a1"})
    (written,) = directory(server).write([creation("1")])
    assert (written.status, len(server.seen)) == ("created", 3)


@pytest.mark.parametrize("hours", [2, 12])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_hours_is_left_to_the_retries_of_the_task(
    server: ScriptedDirectory, status: int, hours: int
) -> None:
    server.respond = lambda *_: (status, {"Retry-After": f"{hours * 3600}"}, {})
    started = time.monotonic()
    (written,) = directory(server).write([creation("1")])
    assert written.status == "failed"
    with pytest.raises(Exception, match=str(status)) as caught:
        directory(server).read("a1")
    assert caught.value.retry_after == hours * 3600
    assert time.monotonic() - started < 10
    assert len(server.seen) == 2


def test_no_value_of_an_account_gets_into_the_words_of_a_refusal(server: ScriptedDirectory) -> None:
    account = {
        "id": "a1",
        "userName": "ada.archer",
        "name": {"familyName": "Archer", "middleName": "Zuleika"},
        "addresses": [{"type": "home", "streetAddress": "Flat 1\n2 High Street"}],
        "schemas": [USER],
    }
    refusal = {"detail": "Zuleika ARCHER of 2 High Street: cannot replace the address, 01632960001 is no number"}

    def respond(method: str, path: str, _: Any) -> Answer:
        return (200, {}, account) if method == "GET" else (400, {}, refusal)

    server.respond = respond
    put = ETAGS.model_copy(update={"patch": False})
    seen = {name: value for name, value in account.items() if name != "schemas"}
    values = {'phoneNumbers[type eq "home"]': "01632 960001"}
    (written,) = directory(server, put).write([AccountChange("1", "a1", None, seen, values)])
    assert (written.status, written.detail, written.prose) == ("refused", "status 400", refusal["detail"])


def discovery(**extra: Any) -> Respond:
    user = {
        "id": USER,
        "name": "User",
        "attributes": [
            {"name": "roles", "type": "complex", "multiValued": True},
            *({"name": name} for name in ("userName", "active", "name", "addresses", "phoneNumbers", "emails")),
        ],
    }
    extension = {
        "id": EXTENSION,
        "name": "Student",
        "attributes": [{"name": "gender", "type": "string", "canonicalValues": ["Female", "Male"]}],
    }
    schemas = [{"id": "urn:example:odd", "name": 7, "attributes": [{"name": "x", "type": "blob"}]}, user, extension]
    types = [
        {"name": "Odd", "schema": 7},
        {
            "name": "User",
            "endpoint": "/Users",
            "schema": USER,
            "schemaExtensions": [{"schema": EXTENSION, "required": False}],
        },
    ]
    config = {"patch": {"supported": True}, "filter": {"supported": True, "maxResults": 200}}

    def respond(method: str, path: str, _: Any) -> Answer:
        endpoint, _, query = path.partition("?")
        if endpoint == "/ServiceProviderConfig":
            return 200, {}, config
        rows = {"/Schemas": schemas, "/ResourceTypes": types}[endpoint]
        start = int(query.partition("startIndex=")[2].partition("&")[0] or 1)
        size = extra.get("page_size", 100)
        return (
            200,
            {},
            {"totalResults": len(rows), "startIndex": start, "Resources": rows[start - 1 : start - 1 + size]},
        )

    return respond


@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_discovery_reads_all_pages_and_minds_only_what_concerns_it(server: ScriptedDirectory, page_size: int) -> None:
    server.respond = discovery(page_size=page_size)
    found = discover(endpoint(server.url))
    assert found == Capabilities(
        patch=True,
        bulk=None,
        filter=True,
        sort=False,
        etag=False,
        genders=("Female", "Male"),
        sync_reports=None,
        lacking=(
            "schoolIdentifier", "dateOfBirth", "freeSchoolMeals", "senInformation", "emailPreference", "disabledBySync",
        ),
        max_results=200,
    )  # fmt: skip


def test_an_answer_that_is_cut_short_is_no_answer(server: ScriptedDirectory) -> None:
    server.respond = lambda *_: (200, {"Content-Length": "1000", "Connection": "close"}, b'{"id": "a1"')
    (written,) = directory(server).write([creation("1")])
    assert written.status == "failed"


@pytest.mark.parametrize(
    ("media_type", "told"),
    [
        ("text/html; charset=utf-8", "a web page"),
        ("TEXT/PLAIN", "plain text"),
        ("application/scim+json", "JSON of another shape"),
        ("application/x-quillfeather", "something else"),
        ("Zoe Quillfeather", "something else"),
        ("", "something else"),
    ],
)
def test_of_a_media_type_only_words_of_ours_are_told(server: ScriptedDirectory, media_type: str, told: str) -> None:
    server.respond = lambda *_: (200, {"Content-Type": media_type}, b"[]")
    with pytest.raises(UnexpectedAnswer) as caught:
        directory(server).read("a1")
    assert f"no SCIM, but {told}." in str(caught.value)
    assert "quillfeather" not in str(caught.value).lower()


@pytest.mark.parametrize("key", ["Quillfeather", "zoe@example.org"])
def test_keys_of_a_discovery_document_are_not_told(server: ScriptedDirectory, key: str) -> None:
    odd = {"id": USER, "schema": USER, "name": {key: 7}, key: {key: key}, "attributes": [{key: 7, "name": {key: key}}]}
    server.respond = lambda _, path, __: (200, {}, {"totalResults": 1, "Resources": [odd]})
    with pytest.raises(SyncError) as caught:
        discover(endpoint(server.url))
    assert key not in str(caught.value)
