"""A directory's answers are bounded in size, memory, depth and time, each and all of a listing (SPEC section 9)."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from scripted_directory import NAME, Answer, ScriptedDirectory, directory_at, endpoint, scripted_directory
from urllib3.util.retry import Retry

from sims_sync.directory import listing, scim_client, session
from sims_sync.directory.discovery import discover
from sims_sync.directory.json_answers import NoJson, memory_of, number, read_json
from sims_sync.directory.session import Bounds, hasty_adapter
from sims_sync.directory.writes import Create
from sims_sync.model.errors import SyncError, TransientFault, UnexpectedAnswer

MB = 2**20
KINDS: list[Callable[[ScriptedDirectory], Any]] = [
    lambda server: discover(endpoint(server.url)),
    lambda server: directory_at(server.url).list_accounts(),
    lambda server: directory_at(server.url).read("a1"),
    lambda server: directory_at(server.url).find_by_user_name("ada.archer"),
    lambda server: list(directory_at(server.url).write([Create("1", {"userName": "ada.archer"})])),
]


@pytest.fixture
def server() -> Iterator[ScriptedDirectory]:
    with scripted_directory() as script:
        yield script


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENT", Bounds((5, 5), 1.0, MB))


each_kind = pytest.mark.parametrize("ask", KINDS, ids=["discover", "list", "read", "look up", "write"])


@each_kind
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "gzip, deflate"])
def test_an_answer_over_the_limit_is_refused_whatever_it_is_packed_in(
    server: ScriptedDirectory, small: None, ask: Callable[[ScriptedDirectory], Any], encoding: str
) -> None:
    body = b" " * 3 * MB
    for layer in filter(None, encoding.split(", ")):
        body = {"gzip": gzip.compress, "deflate": zlib.compress}[layer](body)
    server.answer((200, {"Content-Encoding": encoding}, body))
    with pytest.raises(UnexpectedAnswer, match=f"{NAME}.* more than the 1 MB allowed"):
        ask(server)
    assert len(server.seen) == 1


@each_kind
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"id": ' + b"9" * 5000 + b"}"])
def test_json_that_is_nested_without_end_or_a_number_beyond_all_reason_is_no_answer(
    server: ScriptedDirectory, ask: Callable[[ScriptedDirectory], Any], body: bytes
) -> None:
    server.answer((200, {}, body))
    with pytest.raises(UnexpectedAnswer, match="answered no SCIM"):
        ask(server)


@each_kind
def test_an_answer_that_trickles_is_given_up(
    server: ScriptedDirectory, small: None, ask: Callable[[ScriptedDirectory], Any]
) -> None:
    server.trickle = 0.05
    server.answer((200, {}, {"totalResults": 0, "schemas": ["x" * 200]}))
    began = time.monotonic()
    try:
        outcome = str(ask(server))
    except TransientFault as fault:
        outcome = str(fault)
    assert "no whole answer within 1 s" in outcome
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["totalResults", "itemsPerPage", "startIndex"])
@pytest.mark.parametrize("value", [10**400, -1, 1e308, "9" * 4000, None, True, [], {}, "many"])
def test_numbers_that_are_none_end_in_a_fault_or_are_not_looked_at(
    server: ScriptedDirectory, name: str, value: Any
) -> None:
    server.answer((200, {}, {"totalResults": 1, "Resources": [{"id": "a1", "externalId": "1"}], name: value}))
    for ask in KINDS[:2]:
        with suppress(SyncError):
            ask(server)


@pytest.mark.parametrize("resources", [1, "text", {"a": 1}, True, [1], [[]]])
def test_resources_that_are_no_list_of_objects_are_refused(server: ScriptedDirectory, resources: Any) -> None:
    server.answer((200, {}, {"totalResults": 1, "Resources": resources}))
    for ask in KINDS[:2]:
        with pytest.raises(UnexpectedAnswer):
            ask(server)


@pytest.mark.parametrize("operations", [1, "text", {"a": 1}, True, [1], [{"status": "9" * 5000}], [{"status": []}]])
def test_a_bulk_answer_of_another_shape_says_nothing_of_any_write(server: ScriptedDirectory, operations: Any) -> None:
    server.answer((200, {}, {"Operations": operations}))
    bulk = scim_client.Capabilities.model_validate(
        {**directory_at(server.url).capabilities.model_dump(), "bulk": (10, 10**6)}
    )
    written = directory_at(server.url, bulk).write([Create(str(key), {"userName": "u"}) for key in range(2)])
    assert [each.status for each in written] == ["failed", "failed"]


# -- lists without an end ----------------------------------------------------------------------------------------------


def pages(make: Callable[[int], list[dict[str, Any]]], total: int = 10**9) -> Callable[..., Answer]:
    """:param make: from the number of the page to what it holds."""
    numbers = itertools.count()
    return lambda *_: (200, {}, {"totalResults": total, "Resources": make(next(numbers))})


def invented(page: int) -> list[dict[str, Any]]:
    return [{"id": f"a{page * 9 + place}", "externalId": "1"} for place in range(10)]  # each begins with the last one


def test_the_same_page_for_ever_does_not_add_up(server: ScriptedDirectory) -> None:
    server.respond = pages(lambda _: invented(0))
    with pytest.raises(TransientFault, match="does not add up"):
        directory_at(server.url).list_accounts()
    assert len(server.seen) < 20


def test_new_accounts_for_ever_are_too_many(server: ScriptedDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_ACCOUNTS", 100)
    server.respond = pages(invented)
    with pytest.raises(UnexpectedAnswer, match="more accounts than are read"):
        directory_at(server.url).list_accounts()
    assert len(server.seen) < 20


def test_accounts_that_take_too_much_memory_together_are_too_many(
    server: ScriptedDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scim_client, "MAX_LISTED", 10 * MB)
    server.respond = pages(lambda page: [{**each, "title": "x" * 2**16} for each in invented(page)])
    with pytest.raises(UnexpectedAnswer, match="more accounts than are read"):
        directory_at(server.url).list_accounts()
    assert len(server.seen) < 10


def test_a_listing_has_a_time(server: ScriptedDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LISTING_SECONDS", 0.3)
    server.respond = pages(invented)
    with pytest.raises(TransientFault, match="not whole within"):
        directory_at(server.url).list_accounts()


def test_discovery_of_pages_without_an_end_is_given_up(server: ScriptedDirectory) -> None:
    server.respond = pages(lambda page: [{"id": f"urn:{page}", "schema": f"urn:{page}"}])
    with pytest.raises(UnexpectedAnswer, match=f"{NAME}.*without an end"):
        discover(endpoint(server.url))
    assert len(server.seen) < 120


# -- what JSON takes in memory -----------------------------------------------------------------------------------------


def test_json_is_utf_8_whatever_the_header_says_and_may_have_a_byte_order_mark() -> None:
    account = {"userName": "zoë", "displayName": "Zoë 😀"}
    text = json.dumps(account, ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert read_json(text.encode(encoding)) == account


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "Ada Archer", "[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65, "\xff"]
)
def test_what_is_no_json_or_nested_deeply_is_none(text: str) -> None:
    with pytest.raises(NoJson):
        read_json(text.encode("latin-1"))


@pytest.mark.parametrize("value", ["0", "7", 7, "007", 10**9 - 1])
def test_a_number_may_be_text(value: Any) -> None:
    assert number(value) == int(value)


@pytest.mark.parametrize("value", [None, True, -1, "-1", 1.5, "x", "", 10**400, "9" * 5000, [], {}, "²"])
def test_what_is_no_number_is_none(value: Any) -> None:
    assert number(value) == 0


USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "id": "2819c223-7f76-453a-919d-413861904646",
    "externalId": "2447",
    "userName": "u2447",
    "active": True,
    "name": {"givenName": "Ann", "familyName": "Other"},
    "emails": [{"type": "home", "value": "ann@example.org", "primary": True}],
    "roles": [{"value": "student"}],
    "meta": {"resourceType": "User", "version": 'W/"1"'},
}


def test_accounts_as_they_are_take_less_than_ten_times_their_size() -> None:
    content = json.dumps([USER] * 100, separators=(",", ":")).encode()
    assert memory_of(content) < 10 * len(content)
    content = json.dumps([{**USER, "displayName": "Łódź"}] * 100, ensure_ascii=False).encode()
    assert memory_of(content) < 10 * len(content)


PEAK = """
import re, sys
from pathlib import Path
from sims_sync.directory.json_answers import NoJson, read_json

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

