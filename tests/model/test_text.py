"""What of a text counts (SPEC section 2)."""

from __future__ import annotations

import sys
import unicodedata

import pandas as pd
import pytest

from sims_sync.model.kinds import ADDRESS, PROVISIONS, TEXT, days, say_no_day
from sims_sync.model.person import NUMBER
from sims_sync.model.text import invisible, trimmed, trimmed_column

APART, TOGETHER = "Zoe\u0308", "Zo\u00eb"


def test_invisible_is_what_unicode_calls_a_format_a_space_or_a_control_character() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    expected = {each for each in characters if unicodedata.category(each) in ("Cc", "Cf", "Zs") or each.isspace()}
    assert set(invisible()) == expected


def test_texts_are_trimmed_alike_one_by_one_and_in_columns() -> None:
    texts = [f"{each}a{each}b{each}{each}" for each in invisible()] + ["", " \u200b ", "plain"]
    assert trimmed_column(pd.Series(texts, dtype="str")).tolist() == [trimmed(each) for each in texts]
    assert [trimmed(each) for each in texts[:-3]] == [f"a{each}b" for each in invisible()]
    assert trimmed(" \u200b ") == ""


@pytest.mark.parametrize("written", ["\u200b101", "101\u00a0", "\ufeff0101\u2060", " 101\u00ad"])
def test_a_person_id_is_the_same_with_invisible_characters_round_it_in_the_source_and_in_an_account(
    written: str,
) -> None:
    assert NUMBER.key(written) == "101"
    assert NUMBER.keys(pd.Series([written], dtype="str")).tolist() == ["101"]


def test_an_account_whose_accents_are_put_together_otherwise_is_read_as_the_same() -> None:
    assert TEXT.read(APART) == TOGETHER
    assert ADDRESS.read({"locality": APART}) == ADDRESS.read({"locality": TOGETHER})
    assert PROVISIONS.read([{"display": APART}]) == PROVISIONS.read([{"display": TOGETHER}])


@pytest.mark.parametrize(
    ("text", "day", "none"),
    [
        ("0001-01-01T00:00:00", None, True),
        ("0001-01-01", None, True),
        ("0000-00-00", None, True),
        ("1753-01-01T00:00:00", None, True),
        ("1899-12-31T23:59:59", None, True),
        ("1900-01-01T00:00:00", "1900-01-01", False),
        ("9999-12-31T23:59:59.9999999", "9999-12-31", False),
        ("2026-02-30", None, False),
        ("soon", None, False),
        ("1", None, False),
        (None, None, False),
    ],
)
def test_a_date_before_1900_says_that_there_is_none(text: str | None, day: str | None, none: bool) -> None:
    texts = pd.Series([text], dtype="str")
    assert days(texts).dropna().tolist() == [day] * (day is not None)
    assert say_no_day(texts).tolist() == [none]
