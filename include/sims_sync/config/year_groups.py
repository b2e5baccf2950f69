"""Year groups, as schools and SIMS write them."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\byear(?![^\W\d_])")
"""The word "Year", also where a number follows it at once (``Year9``)."""

_AT_THE_ENDS = frozenset({"Cf", "Zs", "Cc", "Zl", "Zp"})
"""Categories of characters that nobody sees."""


def compared(year_group: str) -> str:
    """A year group as it is compared: trimmed, without case, without the word "Year" and leading zeros (SPEC section
    7). ``Year 09`` is ``9``."""
    text = unicodedata.normalize("NFC", year_group)
    seen = "".join(" " if unicodedata.category(each) in _AT_THE_ENDS else each for each in text)
    words = " ".join(_WORD.sub(" ", seen.casefold()).split())
    return words.lstrip("0") or words[-1:]
