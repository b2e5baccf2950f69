"""The tables of a run as its files hold them; a run of another version may have saved others."""

from __future__ import annotations

import io

import pandas as pd

from sims_sync.model.findings import CODES, FINDING_COLUMNS

_TEXTS = {
    "accounts": ("person_id",),
    "choices": ("person_id", "attribute", "sims_id", "why"),
    "findings": FINDING_COLUMNS,
    "pairs": ("person_id", "school_identifier", "account_id", "account_person_id", "grade", "why"),
    "roll": ("person_id", "school_identifier"),
}
"""The texts that each row of a table has."""


def as_saved(content: bytes) -> pd.DataFrame:
    """A table as a stage saved it.

    :raises ValueError: the file is no table.
    """
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except Exception:  # pyarrow has no one word for what is no Parquet, and its texts may quote a value
        raise ValueError("no Parquet") from None
    if "person_id" in table and table["person_id"].dtype == "Int64":  # as an earlier version saved it
        table["person_id"] = table["person_id"].astype("str")
    return table


def as_looked_at(name: str, table: pd.DataFrame) -> pd.DataFrame | None:
    """A table for those who only look at it; none where it lacks a text, or has a finding whose code nobody knows."""
    columns = _TEXTS.get(name, ())
    if not set(columns) <= set(table.columns):
        return None
    if not all(table[column].dtype == "str" or table[column].isna().all() for column in columns):
        return None
    if name == "findings" and not set(table["code"]) <= set(CODES):
        return None
    return table.astype(dict.fromkeys(columns, "str"))  # a column of nothing has any type
