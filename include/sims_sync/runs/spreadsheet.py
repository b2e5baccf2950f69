"""Tables for a spreadsheet: CSV that none takes for formulas, wherever it is opened."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

_SIGNS = frozenset("=+-@\N{MINUS SIGN}")
"""What a formula begins with; so do their full-width and other forms (compatibility characters of Unicode)."""

_SEPARATORS = re.compile(r"([;,|\t\r\n])")
"""A spreadsheet of another locale begins a new cell after one of them, quoted or not."""


def as_csv(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table as CSV: UTF-8 with a byte order mark, safe to open in a spreadsheet.

    :param rows: the cells in the order of the heading; what is missing is None.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(heading)
    writer.writerows(["" if cell is None else harmless(str(cell)) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig", errors="replace")


def harmless(cell: str) -> str:
    """A cell's text with an apostrophe before whatever a spreadsheet could take for a formula: so it is text."""
    begin = next((at for at, character in enumerate(cell) if not _is_unseen(character)), len(cell))
    first, *others = _SEPARATORS.split(cell[begin:])
    pairs = zip(others[::2], others[1::2], strict=True)
    safe = first + "".join(f"{separator}{_as_text(part)}" for separator, part in pairs)
    begins_oddly = unicodedata.category(cell[:1] or " ") == "Cc"
    return ("'" if begins_oddly or _is_formula(first) else "") + cell[:begin] + safe


def _as_text(part: str) -> str:
    return f"'{part}" if _is_formula(part) else part


def _is_formula(part: str) -> bool:
    seen = next((character for character in part if character != '"' and not _is_unseen(character)), "")
    return unicodedata.normalize("NFKC", seen) in _SIGNS


def _is_unseen(character: str) -> bool:
    """Whether it is white space, a control character or an invisible one."""
    return unicodedata.category(character)[0] in "ZC"
