"""What a source owes the rules: seven tables, the form of its keys, and what it cannot know (SPEC section 2).

SIMS is the first source (``sources.sims``); ``docs/adding.md`` shows how to add another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import pandas as pd
import pandera.pandas as pa

from sims_sync.model.errors import RollRefused
from sims_sync.model.person import KeyForm
from sims_sync.model.text import trimmed_column
from sims_sync.sources.choice import EVERYTHING, Choice


def _table(*columns: str, strict: str | bool = "filter") -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {column: pa.Column(str, nullable=True) for column in columns},
        coerce=True,
        strict=strict,
    )


TABLES: Mapping[str, pa.DataFrameSchema] = {
    # Beside these, the columns that attributes are taken from (``model.attributes``), and, where the source knows it,
    # ``year_group``: of which year a leaver was.
    "students": _table("person_id", "forename", "surname", "admission_number", strict=False),
    "addresses": _table(
        "address_id",
        "apartment",
        "house_name",
        "house_number",
        "street",
        "district",
        "town",
        "county",
        "postcode",
        "country",
    ),
    "person_addresses": _table("person_id", "address_id", "start_date", "end_date", "address_type"),
    "telephones": _table("person_id", "telephone_id", "location", "number", "device", "main", "primary"),
    "emails": _table("person_id", "email_id", "location", "email_address", "main", "primary"),
    "sen_provisions": _table("person_id", "provision_type", "provision_description", "start_date", "end_date"),
    "free_meals": _table("person_id", "start_date", "end_date"),
}
"""The seven tables, all of text (``str``, null where there is no value), in the source's order, which is meaningful.
``person_id`` is a key in its one spelling, null where the source sent none that is valid. All tables but ``students``
may come with people who are no students (:func:`of_those_on_roll`). A table of what a source cannot know is empty."""

_MAY_LACK = {"telephones": ("device",)}
"""Columns that a table may come without: then they are null."""

SPECIAL = frozenset({"sen_provisions", "free_meals"})
"""The tables that tell health or poverty: how many rows they have is told to nobody."""


@dataclass(frozen=True)
class Fetched:
    """One document of a source.

    :param name: of the document, in the source's words.
    :param content: as it came, to be kept with the run; empty where there is nothing to keep.
    :param table: the one of :data:`TABLES` that it holds, empty for a document that holds none.
    :param rows: the rows of the table, as text.
    :param spoilt: the places of the rows from whose values characters were dropped.
    """

    name: str
    content: bytes = field(default=b"", repr=False)
    table: str = ""
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    spoilt: tuple[int, ...] = ()


class Source(Protocol):
    """Where a school's roll comes from."""

    @property
    def name(self) -> str:
        """What messages call it, at the beginning of a sentence."""

    @property
    def key(self) -> KeyForm:
        """What the keys of its people look like."""

    @property
    def cannot_know(self) -> frozenset[str]:
        """Columns of attributes (``model.attributes``) that it has no notion of: they are never written nor cleared. An
        attribute that is taken from a column which its students do not have need not be named."""

    def fetch(self, effective_date: date) -> Iterator[Fetched]:
        """Fetch the roll of a date, a document at a time: the next one is asked for only when this one was good.

        :raises SyncError: it cannot be had, or is not that of the school.
        """


@dataclass(frozen=True)
class Extract:
    """What a source answered.

    :param documents: as they came, by name.
    :param tables: those of :data:`TABLES`, with the rows of those on roll alone.
    :param spoilt: of whose rows characters were dropped: ``person_id`` of those on roll, ``table``.
    :param came: the tables that had rows of theirs, before what the school does not want was left out.
    :param rows: how many rows of each table were theirs; nobody can tell from these what is withheld.
    :param left_out: how many rows of each table were other people's.
    """

    documents: dict[str, bytes] = field(repr=False)
    tables: dict[str, pd.DataFrame] = field(repr=False)
    spoilt: pd.DataFrame = field(repr=False)
    came: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def extract(
    source: Source, effective_date: date, choice: Choice = EVERYTHING, *, may_be_empty: bool = False
) -> Extract:
    """Fetch a school's roll, one document after the other. Of people who are not on it nothing goes into the tables.

    :param choice: what the school wants; of the rest nothing goes there either.
    :param may_be_empty: whether no students at all are taken for what they are: then nothing more is asked for.
    :raises RollRefused: there are no students, or not one email address: then nothing more is asked for.
    :raises SyncError: what the source raises.
    """
    documents: dict[str, bytes] = {}
    fetched_tables = {name: _nothing(name) for name in choice.unasked}
    spoilt: dict[str, pd.DataFrame] = {}
    for fetched in source.fetch(effective_date):
        if fetched.table in choice.unasked:
            continue
        if fetched.content:
            documents[fetched.name] = fetched.content
        if fetched.table:
            fetched_tables[fetched.table] = fetched.rows
            spoilt[fetched.table] = fetched.rows.iloc[list(fetched.spoilt)]
            if may_be_empty and fetched.table == "students" and fetched.rows.empty:
                fetched_tables |= {name: _nothing(name) for name in TABLES if name != "students"}
                break
            _check(source.name, fetched, effective_date)
    whole = owed(fetched_tables, source.key)
    tables = choice.without_what_is_off(whole)
    kept = of_those_on_roll(tables)
    left_out = {name: len(table) - len(kept[name]) for name, table in tables.items()}
    return Extract(
        documents,
        of_those_on_roll(choice.without_what_is_withheld(kept)),
        _whose(spoilt, kept, source.key),
        came=[name for name, table in of_those_on_roll(whole).items() if not table.empty],
        rows={name: len(table) for name, table in kept.items()},
        left_out={name: rows for name, rows in left_out.items() if rows},
    )


