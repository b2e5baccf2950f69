"""A source's text tables as typed rows: trimmed texts, periods and email addresses (SPEC section 2)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sims_sync.model.kinds import days, flags

# Spelt out, because the two regex engines under pandas do not agree on what \s is.
_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_EMAIL_ADDRESS = f"(?:[^@{_SPACES}]+@[^@.{_SPACES}]+(?:[.][^@.{_SPACES}]+)+)"


def rows_of_people(table: pd.DataFrame, people: pd.Series[str] | None = None) -> pd.DataFrame:
    """The rows of a table that belong to somebody.

    :param table: a table of the source (``sources.source.TABLES``) with a column ``person_id``, in its order.
    :param people: the Person IDs whose rows are wanted, default all.
    :returns: the same columns and order, the index numbered anew; text trimmed, blank is null. Rows without a Person ID
        belong to nobody and are left out.
    """
    ids = table["person_id"]
    wanted = ids.notna() if people is None else ids.notna() & ids.isin(people)
    return trimmed(table[wanted.to_numpy()])


def trimmed(table: pd.DataFrame) -> pd.DataFrame:
    """The table with all columns as text (``str``), trimmed, blank is null; the index numbered anew."""
    text = table.reset_index(drop=True).astype("str")
    return text.apply(lambda column: column.str.strip().replace("", np.nan)) if len(text) else text


def are_email_addresses(text: pd.Series[str]) -> pd.Series[bool]:
    """Whether a text has one ``@``, something before it, a domain with a dot after it, and no space."""
    return text.str.fullmatch(_EMAIL_ADDRESS).fillna(False).astype(bool)


def with_days(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of periods with ``start_date`` and ``end_date`` as ISO days.

    :returns: the rows with a further column ``dated`` (bool): False where one of the dates is none, so that the row is
        to be left out.
    """
    start, end = days(rows["start_date"]), days(rows["end_date"])
    dated = (start.notna() | rows["start_date"].isna()) & (end.notna() | rows["end_date"].isna())
    return rows.assign(start_date=start, end_date=end, dated=dated)


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
