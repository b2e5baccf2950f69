"""The home address (SPEC sections 3 and 4)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from sims_sync.students.rows import cover, since, trimmed, with_days
from sims_sync.students.selection import (
    Selection,
    chosen_rows,
    first_of_each_person,
    json_objects,
    left_out_and_nothing_else,
    warnings_for,
)

_UNITED_KINGDOM = (
    "united kingdom",
    "uk",
    "gb",
    "great britain",
    "england",
    "scotland",
    "wales",
    "northern ireland",
)
# Outward code and inward code, without the space between them.
_UK_POSTCODE = r"(?:(?:[A-Z]{1,2}[0-9][A-Z0-9]?|GIR)[0-9][A-Z]{2})"
# A country alone is no address: SIMS fills it in by itself.
_CONTENT = ["apartment", "house_name", "house_number", "street", "district", "town", "county", "postcode"]

_IN_FORCE, _IN_FORCE_WITHOUT_START, _BEGINS_LATER, _ENDED = range(4)


def person_address_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """SIMS's person addresses (see ``rows_of_people``) of type H with their days (see ``with_days``)."""
    return with_days(rows[rows["address_type"].str.upper() == "H"].reset_index(drop=True))


def home_address(person_addresses: pd.DataFrame, addresses: pd.DataFrame, effective_date: date) -> Selection:
    """Of the person's addresses of type H, the one with the most recent start date among those in force on the
    effective date; then one in force without a start date; then, of those that begin later, the earliest; then, of
    those that ended before, the latest.

    :param person_addresses: as :func:`person_address_rows` returns them.
    :param addresses: SIMS's addresses; of two with one id the first counts.
    :returns: the values are the JSON objects of :func:`address_objects`. A row without a valid date, or whose address
        is not in the document, is left out; a blank address is no candidate.
    """
    book = trimmed(addresses).dropna(subset="address_id").drop_duplicates("address_id").set_index("address_id")
    filled = book.index[book[_CONTENT].notna().any(axis="columns")]
    usable = person_addresses["dated"] & person_addresses["address_id"].isin(book.index)
    candidates = _ranked(
        person_addresses[usable & person_addresses["address_id"].isin(filled)], effective_date.isoformat()
    )
    first = first_of_each_person(candidates, "rank", "distance")
    objects = address_objects(book.loc[first["address_id"].unique()])
    chosen = first.assign(value=first["address_id"].map(objects).astype("str"))
    return Selection(
        column="home_address",
        chosen=chosen_rows(chosen, "value", "address_id", _why(first)),
        warnings=pd.concat(
            [
                _tied(candidates, first),
                warnings_for(person_addresses.loc[~person_addresses["dated"], "person_id"], "invalid_date"),
            ]
        ),
        keep=left_out_and_nothing_else(person_addresses.loc[~usable, "person_id"], first["person_id"]),
    )


def address_objects(addresses: pd.DataFrame) -> pd.Series[str]:
    """Addresses as the JSON objects that are written, with those of streetAddress, locality, region, postalCode and
    country that are not blank.

    :param addresses: SIMS's addresses, trimmed, by ``address_id``.
    :returns: JSON text by ``address_id``.
    """
    parts = pd.DataFrame(
        {
            "streetAddress": _street_address(addresses),
            "locality": addresses["town"],
            "region": addresses["county"],
            "postalCode": postcodes(addresses["postcode"]),
            "country": _country(addresses["country"]),
        }
    )
    return json_objects(parts)


def postcodes(text: pd.Series[str]) -> pd.Series[str]:
    """Postcodes in capitals, with the single space of a UK postcode; in any other the inner spaces become one."""
    capitals = text.str.upper()
    closed = capitals.str.replace(r"\s+", "", regex=True)
    spaced = closed.str.slice(stop=-3) + " " + closed.str.slice(start=-3)
    is_uk = closed.str.fullmatch(_UK_POSTCODE).fillna(False).astype(bool)
    return spaced.where(is_uk, capitals.str.replace(r"\s+", " ", regex=True))


def _street_address(addresses: pd.DataFrame) -> pd.Series[str]:
    """The lines Apartment, HouseName, HouseNo and Street, District; blank ones left out, joined by a newline."""
    house_and_street = _joined(addresses["house_number"], " ", addresses["street"])
    lines = _joined(addresses["apartment"], "\n", addresses["house_name"])
    return _joined(_joined(lines, "\n", house_and_street), "\n", addresses["district"])


def _joined(left: pd.Series[str], separator: str, right: pd.Series[str]) -> pd.Series[str]:
    return (left + separator + right).fillna(left).fillna(right)


def _country(words: pd.Series[str]) -> pd.Series[str]:
    """``GB`` for the United Kingdom and its nations, which SIMS writes in words; else left out."""
    in_kingdom = words.str.lower().isin(_UNITED_KINGDOM)
    return pd.Series("GB", index=words.index, dtype="str").where(in_kingdom)


def _ranked(rows: pd.DataFrame, day: str) -> pd.DataFrame:
    """The rows with ``rank`` (which sentence of the rule they fall under) and ``distance`` (the smaller the better)."""
    in_force, has_start = cover(rows, day), rows["start_date"].notna()
    rank = np.select(
        [in_force & has_start, in_force, rows["start_date"] > day],
        [_IN_FORCE, _IN_FORCE_WITHOUT_START, _BEGINS_LATER],
        _ENDED,
    )
    start, end = _day_numbers(rows["start_date"]), _day_numbers(rows["end_date"])
    distance = np.select([rank == _IN_FORCE, rank == _BEGINS_LATER, rank == _ENDED], [-start, start, -end], 0)
    return rows.assign(rank=rank, distance=distance)


def _day_numbers(iso_days: pd.Series[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return pd.to_datetime(iso_days, format="%Y-%m-%d").to_numpy("datetime64[D]").astype("int64")


def _tied(candidates: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """A warning for each person with two different addresses from one day."""
    best = candidates.merge(first[["person_id", "rank", "distance"]], on=["person_id", "rank", "distance"])
    different = best.drop_duplicates(["person_id", "address_id"])
    return warnings_for(different.loc[different.duplicated("person_id"), "person_id"], "several_addresses")


def _why(rows: pd.DataFrame) -> pd.Series[str]:
    later = "begins later, on " + rows["start_date"]
    ended = "ended on " + rows["end_date"]
    return since(rows["start_date"]).mask(rows["rank"] == _BEGINS_LATER, later).mask(rows["rank"] == _ENDED, ended)
