"""The key of a person: one definition for what comes from a source and for what stands in an account."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.model.person import ANY_TEXT, NUMBER, KeyForm, from_document, in_document, order, sort_key

TEXTS = st.text(st.sampled_from("0123456789 -+aAé٣.\u200b\n"), max_size=22)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("101", "101"),
        ("0101", "101"),
        (" 101 ", "101"),
        ("0", "0"),
        ("000", "0"),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("9" * 18, "9" * 18),
        ("9" * 19, None),
    ],
)
def test_a_person_id_is_digits_alone_of_which_leading_zeros_do_not_count(text: str, key: str | None) -> None:
    assert NUMBER.key(text) == key


@pytest.mark.parametrize("form", [NUMBER, ANY_TEXT])
@given(texts=st.lists(TEXTS, max_size=5))
def test_a_column_of_keys_is_each_key_by_itself(form: KeyForm, texts: list[str]) -> None:
    column = form.keys(pd.Series(texts, dtype="str"))
    assert [None if pd.isna(each) else each for each in column] == [form.key(each) for each in texts]


@given(TEXTS)
def test_the_one_spelling_of_a_key_is_that_of_itself(text: str) -> None:
    for form in (NUMBER, ANY_TEXT):
        key = form.key(text)
        assert key is None or form.key(key) == key


@given(st.none() | TEXTS)
def test_a_document_gives_back_the_key_that_it_was_given(key: str | None) -> None:
    assert from_document(in_document(key)) == key


@pytest.mark.parametrize(("key", "written"), [("101", 101), ("0101", "0101"), ("0", 0), ("AD-7F3", "AD-7F3")])
def test_a_number_stands_in_a_document_as_a_number(key: str, written: int | str) -> None:
    assert in_document(key) == written


def test_numbers_sort_as_numbers_and_what_is_missing_at_the_end_of_a_table() -> None:
    keys = pd.Series(["10", None, "9", "101"], dtype="str")
    assert keys.sort_values(key=sort_key).dropna().tolist() == ["9", "10", "101"]
    assert sorted(["10", "9", "101"], key=order) == ["9", "10", "101"]
    assert sort_key(pd.Series([], dtype="str")).empty
