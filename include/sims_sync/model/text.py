"""What of a text counts: its visible characters, in one form (SPEC section 2)."""

from __future__ import annotations

import unicodedata
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

INVISIBLE = "".join(
    character
    for character in map(chr, chain(range(0x20000), range(0xE0000, 0xE1000)))  # there are none beyond
    if unicodedata.category(character) in ("Cc", "Cf", "Zs") or character.isspace()
)
"""Spaces of every kind, control characters, and format characters such as U+200B."""

_INVISIBLE_ASCII = "".join(character for character in INVISIBLE if character.isascii())


def trimmed(text: str) -> str:
    """A text without invisible characters at its ends."""
    return text.strip(_INVISIBLE_ASCII if text.isascii() else INVISIBLE)


def trimmed_column(text: pd.Series[str]) -> pd.Series[str]:
    """The texts without invisible characters at their ends (``str``)."""
    return text.str.strip(INVISIBLE)


def composed(text: str) -> str:
    """A text in Unicode's form NFC, in which ``e`` with an accent is one character however it was typed."""
    return unicodedata.normalize("NFC", text)
