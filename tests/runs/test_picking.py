"""What is one person's is picked out of a document as a plain reading of all of it would."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.runs.picking import of_person

KEYS = st.one_of(st.integers(0, 9), st.sampled_from(["0", "1", "01", "a-guid", 'b"person_id": 1,']), st.none())
ENTRIES = st.one_of(
    st.lists(KEYS, max_size=6),
    st.lists(
        st.fixed_dictionaries({"kind": st.text(max_size=3), "person_id": KEYS, "account": st.just({"person_id": 1})}),
        max_size=6,
    ),
)
PERSONS = st.sampled_from(["0", "1", "01", "a-guid", 'b"person_id": 1,', "7"])


def plainly(entries: list[Any], person_id: str) -> list[Any]:
    return [each for each in entries if str(each.get("person_id") if isinstance(each, dict) else each) == person_id]


@given(ENTRIES, PERSONS, st.sampled_from([None, 1]))
def test_of_a_list_the_entries_of_one_person_are_left(entries: list[Any], person: str, indent: int | None) -> None:
    content = json.dumps(entries, indent=indent).encode()
    assert json.loads(of_person(content, person)) == plainly(entries, person)


@given(st.dictionaries(st.text(max_size=3), ENTRIES), PERSONS, st.integers())
def test_of_an_object_its_lists_are_picked_from_and_the_rest_stays(
    lists: dict[str, list[Any]], person: str, rest: int
) -> None:
    content = json.dumps({**lists, "the rest": {"is": rest}}).encode()
    told = {name: plainly(entries, person) for name, entries in lists.items()}
    assert json.loads(of_person(content, person)) == {**told, "the rest": {"is": rest}}


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2", b'{"changes": [[1]]}', b'"text"', b"\xff", b"[" * 10**5])
def test_what_has_another_form_stays_for_its_reader_to_tell_of(content: bytes) -> None:
    assert of_person(content, "1") == content
