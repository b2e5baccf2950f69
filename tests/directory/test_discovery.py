"""Discovery is read for what is needed and for nothing else, in every shape met (SPEC section 3)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_directory import Answer, ScriptedDirectory, endpoint, scripted_directory

from sandbox.directory import capabilities
from sims_sync.directory.discovery import Capabilities, discover
from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION
from sims_sync.model.errors import PermanentFault

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
Documents = dict[str, Any]


def as_told() -> Documents:
    """The discovery documents of a directory that has all, as the RFC has them."""
    provider = capabilities.Capabilities().provider()
    config = {
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": 10, "maxPayloadSize": 10**6},
        "filter": {"supported": True, "maxResults": 200},
        "sort": {"supported": False},
        "etag": {"supported": True},
    }
    return {
        "/ServiceProviderConfig": config,
        "/ResourceTypes": [json.loads(each.model_dump_json()) for each in provider.resource_types],
        "/Schemas": [json.loads(each.model_dump_json()) for each in provider.schemas],
    }


def answering(documents: Documents, form: Callable[[list[Any]], Any] | None = None) -> Any:
    def respond(_: str, path: str, __: Any) -> Answer:
        document = documents[path.partition("?")[0]]
        if isinstance(document, int):
            return document, {}, {}
        if isinstance(document, dict):
            return 200, {}, document
        return 200, {}, form(document) if form else {"totalResults": len(document), "Resources": document}

    return respond


@pytest.fixture
def server() -> Iterator[ScriptedDirectory]:
    with scripted_directory() as script:
        yield script


@pytest.fixture
def expected(server: ScriptedDirectory) -> Capabilities:
    server.respond = answering(as_told())
    found = discover(endpoint(server.url))
    assert found.lacking == ()
    assert (found.bulk, found.max_results) == ((10, 10**6), 200)
    return found


def other_case(document: Any) -> Any:
    """The same with names of attributes in another case."""
    if isinstance(document, dict):
        return {name.upper(): other_case(value) for name, value in document.items()}
    return [other_case(each) for each in document] if isinstance(document, list) else document


def words_in_lower_case(document: Any) -> Any:
    text = json.dumps(document)
    for word in ("readWrite", "readOnly", "writeOnly", "immutable", "caseExact"):
        text = text.replace(f'"{word}"', f'"{word.lower()}"')
    return json.loads(text)


def flags_as_texts(document: Any) -> Any:
    return json.loads(json.dumps(document).replace("true", '"true"').replace("false", '"False"'))


SHAPES: dict[str, Callable[[Documents], Documents]] = {
    "words in lower case": words_in_lower_case,
    "names in capitals": lambda told: {path: other_case(document) for path, document in told.items()},
    "types nobody knows": lambda told: {
        **told,
        "/Schemas": [{"id": 7, "attributes": "none"}, {"attributes": [None, {"name": []}]}, *told["/Schemas"]],
        "/ResourceTypes": [{"schema": None}, {}, *told["/ResourceTypes"]],
    },
    "features as texts": lambda told: {
        **told, "/ServiceProviderConfig": flags_as_texts(told["/ServiceProviderConfig"]),
    },
    "no resource types": lambda told: {**told, "/ResourceTypes": 404},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_discovery_is_a_reason_to_fail(
    server: ScriptedDirectory, expected: Capabilities, shape: str
) -> None:
    server.respond = answering(SHAPES[shape](as_told()))
    found = discover(endpoint(server.url))
    ignored = {"sync_reports"} if shape == "no resource types" else set()
    assert found.model_dump(exclude=ignored) == expected.model_dump(exclude=ignored)


@pytest.mark.parametrize(
    "form",
    [lambda rows: rows, lambda rows: {"Resources": rows}, lambda rows: {"resources": rows, "totalresults": len(rows)}],
    ids=["arrays", "no totals", "names in lower case"],
)
def test_a_list_is_read_in_every_form(
    server: ScriptedDirectory, expected: Capabilities, form: Callable[[list[Any]], Any]
) -> None:
    server.respond = answering(as_told(), form)
    assert discover(endpoint(server.url)) == expected


def test_a_byte_order_mark_and_a_wrong_charset_are_passed_over(
    server: ScriptedDirectory, expected: Capabilities
) -> None:
    told = answering(as_told())

    def respond(method: str, path: str, body: Any) -> Answer:
        status, _, answer = told(method, path, body)
        return status, {"Content-Type": "text/json; charset=iso-8859-1"}, b"\xef\xbb\xbf" + json.dumps(answer).encode()

    server.respond = respond
    assert discover(endpoint(server.url)) == expected


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_discovery_a_directory_is_taken_for_the_core_user_schema_with_patch(
    server: ScriptedDirectory, status: int
) -> None:
    extension = {each.name for each in ATTRIBUTES if each.extension} | {"disabledBySync"}
    for answer in ((status, {}, {}), (200, {}, b"")):
        server.respond = lambda *_, answer=answer: answer
        found = discover(endpoint(server.url))
        assert set(found.lacking) == extension
        assert found.patch
        assert not any((found.bulk, found.filter, found.sort, found.etag, found.genders, found.sync_reports))


def attributes_of(documents: Documents, urn: str) -> list[dict[str, Any]]:
    (schema,) = [each for each in documents["/Schemas"] if each["id"] == urn]
    attributes: list[dict[str, Any]] = schema["attributes"]
    return attributes


def changed(urn: str, name: str, **values: Any) -> Documents:
    """The documents with other values of an attribute; without it where there are none."""
    documents = copy.deepcopy(as_told())
    found = attributes_of(documents, urn)
    (attribute,) = [each for each in found if each["name"] == name]
    if values:
        attribute.update(values)
    else:
        found.remove(attribute)
    return documents


LACKING: dict[str, tuple[Documents, set[str]]] = {
    "no telephones": (
        changed(CORE, "phoneNumbers"), {'phoneNumbers[type eq "home"]', 'phoneNumbers[type eq "mobile"]'},
    ),
    "emails are read-only": (
        changed(CORE, "emails", mutability="readOnly"), {'emails[type eq "home"]', 'emails[type eq "work"]'},
    ),
    "emails without a type": (
        changed(CORE, "emails", subAttributes=[{"name": "value"}]),
        {'emails[type eq "home"]', 'emails[type eq "work"]'},
    ),
    "one part of the name": (
        changed(CORE, "name", subAttributes=[{"name": "familyName"}]), {"name.givenName"},
    ),
    "no gender": (changed(EXTENSION, "gender"), {"gender"}),
    "no mark": (changed(EXTENSION, "disabledBySync"), {"disabledBySync"}),
    "a mark that is read-only": (changed(EXTENSION, "disabledBySync", mutability="readonly"), {"disabledBySync"}),
}  # fmt: skip


@pytest.mark.parametrize("case", LACKING)
def test_an_attribute_that_the_schemas_do_not_have_or_have_as_read_only_is_not_written(
    server: ScriptedDirectory, case: str
) -> None:
    documents, lacking = LACKING[case]
    server.respond = answering(documents)
    found = discover(endpoint(server.url))
    assert set(found.lacking) == lacking
    mapping = AccountMapping(lacking=frozenset(found.lacking))
    assert not lacking & {*mapping.places, *(each.name for each in mapping.written)}
    assert mapping.keeps_marks == ("disabledBySync" not in lacking)


def test_an_immutable_attribute_is_written_when_the_account_is_created_and_never_again(
    server: ScriptedDirectory,
) -> None:
    server.respond = answering(changed(EXTENSION, "schoolIdentifier", mutability="immutable"))
    found = discover(endpoint(server.url))
    assert found.once == ("schoolIdentifier",)
    written = {each.name: each.written for each in AccountMapping(once=frozenset(found.once)).written}
    assert written["schoolIdentifier"] == "at_creation"
    assert written["dateOfBirth"] == "always"


@pytest.mark.parametrize("name", ["userName", "active", "roles"])
@pytest.mark.parametrize("values", [{}, {"mutability": "readOnly"}], ids=["missing", "read-only"])
def test_a_directory_that_cannot_keep_the_marker_active_or_user_names_is_refused(
    server: ScriptedDirectory, name: str, values: dict[str, Any]
) -> None:
    server.respond = answering(changed(CORE, name, **values))
    with pytest.raises(PermanentFault, match=name):
        discover(endpoint(server.url))


def test_a_key_that_is_read_only_is_refused_and_one_that_is_not_listed_is_there(
    server: ScriptedDirectory, expected: Capabilities
) -> None:
    documents = as_told()
    attributes_of(documents, CORE).append({"name": "externalId", "mutability": "readOnly"})
    server.respond = answering(documents)
    with pytest.raises(PermanentFault, match="externalId"):
        discover(endpoint(server.url))


def test_a_key_that_is_immutable_is_written_into_new_accounts_and_links_none_that_is_there(
    server: ScriptedDirectory,
) -> None:
    documents = as_told()
    attributes_of(documents, CORE).append({"name": "externalId", "mutability": "immutable"})
    server.respond = answering(documents)
    assert discover(endpoint(server.url)).limit(AccountMapping()).key_is_fixed


def test_attributes_that_are_given_to_those_alone_who_ask_are_asked_for(
    server: ScriptedDirectory, tmp_path: Path
) -> None:
    server.respond = answering(changed(EXTENSION, "gender", returned="request"))
    found = discover(endpoint(server.url))
    assert found.on_request
    assert {"userName", "roles", "meta", EXTENSION} <= set(AccountMapping().asked_for.split(","))