def _whose(spoilt: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame], key: KeyForm) -> pd.DataFrame:
    """Of whose rows something was dropped, as :attr:`Extract.spoilt`; an address is of all who live there.

    :param spoilt: the rows, by table.
    :param tables: the rows of those on roll.
    """
    on_roll, homes = tables["students"]["person_id"].dropna(), tables["person_addresses"]
    people = {name: key.keys(rows["person_id"]) for name, rows in spoilt.items() if "person_id" in rows}
    if "addresses" in spoilt:
        there = trimmed_column(homes["address_id"]).isin(trimmed_column(spoilt["addresses"]["address_id"].dropna()))
        people["addresses"] = homes.loc[there, "person_id"]
    theirs = [pd.DataFrame({"person_id": ids[ids.isin(on_roll)], "table": name}) for name, ids in people.items()]
    return pd.concat(theirs, ignore_index=True).astype("str").drop_duplicates(ignore_index=True)


def _nothing(table: str) -> pd.DataFrame:
    """A table without rows."""
    return pd.DataFrame(columns=list(TABLES[table].columns), dtype="str")


def owed(tables: Mapping[str, pd.DataFrame], key: KeyForm) -> dict[str, pd.DataFrame]:
    """The tables as the rules expect them (:data:`TABLES`), with keys in their one spelling.

    :raises KeyError: a table is missing.
    """
    checked = {name: schema.validate(_whole(name, tables[name])) for name, schema in TABLES.items()}
    return {
        name: table.assign(person_id=key.keys(table["person_id"])) if "person_id" in table else table
        for name, table in checked.items()
    }


def _whole(name: str, table: pd.DataFrame) -> pd.DataFrame:
    lacking = [column for column in _MAY_LACK.get(name, ()) if column not in table]
    return table.reset_index(drop=True).assign(**dict.fromkeys(lacking)).astype(dict.fromkeys(lacking, "str"))


def of_those_on_roll(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The rows of the students, rejected ones among them: those of parents, staff and leavers are needed for nothing
    (SPEC section 9).

    :param tables: as :func:`owed` returns them.
    :returns: the same columns and order. An address is kept when it is that of somebody on roll.
    """
    on_roll = tables["students"]["person_id"].dropna()
    kept = {
        name: table[table["person_id"].isin(on_roll)] if "person_id" in table and name != "students" else table
        for name, table in tables.items()
    }
    theirs = trimmed_column(kept["person_addresses"]["address_id"].dropna())
    kept["addresses"] = kept["addresses"][trimmed_column(kept["addresses"]["address_id"]).isin(theirs)]
    return {name: table.reset_index(drop=True) for name, table in kept.items()}


def _check(name: str, fetched: Fetched, effective_date: date) -> None:
    """What holds of any roll.

    :raises RollRefused: it cannot be this school's roll.
    """
    if fetched.table == "students" and fetched.rows.empty:
        raise RollRefused(
            f"{name} sent no student for {effective_date}: nothing is loaded, nobody is disabled.",
            advice="Check the effective date, and that the school has students on roll on it. If it has none any more, "
            "trigger a run with `allow_empty_roll`.",
        )
    if fetched.table == "emails" and fetched.rows["email_address"].isna().all():
        raise RollRefused(
            f"{name} sent students, but not one email address: nothing is loaded, nobody is disabled.",
            advice="Check what the user of the connection may see there.",
        )
