"""What an attribute's declaration asks of other files: whoever forgets one is told which."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, Attribute
from sims_sync.model.kinds import FLAG, PROVISIONS
from sims_sync.sources.sims.operations import OPERATIONS

TAKEN = [each for each in ATTRIBUTES if each.taken_from]
MAPPED = {each.column: "nickName" for each in ATTRIBUTES if each.only_if_mapped}
EXTENDED = [each for each in ATTRIBUTES if each.extension]


def named(attribute: Attribute) -> str:
    return attribute.name


@pytest.mark.parametrize("attribute", TAKEN, ids=named)
def test_sims_has_an_element_for_what_is_taken_as_it_is(attribute: Attribute) -> None:
    students = next(each for each in OPERATIONS if each.table == "students")
    assert attribute.taken_from in students.columns.values()


@pytest.mark.parametrize("attribute", EXTENDED, ids=named)
def test_the_schema_of_the_extension_has_it_as_its_kind_writes_it(attribute: Attribute) -> None:
    text = files("sims_sync.directory").joinpath("student-extension.schema.json").read_text("utf-8")
    schema = next(each for each in json.loads(text) if each["id"] == EXTENSION)
    found = next((each for each in schema["attributes"] if each["name"] == attribute.name), None)
    assert found, f"student-extension.schema.json has no {attribute.name}"
    types = {FLAG: "boolean", PROVISIONS: "complex"}
    assert found["type"] == types.get(attribute.kind, "string")
    parts = [each["name"] for each in found.get("subAttributes", ())]
    assert parts == list(attribute.kind.parts)


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=named)
def test_it_stands_in_a_place_of_its_own(attribute: Attribute) -> None:
    account: dict[str, object] = {}
    places = AccountMapping(settings=DirectorySettings(attributes=MAPPED)).places
    places[attribute.name].put(account, {"locality": "Ambridge"} if "addresses" in attribute.name else "A")
    holding = [each.name for each in ATTRIBUTES if places[each.name].get(account)]
    assert holding == [attribute.name]
