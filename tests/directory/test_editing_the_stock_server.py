"""What is sent to change an account, on the stock scim2-server, with accounts as odd as other systems leave them."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import ResourceType, Schema, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from sims_sync.directory.discovery import discover
from sims_sync.directory.editing import PATCH_SCHEMA, USER_SCHEMA, merged, new_account, patch_operations
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint, scim_adapter
from sims_sync.directory.writes import AccountChange, Create
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.kinds import ADDRESS

NAME = "directory_green_abbey"
NUMBERS = itertools.count()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def schemas() -> list[Schema]:
    extension = json.loads(files("sims_sync.directory").joinpath("student-extension.schema.json").read_text())
    return [*load_default_schemas().values(), *(Schema.model_validate(each) for each in extension)]


def resource_types() -> list[ResourceType]:
    types = [json.loads(each.model_dump_json()) for each in load_default_resource_types().values()]
    user = next(each for each in types if each["schema"] == USER_SCHEMA)
    user["schemaExtensions"] = [*user.get("schemaExtensions", []), {"schema": EXTENSION, "required": False}]
    return [ResourceType.model_validate(each) for each in types]


@contextmanager
def stock_in_memory(page_size: int = 1000) -> Iterator[str]:
    """A server in this process; its base URL."""
    config = load_default_service_provider_config()
    config.filter.max_results = page_size
    provider = ScimProvider.from_discovery(schemas(), resource_types(), config=config)
    application = BearerTokenApplication(InMemoryStorage(), provider, service=ScimService(provider, secret="s" * 32))
    with make_server("127.0.0.1", 0, application, server_class=Threaded, handler_class=Quiet) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v2"
        server.shutdown()


@pytest.fixture(scope="module")
def stock() -> Iterator[str]:
    with stock_in_memory() as url:
        yield url


@pytest.fixture(params=[10, 1000], ids=["pages of 10", "pages of 1000"])
def empty(request: pytest.FixtureRequest) -> Iterator[str]:
    with stock_in_memory(request.param) as url:
        yield url


def open_directory(url: str, **otherwise: Any) -> Directory:
    session = requests.Session()
    session.mount("http://", scim_adapter())
    endpoint = Endpoint(session, url, NAME)
    return Directory(endpoint, discover(endpoint).model_copy(update=otherwise), STANDARD)


VALUE = st.sampled_from(["A", "B", "a@example.org"])
FLAG = st.booleans()


def entries(*types: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    entry = st.fixed_dictionaries({"value": VALUE}, optional={"type": st.sampled_from(types), "display": VALUE})
    return st.lists(entry, max_size=3, unique_by=lambda each: (each.get("type", "").lower(), each["value"])).flatmap(
        one_primary
    )


def one_primary(made: list[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.integers(-1, len(made) - 1).map(
        lambda chosen: [{**each, "primary": True} if n == chosen else each for n, each in enumerate(made)]
    )


PARTS = st.fixed_dictionaries({"locality": VALUE}, optional={"region": VALUE, "country": st.just("GB")})
ADDRESSES = st.lists(
    st.builds(
        lambda parts, more: {**parts, **more},
        PARTS,
        st.fixed_dictionaries({}, optional={"type": st.sampled_from(["home", "Home", "work"]), "formatted": VALUE}),
    ),
    max_size=3,
    unique_by=lambda each: json.dumps(each, sort_keys=True).lower(),
).flatmap(one_primary)
ACCOUNTS = st.fixed_dictionaries(
    {},
    optional={
        "active": FLAG,
        "name": st.fixed_dictionaries({}, optional={"givenName": VALUE, "familyName": VALUE, "middleName": VALUE}),
        "emails": entries("home", "HOME", "work", "other"),
        "phoneNumbers": entries("home", "mobile", "Mobile", "fax"),
        "addresses": ADDRESSES,
        "roles": st.lists(st.sampled_from(["student", "Student", "staff"]), unique=True, max_size=3).map(
            lambda roles: [{"value": role} for role in roles]
        ),
        "nickName": VALUE,
        EXTENSION: st.fixed_dictionaries({}, optional={"gender": VALUE, "freeSchoolMeals": FLAG}),
    },
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name.givenName": VALUE,
        "name.familyName": st.none() | VALUE,
        'emails[type eq "home"]': st.none() | VALUE,
        'emails[type eq "work"]': st.none() | VALUE,
        'phoneNumbers[type eq "home"]': st.none() | VALUE,
        'phoneNumbers[type eq "mobile"]': st.none() | VALUE,
        'addresses[type eq "home"]': st.none() | PARTS,
        "gender": st.none() | VALUE,
        "freeSchoolMeals": FLAG,
        "senInformation": st.sampled_from([[], [{"value": "K"}], [{"value": "K"}, {"value": "E"}]]),
        "active": FLAG,
        "disabledBySync": st.sampled_from([True, None]),
        "roles": st.sampled_from(["add", "remove"]),
    },
)


def settled(account: dict[str, Any]) -> dict[str, Any]:
    """What the sync manages of an account, where neither order nor an empty attribute counts."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            filled = {name: bare(each) for name, each in value.items()}
            return {name: each for name, each in filled.items() if each not in (None, [], {}, False)}
        if isinstance(value, list):
            return sorted(map(bare, value), key=lambda each: json.dumps(each, sort_keys=True))
        return value

    document = bare({**STANDARD.managed(account), "active": account.get("active")})
    return {name: value for name, value in document.items() if name not in ("id", "userName")}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(account=ACCOUNTS, values=VALUES)
