"""What kinds of values attributes have: how each is read, written, compared, lost and shown.

The account tables have one column for an attribute, and its cells hold what the kind says. Nothing else in the product
tells kinds apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sims_sync.model.text import composed

if TYPE_CHECKING:
    import pandas as pd

_DAY = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)"
_FIRST_DAY = "1900-01-01"
_SET = ("t", "true", "y", "yes", "1")
_SAID = {"true": True, "false": False}

_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


class Kind:
    """Text, which is what all kinds are but for what they say otherwise.

    :cvar dtype: of the column.
    :cvar nothing: what holds for a student of whom the source has no value.
    :cvar parts: of a value that is an object in the account: those of its parts that are ours.
    :cvar many: whether a value is a list of such objects.
    """

    dtype: Literal["str", "boolean"] = "str"
    nothing: Any = None
    parts: tuple[str, ...] = ()
    many = False

    def from_source(self, text: pd.Series[str]) -> pd.Series[Any]:
        """A source's texts as cells.

        :param text: trimmed, blank is null.
        :returns: cells; null where a text is null, and where it is no such value.
        """
        return text

    def read(self, value: Any) -> Any:
        """A value of an account, as its JSON has it, as a cell."""
        return None if value in (None, "") else composed(str(value))

    def write(self, cell: Any) -> Any:
        """A cell as the value that is written; none for a blank."""
        return None if is_blank(cell) else str(cell)

    def comparable(self, cells: pd.Series[Any]) -> pd.Series[Any]:
        """The cells as text in which two equal values are equal; null is the empty text."""
        return cells.astype("string").fillna("").astype(object).reset_index(drop=True)

    def has_value(self, cells: pd.Series[Any]) -> pd.Series[bool]:
        """Which cells hold something that can be lost."""
        return cells.notna()

    def is_loss(self, present: Any, written: Any) -> bool:
        """Whether the account loses something.

        :param present: a cell that has a value.
        :param written: the value that is written in its place.
        """
        return not written

    def show(self, cell: Any) -> str:
        """A cell as a person reads it."""
        return cell if isinstance(cell, str) else ""


class _Flag(Kind):
    dtype = "boolean"
    nothing = False

    def from_source(self, text: pd.Series[str]) -> pd.Series[Any]:
        return flags(text).astype("boolean").mask(text.isna())

    def read(self, value: Any) -> bool | None:
        if isinstance(value, str):
            return _SAID.get(value.casefold())
        return value if isinstance(value, bool) else None

    def write(self, cell: Any) -> bool | None:
        return None if is_blank(cell) else bool(cell)

    def has_value(self, cells: pd.Series[Any]) -> pd.Series[bool]:
        """Only a flag that is set can be lost."""
        return cells.fillna(False).astype(bool)

    def show(self, cell: Any) -> str:
        return "yes" if not is_blank(cell) and cell else "no"


class _Day(Kind):
    def from_source(self, text: pd.Series[str]) -> pd.Series[Any]:
        return days(text)


class _Address(Kind):
    parts = ("streetAddress", "locality", "region", "postalCode", "country")

    def from_source(self, text: pd.Series[str]) -> pd.Series[Any]:
        return _documents(text, dict)

    def read(self, value: Any) -> str | None:
        filled = _filled(value or {}, self.parts)
        return _canonical(filled) if filled else None

    def write(self, cell: Any) -> Any:
        return None if is_blank(cell) else json.loads(cell)

    def show(self, cell: Any) -> str:
        address = self.write(cell) or {}
        return "\n".join(address[part] for part in self.parts if part in address)


class _Provisions(Kind):
    nothing = "[]"
    many = True
    parts = ("value", "display", "startDate", "endDate")

    def from_source(self, text: pd.Series[str]) -> pd.Series[Any]:
        return _documents(text, list)

    def read(self, value: Any) -> str:
        return "[" + ",".join(_canonical(_filled(each, self.parts)) for each in value or ()) + "]"

    def write(self, cell: Any) -> Any:
        return None if is_blank(cell) else json.loads(cell)

    def comparable(self, cells: pd.Series[Any]) -> pd.Series[Any]:
        """They are compared as a set (SPEC section 4)."""
        text = super().comparable(cells)
        return text.map({each: _as_set(each) for each in text.unique()})

    def has_value(self, cells: pd.Series[Any]) -> pd.Series[bool]:
        return cells.fillna(self.nothing) != self.nothing

    def is_loss(self, present: Any, written: Any) -> bool:
        """Fewer entries count as lost (SPEC section 7)."""
        return len(written or ()) < len(json.loads(present))

    def show(self, cell: Any) -> str:
        return "\n".join(", ".join(map(str, each.values())) for each in self.write(cell) or ())


TEXT = Kind()
"""Text; null is blank."""
FLAG = _Flag()
"""Yes or no (``boolean``); what a source does not say is no."""
DAY = _Day()
"""An ISO day, as text."""
ADDRESS = _Address()
"""A JSON object of those of its parts that are not blank; null when there is none."""
PROVISIONS = _Provisions()
"""A JSON list, empty when there is none, of objects of those parts that are not blank; compared as a set."""


def is_blank(cell: Any) -> bool:
    """Whether a cell is null."""
    import pandas as pd

    return cell is None or cell is pd.NA or cell != cell


def days(text: pd.Series[str]) -> pd.Series[str]:
    """Dates such as ``2007-06-01T00:00:00`` as ISO days (``str``): only the day counts. Null where there is none.

    A text that is not null and whose day is null was no date; none is before 1900.
    """
    import pandas as pd

    day = _look_like_days(text)
    in_calendar = pd.to_datetime(day, format="%Y-%m-%d", errors="coerce").notna() & (day >= _FIRST_DAY)
    return day.where(in_calendar)


def say_no_day(text: pd.Series[str]) -> pd.Series[bool]:
    """Whether a text is a date before 1900: ``0001-01-01`` is how .NET writes that there is none."""
    return _look_like_days(text).lt(_FIRST_DAY).fillna(False).astype(bool)


def _look_like_days(text: pd.Series[str]) -> pd.Series[str]:
    return text.where(text.str.fullmatch(_DAY).fillna(False).astype(bool)).str.slice(0, 10)


def flags(text: pd.Series[str]) -> pd.Series[bool]:
    """Flags such as T/F, Yes/No, Y/N, true/false, 1/0 in any case (``bool``); null is not set."""
    return text.str.lower().isin(_SET)


def _documents(text: pd.Series[str], form: type) -> pd.Series[str]:
    """JSON texts of this form in their one spelling; null where a text is none."""

    def canonical(document: str) -> str | None:
        try:
            value = json.loads(document)
        except ValueError:
            return None
        return _canonical(value) if isinstance(value, form) else None

    return text.map(canonical, na_action="ignore").astype("str")


def _filled(entry: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    return {part: _composed(entry[part]) for part in parts if entry.get(part)}


def _composed(value: Any) -> Any:
    return composed(value) if isinstance(value, str) else value


def _as_set(provisions: str) -> str:
    return json.dumps(sorted({json.dumps(each, sort_keys=True) for each in json.loads(provisions or "[]")}))
