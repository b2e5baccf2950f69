"""A source's text tables as typed rows: trimmed texts, periods and email addresses (SPEC section 2)."""

from __future__ import annotations

import pandas as pd

from sims_sync.model.kinds import days, flags, say_no_day
from sims_sync.model.text import invisible, trimmed_column

# Spelt out, because the two regex engines under pandas do not agree on what \s is.
_UNSEEN = invisible()
_EMAIL_ADDRESS = f"(?:[^@{_UNSEEN}]+@[^@.{_UNSEEN}]+(?:[.][^@.{_UNSEEN}]+)+)"


def rows_of_people(table: pd.DataFrame, people: pd.Series[str] | None = None) -> pd.DataFrame:
    """The rows of a table that belong to somebody.

    :param table: a table of the source (``sources.source.TABLES``) with a column ``person_id``, in its order.
    :param people: the Person IDs whose rows are wanted, default all.
    :returns: the same columns and order, the index numbered anew; text as :func:`trimmed` has it. Rows without a
        Person ID belong to nobody and are left out.
    """
    ids = table["person_id"]
    wanted = ids.notna() if people is None else ids.notna() & ids.isin(people)
    return trimmed(table[wanted.to_numpy()])


def trimmed(table: pd.DataFrame) -> pd.DataFrame:
    """The table with all columns as text (``str``) in form NFC, trimmed, blank is null; the index numbered anew."""
    text = table.reset_index(drop=True).astype("str")
    if text.empty:
        return text
    visible = text.apply(lambda column: trimmed_column(column).str.normalize("NFC"))
    return visible.mask(visible == "")


def are_email_addresses(text: pd.Series[str]) -> pd.Series[bool]:
    """Whether a text has one ``@``, something before it, a domain with a dot after it, and nothing invisible."""
    return text.str.fullmatch(_EMAIL_ADDRESS).fillna(False).astype(bool)


def with_days(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of periods with ``start_date`` and ``end_date`` as ISO days; one before 1900 says that there is none.

    :returns: the rows with a further column ``dated`` (bool): False where one of the dates is invalid, so that the row
        is to be left out.
    """
    said = {name: rows[name].mask(say_no_day(rows[name])) for name in ("start_date", "end_date")}
    found = {name: days(text) for name, text in said.items()}
    invalid = {name: found[name].isna() & text.notna() for name, text in said.items()}
    return rows.assign(**found, dated=~(invalid["start_date"] | invalid["end_date"]))


def cover(rows: pd.DataFrame, day: str) -> pd.Series[bool]:
    """Whether a period covers the day: start <= day and (no end or end >= day); one without a start has always begun.

    :param rows: as :func:`with_days` returns them.
    :param day: an ISO day.
    """
    has_begun = rows["start_date"].isna() | (rows["start_date"] <= day)
    return has_begun & (rows["end_date"].isna() | (rows["end_date"] >= day))


def since(start_date: pd.Series[str]) -> pd.Series[str]:
    """Why a period that covers the effective date was taken."""
    return ("in force since " + start_date).fillna("in force, no start date")


def email_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The emails that are not blank.

    :param rows: SIMS's emails, as :func:`rows_of_people` returns them.
    :returns: the rows with ``location`` in capitals, ``main`` and ``primary`` as flags
        (bool), ``valid`` (bool: is an address) and ``usable`` (bool: is an address of type H or W).
    """
    rows = rows[rows["email_address"].notna()].reset_index(drop=True)
    location, valid = rows["location"].str.upper(), are_email_addresses(rows["email_address"])
    return rows.assign(
        location=location,
        main=flags(rows["main"]),
        primary=flags(rows["primary"]),
        valid=valid,
        usable=valid & location.isin(("H", "W")),
    )
