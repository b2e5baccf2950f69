"""A small SCIM server in this process: right by default, and odd where a test says so, in what it keeps, shows and
refuses. A proxy before a real server cannot be so, for it does not hold the accounts.

::

    with odd_directory() as odd:
        odd.keep = lambda before, after: {**after, "userName": after["userName"].lower()}
        odd.refuse = lambda method, path, body: (501, {}) if method == "PATCH" else None
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sims_sync.directory.editing import USER_SCHEMA

Account = dict[str, Any]
Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
"""Status, and the body as JSON (none: empty); and headers."""

EXTENSION_SCHEMA = json.loads(files("sims_sync.directory").joinpath("student-extension.schema.json").read_text())[0]

_CORE = (
    *("userName", "name", "displayName", "title", "userType", "nickName", "active", "password"),
    *("emails", "phoneNumbers", "addresses", "roles", "groups"),
)
_PATH = re.compile(
    r'(?:(?P<urn>urn:.+):)?(?P<name>\w+)(?:\[(?P<part>\w+) eq "(?P<wanted>[^"]*)"\])?(?:\.(?P<sub>\w+))?'
)


def error(status: int, scim_type: str | None = None) -> Answer:
    """A refusal (RFC 7644 section 3.12)."""
    return status, {"status": str(status), **({"scimType": scim_type} if scim_type else {})}


@dataclass(frozen=True)
class Asked:
    """A request that came, and what became of it."""

    method: str
    path: str
    body: Any
    status: int
    in_bulk: bool = False


@dataclass
class OddDirectory:
    """:param keep: what is kept of an account that is written: of what it was (empty: it is new) and what it shall be.
    :param show: what a list shows of an account, none where it hides it.
    :param refuse: the answer to a request, none where the request is done.
    :param told: the answer to a create that was done, of the account.
    :param bulk_status: how a bulk answer writes the status of an operation.
    :param mutability: of core attributes, by name.
    :param lacking: core attributes that there are not.
    :param seen: the requests so far, operations of bulk requests among them.
    :param in_bulk: whether an operation of a bulk request is done just now.
    """

    url: str = ""
    patch: bool = True
    bulk: bool = False
    etag: bool = False
    discovery: bool = True
    page_size: int = 1000
    keep: Callable[[Account, Account], Account] = lambda before, after: after
    show: Callable[[Account], Account | None] = lambda account: account
    refuse: Callable[[str, str, Any], Answer | None] = lambda *_: None
    told: Callable[[Account], Answer] = lambda account: (201, account)
    bulk_status: Callable[[int], Any] = str
    mutability: Mapping[str, str] = field(default_factory=dict)
    lacking: frozenset[str] = frozenset()
    extension: bool = True
    users: dict[str, Account] = field(default_factory=dict)
    seen: list[Asked] = field(default_factory=list)
    in_bulk: bool = False
    _versions: int = 0

    @property
    def writes(self) -> list[Asked]:
        """The requests that write accounts; a bulk request by its operations."""
        return [each for each in self.seen if each.method != "GET" and each.path != "/Bulk"]

    def user(self, key: str) -> Account:
        """The one account with a key."""
        (found,) = [each for each in self.users.values() if each.get("externalId") == key]
        return found

    def put(self, **values: Any) -> Account:
        """An account that another system made."""
        return self._save(f"id{len(self.users) + 1}", {"schemas": [USER_SCHEMA], "active": True, **values})

    def answer(self, method: str, path: str, body: Any, version: str | None = None) -> Answer:
        """The answer to a request."""
        answer = self.refuse(method, path, body) or self._done(method, path, body, version)
        self.seen.append(Asked(method, path, body, answer[0], self.in_bulk))
        return answer

    def _done(self, method: str, path: str, body: Any, version: str | None) -> Answer:
        place, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        account_id = unquote(place.removeprefix("/Users/")) if place.startswith("/Users/") else None
        if method == "GET":
            return self._read(place, account_id, query)
        if place == "/Bulk" and self.bulk:
            return self._in_bulk(body)
        if place == "/Users":
            return self._create(body)
        if account_id not in self.users:
            return error(404)
        before = self.users[account_id]
        if version is not None and self.etag and version != before["meta"]["version"]:
            return error(412)
        if method == "PUT":
            return self._change(before, {**body, "id": account_id})
        return self._change(before, patched(before, body["Operations"])) if self.patch else error(405)

    def _read(self, place: str, account_id: str | None, query: Mapping[str, list[str]]) -> Answer:
        if place == "/Users":
            shown = [each for each in map(self.show, copy.deepcopy([*self.users.values()])) if each is not None]
            start = int(query.get("startIndex", ["1"])[0]) - 1
            size = min(self.page_size, int(query.get("count", ["1000"])[0]))
            return 200, {"totalResults": len(shown), "Resources": shown[start : start + size]}
        if account_id is not None:
            return (200, self.users[account_id]) if account_id in self.users else error(404)
        return self._discovered(place) if self.discovery else error(404)

    def _discovered(self, place: str) -> Answer:
        attributes = [
            {"name": name, "mutability": self.mutability.get(name, "readWrite")}
            for name in _CORE
            if name not in self.lacking
        ]
        extensions = [EXTENSION_SCHEMA] if self.extension else []
        config = {name: {"supported": getattr(self, name)} for name in ("patch", "etag")}
        bulk = {"supported": self.bulk, "maxOperations": 100, "maxPayloadSize": 1_000_000}
        user = {
            "endpoint": "/Users",
            "schema": USER_SCHEMA,
            "schemaExtensions": [{"schema": each["id"]} for each in extensions],
        }
        return 200, {
            "/ServiceProviderConfig": {**config, "bulk": bulk, "filter": {"supported": False}},
            "/ResourceTypes": [user],
            "/Schemas": [{"id": USER_SCHEMA, "attributes": attributes}, *extensions],
        }[place]

    def _in_bulk(self, body: Any) -> Answer:
        self.in_bulk = True
        try:
            done = [(each, self.answer(each["method"], each["path"], each["data"])) for each in body["Operations"]]
        finally:
            self.in_bulk = False
        return 200, {
            "Operations": [
                {
                    "method": each["method"],
                    **({"bulkId": each["bulkId"]} if "bulkId" in each else {}),
                    "status": self.bulk_status(answer[0]),
                    **({"location": f"{self.url}/Users/{answer[1]['id']}"} if answer[0] < 300 else {}),
                    **({"response": answer[1]} if answer[0] >= 300 else {}),
                }
                for each, answer in done
            ]
        }

    def _create(self, body: Any) -> Answer:
        names = {each["userName"].casefold() for each in self.users.values()}
        if body["userName"].casefold() in names:
            return error(409, "uniqueness")
        return self.told(self._save(f"id{len(self.users) + 1}", copy.deepcopy(body)))

    def _change(self, before: Account, after: Account) -> Answer:
        # What nobody can write a strict server refuses (RFC 7644 section 3.12, `mutability`).
        fixed = [name for name, words in self.mutability.items() if words in ("readOnly", "immutable")]
        if any(name in after and before.get(name) != after[name] for name in fixed):
            return error(400, "mutability")
        return 200, self._save(before["id"], after)

    def _save(self, account_id: str, account: Account) -> Account:
        before = self.users.get(account_id, {})
        kept = self.keep(copy.deepcopy(before), copy.deepcopy({**account, "id": account_id}))
        # A whole account that is put without it does not change what is never read, or cannot be written.
        stays = {name for name in before if name == "password" or self.mutability.get(name) == "readOnly"}
        self._versions += 1
        self.users[account_id] = {
            **{name: before[name] for name in stays},
            **{name: value for name, value in kept.items() if name not in self.lacking},
            "meta": {"version": f'"{self._versions}"'} if self.etag else {},
        }
        return self.users[account_id]


def patched(account: Account, operations: list[dict[str, Any]]) -> Account:
    """An account after PATCH operations (RFC 7644 section 3.5.2)."""
    after = copy.deepcopy(account)
    for each in operations:
        found = _PATH.fullmatch(each["path"])
        assert found, each["path"]
        holder = after.setdefault(found["urn"], {}) if found["urn"] else after
        if found["part"]:
            _patch_entries(holder, found, each)
        elif found["sub"]:
            _patch_value(holder.setdefault(found["name"], {}), found["sub"], each)
        else:
            _patch_value(holder, found["name"], each)
    return {name: value for name, value in after.items() if value != {}}


def _patch_entries(holder: Account, path: re.Match[str], operation: dict[str, Any]) -> None:
    name, entries = path["name"], holder.get(path["name"], [])
    ours = [each for each in entries if str(each.get(path["part"])).casefold() == path["wanted"].casefold()]
    if operation["op"] == "remove":
        holder[name] = [each for each in entries if each not in ours]
        if not holder[name]:
            del holder[name]
        return
    for each in ours:
        each.update({path["sub"]: operation["value"]} if path["sub"] else operation["value"])


def _patch_value(holder: Account, name: str, operation: dict[str, Any]) -> None:
    if operation["op"] == "remove":
        holder.pop(name, None)
    elif operation["op"] == "add" and isinstance(operation["value"], list):
        there = holder.get(name, [])
        holder[name] = [*there, *(each for each in operation["value"] if each not in there)]
    else:
        holder[name] = operation["value"]


@contextmanager
def odd_directory() -> Iterator[OddDirectory]:
    """Runs the directory on a free port of loopback while the block runs."""
    odd = OddDirectory()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = odd.answer(
                self.command, self.path, json.loads(sent) if sent else None, self.headers.get("If-Match")
            )
            status, body, headers = answer if len(answer) == 3 else (*answer, {})
            content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/scim+json",
                "Content-Length": str(len(content)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        odd.url = f"http://127.0.0.1:{http.server_address[1]}"
        try:
            yield odd
        finally:
            http.shutdown()
