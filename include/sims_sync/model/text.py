"""What of a text counts: its visible characters, in one form (SPEC section 2)."""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@cache
def invisible() -> str:
    """Spaces of every kind, control characters, and format characters such as U+200B."""
    every = map(chr, chain(range(0x20000), range(0xE0000, 0xE1000)))  # there are none beyond
    return "".join(each for each in every if unicodedata.category(each) in ("Cc", "Cf", "Zs") or each.isspace())


def trimmed(text: str) -> str:
    """A text without invisible characters at its ends."""
    return text.strip(invisible())


def trimmed_column(text: pd.Series[str]) -> pd.Series[str]:
    """The texts without invisible characters at their ends (``str``)."""
    return text.str.strip(invisible())


def composed(text: str) -> str:
    """A text in Unicode's form NFC, in which ``e`` with an accent is one character however it was typed."""
    return unicodedata.normalize("NFC", text)
