"""Where an account differs from what it should be (SPEC sections 3 and 4), by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sims_sync.model.attributes import Attribute


def differing_values(
    should: pd.DataFrame, actual: pd.DataFrame, attributes: Sequence[Attribute]
) -> list[dict[str, Any]]:
    """The values to write, for each pair of rows.

    :param should: accounts as they should be; ``keep`` names the columns that are left as they are.
    :param actual: accounts as they are, row for row those of ``should``.
    :param attributes: those that are compared: what the directory has a place for.
    :returns: for each row the values by attribute name, none where a value is cleared; empty where nothing differs.
    """
    values: list[dict[str, Any]] = [{} for _ in range(len(should))]
    is_student = actual["is_student"].to_numpy(dtype=bool)
    kept = [frozenset(columns) for columns in should["keep"]]
    for attribute in attributes:
        if attribute.written == "at_creation":
            continue
        wanted, present = should[attribute.column], actual[attribute.column]
        comparable = attribute.kind.comparable
        differs = (comparable(wanted) != comparable(present)).to_numpy(dtype=bool)
        if attribute.written == "once":
            # An account of the person that was no student's may have no value yet (SPEC section 6).
            differs = differs & ~is_student & present.isna().to_numpy(dtype=bool) & wanted.notna().to_numpy(dtype=bool)
        for position in differs.nonzero()[0]:
            if attribute.column not in kept[position]:
                values[position][attribute.name] = attribute.kind.write(wanted.iloc[position])
    return values


def all_values(row: pd.Series[Any], attributes: Sequence[Attribute]) -> dict[str, Any]:
    """The values of a new account, by attribute name; blank ones are left out.

    :param row: a row of the accounts as they should be.
    :param attributes: as for :func:`differing_values`.
    """
    return {
        attribute.name: value
        for attribute in attributes
        if (value := attribute.kind.write(row[attribute.column])) is not None and value != []
    }
