"""Where an account differs from what it should be (SPEC sections 3 and 4), by columns."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from sims_sync.directory.attributes import ATTRIBUTES, Attribute

_JSON_COLUMNS = frozenset({"home_address", "sen_information"})


def differing_values(should: pd.DataFrame, actual: pd.DataFrame, *, knows_extension: bool) -> list[dict[str, Any]]:
    """The values to write, for each pair of rows.

    :param should: accounts as they should be; ``keep`` names the columns that are left as they are.
    :param actual: accounts as they are, row for row those of ``should``.
    :param knows_extension: whether the directory knows the student extension.
    :returns: for each row the values by attribute name, none where a value is cleared; empty where nothing differs.
    """
    values: list[dict[str, Any]] = [{} for _ in range(len(should))]
    is_student = actual["is_student"].to_numpy(dtype=bool)
    kept = [frozenset(columns) for columns in should["keep"]]
    for attribute in ATTRIBUTES:
        if attribute.extension and not knows_extension:
            continue
        wanted, present = should[attribute.column], actual[attribute.column]
        differs = (_comparable(attribute, wanted) != _comparable(attribute, present)).to_numpy(dtype=bool)
        if attribute.name == "emailPreference":
            # Written once; an account of the person that was no student's may have none yet (SPEC section 6).
            differs = differs & ~is_student & present.isna().to_numpy(dtype=bool) & wanted.notna().to_numpy(dtype=bool)
        elif attribute.written == "once":
            continue
        for position in differs.nonzero()[0]:
            if attribute.column not in kept[position]:
                values[position][attribute.name] = written_value(attribute, wanted.iloc[position])
    return values


def all_values(row: pd.Series[Any], *, knows_extension: bool) -> dict[str, Any]:
    """The values of a new account, by attribute name; blank ones are left out.

    :param row: a row of the accounts as they should be.
    """
    return {
        attribute.name: value
        for attribute in ATTRIBUTES
        if knows_extension or not attribute.extension
        if (value := written_value(attribute, row[attribute.column])) is not None and value != []
    }


def written_value(attribute: Attribute, value: Any) -> Any:
    """A cell of the tables as the value that is written; none for a blank."""
    if value is None or value is pd.NA or value != value:
        return None
    if attribute.column in _JSON_COLUMNS:
        return json.loads(value)
    return bool(value) if attribute.column == "free_school_meals" else str(value)


def _comparable(attribute: Attribute, values: pd.Series[Any]) -> pd.Series[Any]:
    """The column as text in which two equal values are equal: null is the empty text, SEN provisions are a set."""
    text = values.astype("string").fillna("").astype(object).reset_index(drop=True)
    if attribute.column == "sen_information":
        return text.map({each: _canonical_set(each) for each in text.unique()})
    return text


def _canonical_set(provisions: str) -> str:
    return json.dumps(sorted({json.dumps(each, sort_keys=True) for each in json.loads(provisions or "[]")}))
