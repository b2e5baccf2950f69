"""Tables of the pages: filtered, sorted and cut into pages here, so that they need no script and stay small."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

PAGE = 200
"""Rows that are shown at once."""

E = TypeVar("E")

_PAGE_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Table(Generic[E]):
    """What is shown of a table.

    :param prefix: of its parameters in the query.
    :param total: rows that pass the filter.
    :param choices: what can be filtered for, with the number of rows.
    :param parameters: the request's query.
    """

    prefix: str
    rows: Sequence[E]
    total: int
    choices: Mapping[str, int]
    chosen: str
    sort: str
    page: int
    parameters: Mapping[str, str]

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))

    def link(self, **changes: str) -> str:
        """The query of this page with other parameters for this table, at its heading."""
        own = {f"{self.prefix}_{name}": value for name, value in changes.items()}
        kept = {name: value for name, value in {**self.parameters, **own}.items() if value}
        return f"?{urlencode(kept)}#{self.prefix}"

    def sorted_by(self, column: str) -> str:
        """The query that sorts by a column; by the one that sorts already, the other way round."""
        return self.link(sort=f"-{column}" if self.sort == column else column, page="")

    def direction(self, column: str) -> str:
        """How a column sorts, for its heading: ``ascending``, ``descending`` or ``none``."""
        return {column: "ascending", f"-{column}": "descending"}.get(self.sort, "none")


def table(
    prefix: str,
    entries: Sequence[E],
    parameters: Mapping[str, str],
    *,
    filter_by: str,
    columns: Sequence[str],
) -> Table[E]:
    """A table as its parameters in the query ask for it; those that ask for what there is not are ignored.

    :param filter_by: the column that can be filtered.
    :param columns: those that can be sorted. Both are attributes of the entries.
    """
    choices = Counter(getattr(entry, filter_by) for entry in entries)
    asked = {name: parameters.get(f"{prefix}_{name}", "") for name in ("show", "sort", "page")}
    chosen = asked["show"] if asked["show"] in choices else ""
    rows = [entry for entry in entries if not chosen or getattr(entry, filter_by) == chosen]
    sort = asked["sort"] if asked["sort"].removeprefix("-") in columns else ""
    if sort:
        rows = sorted(rows, key=_key(sort.removeprefix("-")), reverse=sort.startswith("-"))
    page = page_of(asked["page"], len(rows))
    return Table(
        prefix=prefix,
        rows=rows[(page - 1) * PAGE : page * PAGE],
        total=len(rows),
        choices=dict(choices.most_common()),
        chosen=chosen,
        sort=sort,
        page=page,
        parameters=parameters,
    )


def page_of(asked: str, rows: int) -> int:
    """The number of the page that was asked for; where there is none such, the nearest."""
    pages = max(1, -(-rows // PAGE))
    return min(max(int(asked), 1), pages) if _PAGE_NUMBER.fullmatch(asked) else 1


def _key(column: str) -> Callable[[object], tuple[bool, Any]]:
    """What is missing comes last."""

    def key(entry: object) -> tuple[bool, Any]:
        value = getattr(entry, column)
        return value is None, value if value is not None else 0

    return key
