"""The key of a person: how it is read, compared and written (SPEC sections 2 and 3).

A key is text, whatever a source makes of it. What a source's keys look like is its *form*; one definition holds for
what comes from the source and for what stands in an account, so that two spellings of one person are one person
everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sims_sync.model.text import trimmed, trimmed_column

if TYPE_CHECKING:
    import pandas as pd

_WRITTEN_AS_NUMBER = re.compile("0|[1-9][0-9]*")


@dataclass(frozen=True)
class KeyForm:
    """What the keys of a source look like.

    :param pattern: of a whole key, as a regular expression without lookarounds; its group ``key`` is the key itself.
    """

    pattern: str

    def keys(self, text: pd.Series[str]) -> pd.Series[str]:
        """Keys in their one spelling.

        :param text: as a source or a directory wrote them; spaces and invisible characters round them do not count.
        :returns: the keys (``str``), null where a text is none.
        """
        found = trimmed_column(text.astype("str")).str.extract(f"^(?:{self.pattern})$")["key"]
        return found.astype("str")

    def key(self, text: Any) -> str | None:
        """One key in its one spelling; none where the text is no key."""
        found = re.fullmatch(self.pattern, trimmed(str("" if text is None else text)))
        return found["key"] if found else None


NUMBER = KeyForm("0*(?P<key>[0-9]{1,18}?)")
"""Digits alone, of which leading zeros do not count: ``0101`` is ``101``; ``-5`` and ``+5`` are none."""

ANY_TEXT = KeyForm("(?P<key>.+)")
"""Compared as text, such as GUIDs."""


def sort_key(keys: pd.Series[str]) -> pd.Series[str]:
    """What sorts keys (for ``DataFrame.sort_values(key=)``): numbers as numbers, nulls last."""
    width = keys.str.len().max()
    return keys if width != width else keys.str.zfill(int(width))


def order(key: str | None) -> tuple[int, str]:
    """What sorts single keys (for ``sorted(key=)``): numbers as numbers, none first."""
    return len(key or ""), key or ""


def in_document(key: str | None) -> int | str | None:
    """A key as JSON documents hold it: as a number where it is one, as others who read them expect."""
    return int(key) if key is not None and _WRITTEN_AS_NUMBER.fullmatch(key) else key


def from_document(key: int | str | None) -> str | None:
    """A key that a JSON document holds."""
    return None if key is None else str(key)
