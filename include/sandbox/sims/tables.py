"""The tables of the broker's memory: one a document, every row with the days on which it is true.

``valid_from`` and ``valid_to`` are the first and the last day (both included, null is for ever). They are hidden from
the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from sandbox.sims.documents import BY_TABLE, DOCUMENTS

Value = str | int | bool | date | None
"""A date is stored as SIMS writes it (``2007-06-01T00:00:00``), True and False as ``T`` and ``F``, text exactly as it
is (spaces, nonsense and all), None as an element that is absent."""

HIDDEN = ("valid_from", "valid_to")

METADATA = sa.MetaData()
TABLES = {
    document.table: sa.Table(
        document.table,
        METADATA,
        sa.Column("row", sa.Integer, primary_key=True),
        sa.Column("position", sa.Integer),  # the place in the document; a changed row keeps that of the one before
        sa.Column("valid_from", sa.Text),
        sa.Column("valid_to", sa.Text),
        *(sa.Column(column, sa.Text) for column in document.elements),
    )
    for document in DOCUMENTS
}


def to_text(value: Value) -> str | None:
    """A value as SIMS writes it; see :data:`Value`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value.isoformat()[:10]}T00:00:00" if isinstance(value, date) else str(value)


def valid_on(table: sa.Table, day: date) -> sa.ColumnElement[bool]:
    """The condition that a row is valid on a day."""
    iso = day.isoformat()
    return sa.and_(
        sa.or_(table.c.valid_from.is_(None), table.c.valid_from <= iso),
        sa.or_(table.c.valid_to.is_(None), table.c.valid_to >= iso),
    )


def in_order(table: sa.Table) -> tuple[sa.ColumnElement[int], ...]:
    """The order of a document's rows."""
    return sa.func.coalesce(table.c.position, table.c.row), table.c.row


def matches(table: sa.Table, where: Mapping[str, Value]) -> sa.ColumnElement[bool]:
    """The condition that a row has these values.

    :param where: values by column of the table's document.
    :raises ValueError: the table has no such column.
    """
    wanted = columns(table.name, where)
    return sa.and_(sa.true(), *(table.c[column] == value for column, value in wanted.items()))


def columns(table: str, values: Mapping[str, Value]) -> dict[str, str | None]:
    """Values as the table holds them.

    :param table: its name.
    :param values: by column of the table's document.
    :returns: the same as text.
    :raises ValueError: there is no such table, or it has no such column.
    """
    if table not in BY_TABLE:
        raise ValueError(f"There is no table {table}; there are {', '.join(BY_TABLE)}.")
    if unknown := set(values) - set(BY_TABLE[table].elements):
        known = ", ".join(BY_TABLE[table].elements)
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}; it has {known}.")
    return {column: to_text(value) for column, value in values.items()}


def stored(table: str, row: Mapping[str, Value]) -> dict[str, str | None]:
    """A whole row as the table holds it: columns that are not given are null.

    :param row: values by column, the hidden ones among them.
    """
    visible = {column: value for column, value in row.items() if column not in HIDDEN}
    empty: dict[str, str | None] = dict.fromkeys(BY_TABLE[table].elements if table in BY_TABLE else ())
    days = {name: day.isoformat() if isinstance(day := row.get(name), date) else day for name in HIDDEN}
    return {
        **empty,
        **columns(table, visible),
        **{name: None if day is None else str(day) for name, day in days.items()},
    }
