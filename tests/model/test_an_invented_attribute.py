"""An attribute takes its declaration, and what the source calls it; nothing else knows of it.

One of each kind is invented here, and taken through create, a quiet night, change, clear, and the pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from csv_folder import CsvFolder
from invented_facts import planned
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.kinds import ADDRESS, DAY, FLAG, PROVISIONS, TEXT, Kind
from sims_sync.runs.files import RunFiles
from sims_sync.runs.reading import RunReader
from sims_sync.runs.redaction import RedactedReader
from sims_sync.store.local import LocalFolder
from sims_sync.store.opening import open_store
from sims_sync.ui.history import History
from sims_sync.ui.student_page import student_page
from stock import StockDirectory, stock_server

MONDAY = date(2026, 9, 14)
KINDS = {"text": TEXT, "flag": FLAG, "day": DAY, "address": ADDRESS, "provisions": PROVISIONS}

HOUSE = '{"locality":"Ambridge","region":"Borsetshire"}'
# In the source, then in the account: at first, after a change, after it was cleared.
VALUES: dict[str, tuple[tuple[str, Any], tuple[str, Any], tuple[str, Any]]] = {
    "text": (("7A", "7A"), ("7B", "7B"), ("", None)),
    "flag": (("T", True), ("no", False), ("", False)),
    "day": (("2026-09-01T00:00:00", "2026-09-01"), ("2026-09-02", "2026-09-02"), ("", None)),
    "address": (
        (HOUSE, json.loads(HOUSE)),
        ('{"locality":"Felpersham"}', {"locality": "Felpersham"}),
        ("", None),
    ),
    "provisions": (
        ('[{"value":"K"},{"value":"E"}]', [{"value": "K"}, {"value": "E"}]),
        ('[{"value":"K"}]', [{"value": "K"}]),
        ("", None),
    ),
}
SHOWN = {"text": "7B", "flag": "no", "day": "2026-09-02", "address": "Felpersham", "provisions": "K"}
"""The value after the change, as the page of the student shows it."""
PERSON = "0b7c0f6e-3f0a-4f0e-9d51-6a1f2f6f0a01"
NAMES = {"address": 'addresses[type eq "other"]'}


def invented(kind: str, *, special: bool = False) -> Attribute:
    """An attribute of a kind that the product does not know."""
    in_extension = kind not in NAMES
    return Attribute(
        NAMES.get(kind, f"invented{kind.capitalize()}"),
        f"invented_{kind}",
        KINDS[kind],
        f"Invented {kind}",
        taken_from=f"source_{kind}",
        extension=in_extension,
        special=special,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[StockDirectory]:
    """A directory whose extension has the invented attributes."""
    simple = {"text": "string", "flag": "boolean", "day": "string"}
    attributes = [{"name": f"invented{kind.capitalize()}", "type": type_} for kind, type_ in simple.items()]
    provisions = {
        "name": "inventedProvisions",
        "type": "complex",
        "multiValued": True,
        "subAttributes": [{"name": part, "type": "string"} for part in PROVISIONS.parts],
    }
    with stock_server(tmp_path, extension=True, token="token", attributes=[*attributes, provisions]) as running:
        yield running


def has(account: dict[str, Any], attribute: Attribute, value: Any) -> bool:
    """Whether the account holds the value."""
    found = AccountMapping((attribute,)).places[attribute.name].get(account)
    if isinstance(value, dict):
        return bool(value.items() <= found.items())
    return bool(found == value) or (value is None and not found)


@pytest.mark.parametrize("kind", list(KINDS))
def test_it_is_created_left_alone_changed_cleared_and_shown(
    kind: str, directory: StockDirectory, tmp_path: Path
) -> None:
    attribute = invented(kind)
    attributes = (*ATTRIBUTES, attribute)
    source, store = CsvFolder(tmp_path), open_store(tmp_path / "store")
    school = SchoolWithoutAirflow(store, source, directory.url, attributes=attributes)
    source.write("emails", [{"person_id": PERSON, "location": "H", "email_address": "robin@example.org"}])

    def night(value: str) -> dict[str, int]:
        """The next night, in which the source has this value."""
        row = {"person_id": PERSON, "forename": "Robin", "surname": "Example", "admission_number": "004604"}
        source.write("students", [{**row, f"source_{kind}": value}])
        told = school.night(MONDAY + timedelta(days=school.nights), approved_by="Anna")
        assert told.fault is None
        assert told.reported
        return {name: number for name, number in told.reported.report.counts.items() if number and name != "warnings"}

    def account() -> dict[str, Any]:
        (found,) = school.users()
        return found

    (first, as_first), (second, as_second), (blank, as_blank) = VALUES[kind]
    assert night(first) == {"extracted": 1, "created": 1}
    assert has(account(), attribute, as_first)
    assert night(first) == {"extracted": 1, "unchanged": 1}
    assert night(second) == {"extracted": 1, "updated": 1}
    assert has(account(), attribute, as_second)
    changed = school.nights
    assert night(second) == {"extracted": 1, "unchanged": 1}
    assert night(blank) == {"extracted": 1, "unchanged" if as_blank == as_second else "updated": 1}
    assert has(account(), attribute, as_blank)
    assert night(blank) == {"extracted": 1, "unchanged": 1}

    runs = History(store).of(school.school.id)
    page = student_page(
        store, school.school, runs, PERSON, wanted_run=f"night {changed}", may_see_values=True, attributes=attributes
    )
    assert page
    shown = {choice.attribute.label: choice.value for choice in page.choices}
    assert shown[attribute.label] == SHOWN[kind]
    assert page.fate.attributes == (attribute.name,)


@pytest.mark.parametrize("kind", list(KINDS))
def test_one_that_tells_health_or_poverty_is_not_told_to_a_viewer(kind: str, tmp_path: Path) -> None:
    special = invented(kind, special=True)
    attributes = (*ATTRIBUTES, special)
    files = RunFiles(LocalFolder(tmp_path))
    of_both = change("101", ["name.givenName", special.name])
    document = {"changes": [of_both, change("102", [special.name])], "unchanged": []}
    files.save(planned(), {"plan": document}, counts={})
    whole, redacted = (each(files.folder, attributes).plan() for each in (RunReader, RedactedReader))
    assert whole
    assert redacted
    assert [each.attributes for each in whole.changes] == [("name.givenName", special.name), (special.name,)]
    assert [each.attributes for each in redacted.changes] == [("name.givenName",)]
    assert redacted.unchanged == ("102",)


def change(person_id: str, attributes: list[str]) -> dict[str, Any]:
    """An update of a plan's file."""
    person = {"person_id": int(person_id), "school_identifier": None, "account_id": f"a{person_id}"}
    return {"kind": "update", **person, "cause": "values differ", "attributes": attributes}


def test_what_is_managed_of_an_account_follows_from_the_attributes() -> None:
    account = {"id": "a1", "nickName": "Bob", "title": "Dr"}
    assert AccountMapping().managed(account) == {"id": "a1"}
    title = Attribute("title", "title", TEXT, "Title", taken_from="title")
    assert AccountMapping((*ATTRIBUTES, title)).managed(account) == {"id": "a1", "title": "Dr"}


def test_each_attribute_is_declared_with_a_name_a_column_and_a_label_of_its_own() -> None:
    for each in ("name", "column", "label"):
        values = [getattr(attribute, each) for attribute in ATTRIBUTES]
        assert len(set(values)) == len(values), each
    assert all(isinstance(attribute.kind, Kind) for attribute in ATTRIBUTES)
