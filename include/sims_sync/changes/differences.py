"""Where an account differs from what it should be (SPEC sections 3 and 4), by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sims_sync.model.attributes import Attribute

CLEARED = "clear"
"""The column of accounts as they should be that names what is to be cleared of a student."""


@dataclass(frozen=True)
class Difference:
    """A value of an account that is not what it should be.

    :param wanted: what it should be, as text in which equal values are equal; empty where it should be blank.
    :param present: what it is, likewise.
    :param value: what is written; none clears.
    """

    account_id: str
    attribute: Attribute
    wanted: str = field(repr=False)
    present: str = field(repr=False)
    value: Any = field(repr=False)

    @property
    def is_of_case_alone(self) -> bool:
        return self.wanted.casefold() == self.present.casefold()


def differences(should: pd.DataFrame, actual: pd.DataFrame, attributes: Sequence[Attribute]) -> list[list[Difference]]:
    """Where accounts differ, for each pair of rows.

    :param should: accounts as they should be; ``keep`` names the columns that are left as they are, and
        :data:`CLEARED`, where there is that column, those that are cleared though they were written once.
    :param actual: accounts as they are, row for row those of ``should``.
    :param attributes: those that are compared: what the directory has a place for.
    :returns: for each row its differences, in the order of the attributes.
    """
    found: list[list[Difference]] = [[] for _ in range(len(should))]
    is_student = actual["is_student"].to_numpy(dtype=bool)
    left = [frozenset(columns) for columns in should["keep"]]
    cleared = should[CLEARED] if CLEARED in should else [()] * len(should)
    for attribute in attributes:
        if attribute.written == "at_creation":
            continue
        wanted, present = should[attribute.column], actual[attribute.column]
        text, text_present = attribute.kind.comparable(wanted), attribute.kind.comparable(present)
        differs = (text != text_present).to_numpy(dtype=bool)
        if attribute.written == "once":
            # An account of the person that was no student's may have no value yet (SPEC section 6).
            fills = ~is_student & present.isna().to_numpy(dtype=bool) & wanted.notna().to_numpy(dtype=bool)
            differs = differs & (fills | np.array([attribute.column in each for each in cleared], dtype=bool))
        for at in differs.nonzero()[0]:
            if attribute.column not in left[at]:
                account_id, value = str(actual["account_id"].iloc[at]), attribute.kind.write(wanted.iloc[at])
                texts = str(text.iloc[at]), str(text_present.iloc[at])
                found[at].append(Difference(account_id, attribute, *texts, value))
    return found


def all_values(row: pd.Series[Any], attributes: Sequence[Attribute]) -> dict[str, Any]:
    """The values of a new account, by attribute name; blank ones are left out.

    :param row: a row of the accounts as they should be.
    :param attributes: as for :func:`differences`.
    """
    return {
        attribute.name: value
        for attribute in attributes
        if (value := attribute.kind.write(row[attribute.column])) is not None and value != []
    }