def test_patch_and_put_write_the_same_and_leave_what_others_keep(
    stock: str, account: dict[str, Any], values: dict[str, Any]
) -> None:
    users, http, number = f"{stock}/Users", requests.Session(), next(NUMBERS)
    both = [
        http.post(users, json={"schemas": [USER_SCHEMA, EXTENSION], **account, "userName": f"{how}-{number}"})
        for how in ("patched", "replaced")
    ]
    assert all(each.status_code == 201 for each in both), both[0].text
    before, other = (each.json() for each in both)
    operations = patch_operations(copy.deepcopy(before), values, STANDARD)
    if operations:
        body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
        answer = http.patch(f"{users}/{before['id']}", json=body)
        assert answer.ok, (operations, answer.text)
    answer = http.put(f"{users}/{other['id']}", json=merged(other, values, STANDARD))
    assert answer.ok, answer.text
    patched, replaced = (http.get(f"{users}/{each['id']}").json() for each in (before, other))

    assert settled(patched) == settled(replaced)
    assert patch_operations(patched, values, STANDARD) == [], "written again, nothing is sent"
    assert holds(patched, values)
    assert patched.get("nickName") == before.get("nickName")
    for name, ours in {"emails": ("home", "work"), "phoneNumbers": ("home", "mobile"), "addresses": ("home",)}.items():
        kept = [each for each in before.get(name, []) if each.get("type") and each["type"].lower() not in ours]
        assert all(settled({name: [each]})[name][0] in settled(patched)[name] for each in kept)


def holds(account: dict[str, Any], values: dict[str, Any]) -> bool:
    """Whether the table of accounts shows the values that were written."""
    row = account_table([account], STANDARD).iloc[0]
    columns = {
        "name.givenName": "given_name",
        'emails[type eq "home"]': "home_email",
        'emails[type eq "work"]': "work_email",
        'phoneNumbers[type eq "mobile"]': "mobile_telephone",
        'addresses[type eq "home"]': "home_address",
        "gender": "gender",
    }
    for name, column in columns.items():
        if name in values:
            shown = None if row[column] != row[column] or row[column] is None else row[column]
            wanted = values[name]
            if isinstance(wanted, dict):
                shown, wanted = json.loads(shown), {part: wanted[part] for part in ADDRESS.parts if part in wanted}
            assert shown == wanted, name
    return True


def test_a_typeless_address_with_an_old_part_is_no_twin_of_ours() -> None:
    old = {"locality": "Ambridge", "country": "GB"}
    after = merged({"addresses": [old]}, {'addresses[type eq "home"]': {"locality": "Ambridge"}}, STANDARD)
    assert after["addresses"] == [old, {"type": "home", "locality": "Ambridge"}]


def test_a_twin_without_a_type_hands_on_that_it_is_primary() -> None:
    account = {"emails": [{"type": "Home", "value": "a@example.org"}, {"value": "b@example.org", "primary": True}]}
    after = merged(account, {'emails[type eq "home"]': "b@example.org"}, STANDARD)
    assert after["emails"] == [{"type": "Home", "value": "b@example.org", "primary": True}]


def test_attributes_that_a_server_sends_as_null_are_blank() -> None:
    nulls = dict.fromkeys(["name", "emails", "roles", "addresses", "phoneNumbers", "active", "externalId", EXTENSION])
    account = {"id": "a1", "userName": "robin", "meta": None, **nulls}
    values = {"name.givenName": "Robin", "gender": "Male", "roles": "add", 'emails[type eq "home"]': "r@example.org"}
    after = merged(account, values, STANDARD)
    assert (after["name"], after[EXTENSION], after["roles"]) == (
        {"givenName": "Robin"},
        {"gender": "Male"},
        [{"value": "student"}],
    )
    assert len(patch_operations(account, values, STANDARD)) == 4
    row = account_table([account], STANDARD).iloc[0]
    assert (bool(row["active"]), bool(row["is_student"]), row["further_roles"]) == (True, False, [])


FEATURES: dict[str, dict[str, Any]] = {
    "everything": {},
    "no PATCH": {"patch": False},
    "no bulk": {"bulk": None},
    "no ETags": {"etag": False},
    "no filter": {"filter": False},
    "none of them": {"patch": False, "bulk": None, "etag": False, "filter": False, "sort": False},
}


@pytest.mark.parametrize("features", list(FEATURES))
def test_accounts_are_written_whatever_the_directory_offers(empty: str, features: str) -> None:
    directory = open_directory(empty, **FEATURES[features])
    people = range(2400, 2425)
    creations = [
        Create(str(each), new_account(str(each), {"userName": f"renée-{each}", "name.givenName": "Robin"}, STANDARD))
        for each in people
    ]
    assert {each.status for each in directory.write(creations)} == {"created"}
    assert {each.status for each in directory.write(creations)} == {"conflict"}

    seen = {int(each["externalId"]): each for each in directory.list_accounts()}
    assert sorted(seen) == list(people)
    table = account_table([seen[each] for each in people], STANDARD)
    changes = [
        AccountChange(str(row.linked_person_id), row.account_id, row.version, json.loads(row.resource), values)
        for row in table.itertuples()
        if (values := {"gender": "Female", 'phoneNumbers[type eq "home"]': "01632 960001", "roles": "remove"})
    ]
    assert {each.status for each in directory.write(changes)} == {"changed"}
    assert {each.status for each in directory.write(changes)} == {"stale"}
    gone = AccountChange("1", "none-such", None, {}, {"active": False})
    assert [each.status for each in directory.write([gone])] == ["missing"]

    holder = directory.find_by_user_name(f"RENÉE-{2403}") or {}
    assert holder["id"] == seen[2403]["id"]
    assert holder[EXTENSION]["gender"] == "Female"
    assert not holder.get("roles")
    assert directory.find_by_user_name('nobody" or userName pr or userName eq "') is None
    assert directory.read("none-such") is None
