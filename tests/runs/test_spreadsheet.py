"""CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sims_sync.runs.spreadsheet import as_csv, harmless

SIGNS = (
    "=",
    "+",
    "-",
    "@",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
    "\ufe66",
    "\ufe62",
    "\ufe63",
    "\ufe6b",
    "\u2212",
    "\u207a",
)
UNSEEN = (
    "",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\x00",
    "\x0b",
    "\x85",
    "\xa0",
    "\xad",
    "\u2003",
    "\u2028",
    "\u200b",
    "\u200e",
    "\u2060",
)
UNSEEN += ("\u3000", "\ufeff", "\ue000", " \t\n\xa0\u200b")


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", UNSEEN)
def test_a_formula_is_text_whatever_unseen_stands_before_its_sign(before: str, sign: str) -> None:
    assert harmless(f"{before}{sign}1+1") == f"'{before}{sign}1+1"


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("separator", [";", ",", "|", "\t", "\n", "\r"])
def test_what_another_locale_takes_for_a_new_cell_is_text_too(separator: str, sign: str) -> None:
    assert harmless(f"a{separator}{sign}1") == f"a{separator}'{sign}1"
    assert harmless(f"a{separator} {sign}1") == f"a{separator}' {sign}1"
    assert harmless(f'a{separator}"{sign}1"') == f'a{separator}\'"{sign}1"'


@pytest.mark.parametrize("cell", ["\t1", "\r1", "\n", "\x00"])
def test_a_cell_that_begins_with_a_control_character_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "004604", "O'Neill-Smith", "a=1", "1-2", "Year 7; form 7B", "e@example.org", "caf\u00e9", " x"]
)
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


@given(
    st.lists(
        st.text(st.one_of(st.sampled_from("=+-@;,|\t\"' \n\r\u200b\uff1da1"), st.characters())), min_size=1, max_size=4
    )
)
@example(['a;"=1', "=1"])
def test_no_cell_begins_with_a_sign_however_the_file_is_cut(cells: list[str]) -> None:
    content = as_csv(["x"] * len(cells), [cells]).decode("utf-8-sig")
    _, row = csv.reader(io.StringIO(content, newline=""))
    seen = [cell for cell in row if cell]
    for part in [*seen, *(part for cell in seen for part in re.split("[;,|]", cell))]:
        first = next((each for each in part if each != '"' and unicodedata.category(each)[0] not in "ZC"), "")
        assert unicodedata.normalize("NFKC", first) not in {*"=+-@", "\u2212"} or part.startswith("'")


def test_what_is_missing_is_an_empty_cell_after_a_byte_order_mark() -> None:
    assert as_csv(["a", "b"], [(None, 1)]) == b"\xef\xbb\xbfa,b\r\n,1\r\n"
