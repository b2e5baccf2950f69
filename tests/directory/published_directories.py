"""Directories as their public documentation has them: a real server behind a proxy, which adds what is odd in each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from proxy import Forward, Meddle, Reply, Request
from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.directory.places import place_at

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ENTRA = "urn:ietf:params:scim:schemas:extension:Microsoft:Entra:2.0:User"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

Account = dict[str, Any]


def made_of(*oddities: Meddle) -> Meddle:
    """A directory with all of these; the first one sees a request first, and an answer last."""

    def meddle(request: Request, forward: Forward) -> Reply:
        if not oddities:
            return forward(request)
        first, *others = oddities
        return first(request, lambda passed: made_of(*others)(passed, forward))

    return meddle


def needs(*paths: str) -> Meddle:
    """No account is created without a value at each of these paths."""

    def meddle(request: Request, forward: Forward) -> Reply:
        if is_create(request) and not all(place_at(path).get(sent(request)) for path in paths):
            return answer(400, {"status": "400", "scimType": "invalidValue", "detail": "an attribute is missing"})
        return forward(request)

    return meddle


def drops(*names: str) -> Meddle:
    """These attributes of an account are taken, and shown to nobody."""
    return rewrites_what_is_sent(lambda account: {name: account[name] for name in account if name not in names})


def has_only(*names: str) -> Meddle:
    """An account has these attributes; whatever else is sent is dropped."""
    return rewrites_what_is_sent(lambda account: {name: account[name] for name in account if name in names})


def rewrites_what_is_sent(change: Callable[[Account], Account]) -> Meddle:
    """A new account, or a whole one, is changed before it is kept; schemas that it has nothing of go, too."""

    def meddle(request: Request, forward: Forward) -> Reply:
        if request.method not in ("POST", "PUT"):
            return forward(request)
        account = change(sent(request))
        account["schemas"] = [each for each in sent(request)["schemas"] if each in (USER_SCHEMA, *account)]
        return forward(replace(request, body=json.dumps(account).encode()))

    return meddle


def takes_no(*methods: str) -> Meddle:
    """Requests with these methods are refused as such."""
    return lambda request, forward: answer(405) if request.method in methods else forward(request)


def answers_changes_with_nothing(request: Request, forward: Forward) -> Reply:
    """PATCH is answered with 204 and no body."""
    reply = forward(request)
    return Reply(204) if request.method == "PATCH" and reply.status == 200 else reply


def takes_paths_with_a_filter_of(*conditions: str) -> Meddle:
    """A path of PATCH may hold these conditions; one with any other is refused."""

    def meddle(request: Request, forward: Forward) -> Reply:
        paths = [str(each.get("path")) for each in sent(request)["Operations"]] if request.method == "PATCH" else []
        if any("[" in path and not any(f"[{each}]" in path for each in conditions) for path in paths):
            return answer(400, {"status": "400", "scimType": "invalidPath", "detail": "a path is not supported"})
        return forward(request)

    return meddle


def pages_by_cursor(size: int) -> Meddle:
    """Pages of a few accounts, each with a cursor for the next (RFC 9865), as ``resources``. Only a list that is one
    page has a total."""

    def meddle(request: Request, forward: Forward) -> Reply:
        if not is_list(request):
            return forward(request)
        start = int(parse_qs(urlsplit(request.path).query).get("cursor", ["0"])[0])
        everybody = listed(request, forward)
        page, more = everybody[start : start + size], start + size < len(everybody)
        cursor = {"nextCursor": str(start + size)} if more else {}
        total = {} if more or start else {"totalResults": len(page)}
        return answer(200, {"schemas": [LIST], "itemsPerPage": len(page), **cursor, **total, "resources": page})

    return meddle


def lists(change: Callable[[list[Account]], Iterable[Account]]) -> Meddle:
    """The list of accounts is another one than that of the accounts there are."""

    def meddle(request: Request, forward: Forward) -> Reply:
        if not is_list(request):
            return forward(request)
        everybody = list(change(listed(request, forward)))
        return answer(200, {"schemas": [LIST], "totalResults": len(everybody), "Resources": everybody})

    return meddle


def list_omits(*names: str) -> Meddle:
    """The list of accounts leaves these attributes out; an account that is read alone has them."""
    return lists(lambda accounts: ({name: each[name] for name in each if name not in names} for each in accounts))


def lists_nobody(request: Request, forward: Forward) -> Reply:
    """There is no list of accounts."""
    return answer(404, {"status": "404", "detail": "not found"}) if is_list(request) else forward(request)


def says(endpoint: str, change: Callable[[dict[str, Any]], None]) -> Meddle:
    """A discovery endpoint says something else."""

    def meddle(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        if not urlsplit(request.path).path.endswith(endpoint):
            return reply
        told = json.loads(reply.body)
        change(told)
        return answer(200, told)

    return meddle


def offers_bulk(told: dict[str, Any]) -> None:
    told["bulk"].update(supported=True, maxOperations=1000, maxPayloadSize=1_000_000)


def has_dotted_names(told: dict[str, Any]) -> None:
    """The core schema is a list of paths, and there is no other one."""
    paths = ("userName", "email", "name.givenName", "name.familyName", "active", "externalId", "userType")
    attributes = [{"name": path, "type": "string", "multiValued": False, "mutability": "readWrite"} for path in paths]
    told.update(totalResults=1, Resources=[{"id": USER_SCHEMA, "name": "User", "attributes": attributes}])


def answers_bulk_with_nothing_done(request: Request, forward: Forward) -> Reply:
    """Bulk requests are answered with success, and nothing is done."""
    if not request.path.endswith("/Bulk"):
        return forward(request)
    return answer(200, {"Operations": [{**each, "status": {"code": "200"}} for each in sent(request)["Operations"]]})


def answers_filters_with_or_by_nobody(request: Request, forward: Forward) -> Reply:
    """A filter of two conditions is answered by an empty list."""
    if " or " in parse_qs(urlsplit(request.path).query).get("filter", [""])[0]:
        return answer(200, {"schemas": [LIST], "totalResults": 0, "Resources": []})
    return forward(request)


def keeps_old_parts_of_an_address(request: Request, forward: Forward) -> Reply:
    """An address is put over the one that was there, part by part, whether it was removed before or not."""
    if request.method != "PATCH":
        return forward(request)
    before = json.loads(forward(replace(request, method="GET", body=b"")).body).get("addresses") or [{}]
    message = sent(request)
    for operation in message["Operations"]:
        if operation["path"] == "addresses" and "value" in operation:
            operation["value"] = [{**before[0], **each} for each in operation["value"]]
    return forward(replace(request, body=json.dumps(message).encode()))


def is_create(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/Users")


def is_list(request: Request) -> bool:
    return request.method == "GET" and urlsplit(request.path).path.endswith("/Users")


def sent(request: Request) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(request.body)
    return document


def listed(request: Request, forward: Forward) -> list[Account]:
    """All accounts of the server behind."""
    reply = forward(replace(request, path=f"{urlsplit(request.path).path}?count=1000"))
    accounts: list[Account] = json.loads(reply.body)["Resources"]
    return accounts


def answer(status: int, document: Any = None) -> Reply:
    body = b"" if document is None else json.dumps(document).encode()
    return Reply(status, body, {"Content-Type": "application/scim+json"})