content = sys.stdin.buffer.read()
before = peak()
try:
    read_json(content)
    print(peak() - before)
except NoJson:
    print(-1)
"""
TINY = {
    "objects": b"{}",
    "objects of one value": b'{"a":0}',
    "lists": b"[]",
    "texts": b'"ab"',
    "numbers": b"1000",
    "fractions": b"1.5",
    "astral characters": '{"a":"😀"}'.encode(),
    "lists in lists": b"[[[[[[]]]]]]",
}


@pytest.mark.parametrize("what", TINY)
def test_what_is_accepted_takes_less_than_ten_times_its_size_or_128_mb(what: str) -> None:
    def takes(megabytes: float) -> int:
        content = b"[%b]" % b",".join([TINY[what]] * int(megabytes * MB / (len(TINY[what]) + 1)))
        done = subprocess.run([sys.executable, "-c", PEAK], input=content, capture_output=True, check=True)
        return int(done.stdout)

    assert takes(40) == -1
    assert takes(1) < 128


def test_the_test_of_a_connection_has_smaller_bounds(server: ScriptedDirectory) -> None:
    quick = requests.Session()
    quick.mount("http://", hasty_adapter())
    server.answer((200, {}, b" " * 9 * MB))
    with pytest.raises(requests.RequestException, match="more than the 8 MB allowed"):
        quick.get(server.url)


# -- logs --------------------------------------------------------------------------------------------------------------

HEADERS = {
    "X-Ada": "Quillfeather",
    "Set-Cookie": "Quillfeather=1",
    "Link": "</Quillfeather>",
    "Warning": '199 - "Quillfeather"',
}
BODIES = [
    b'{"detail": "Quillfeather"}',
    b"<html>Quillfeather</html>",
    b"Quillfeather",
    b"\xff\xfeQuillfeather",
    b'{"Resources": ["Quillfeather"]}',
    b"[[Quillfeather",
]
STATUSES = [200, 201, 204, 302, 307, 400, 401, 403, 404, 409, 412, 413, 418, 429, 500, 503]


@each_kind
@pytest.mark.parametrize("status", STATUSES)
def test_not_even_at_debug_is_a_value_logged_whatever_the_directory_answers(
    server: ScriptedDirectory,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[ScriptedDirectory], Any],
    status: int,
) -> None:
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)
    caplog.set_level("DEBUG")
    told = []
    for body, place in itertools.product(
        BODIES, ("/Quillfeather", f"{server.url}/Quillfeather", "http://quillfeather.example.org/", "http://[")
    ):
        server.answer((status, {**HEADERS, "Location": place, "Retry-After": "0"}, body), (404, {}, b"Quillfeather"))
        try:
            ask(server)
        except SyncError as fault:
            told += [str(fault), *traceback.format_exception(fault)]
    assert not re.search("quillfeather", f"{caplog.text} {told}", re.IGNORECASE)
    assert "ada.archer" not in caplog.text
    assert not {record.name.partition(".")[0] for record in caplog.records} - {"sims_sync"}
