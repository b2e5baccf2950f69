"""What every selection rule gives back, and how one row of several is taken (SPEC section 4)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pandas as pd

K = TypeVar("K", bound=Hashable)


def _no_warnings() -> pd.DataFrame:
    return pd.DataFrame({"person_id": pd.Series(dtype="str"), "code": pd.Series(dtype="str")})


@dataclass(frozen=True)
class Selection:
    """What a rule took for one attribute.

    :param column: the column of the account tables.
    :param chosen: one row for each person who has a value: ``person_id`` (str), ``value``, ``sims_id`` (str, the id
        of the SIMS row that it came from, null where it has none), ``why`` (str, null where there was nothing to
        choose).
    :param warnings: ``person_id`` (str) and ``code`` of ``sims_sync.model.findings``; may hold a pair twice.
    :param keep: Person IDs whose account is left as it is: what SIMS holds is invalid or has no match, which is not
        blank.
    """

    column: str
    chosen: pd.DataFrame
    warnings: pd.DataFrame = field(default_factory=_no_warnings)
    keep: frozenset[str] = frozenset()


def of_all_but(selection: Selection, people: Collection[str], *, value_stays: bool = False) -> Selection:
    """The selection without what it took for some people: their accounts are left as they are.

    :param value_stays: whether the value itself is needed all the same.
    """
    theirs = selection.chosen["person_id"].isin(list(people))
    return replace(
        selection,
        chosen=selection.chosen if value_stays else selection.chosen[~theirs],
        keep=selection.keep.union(people),
    )


def chosen_rows(rows: pd.DataFrame, value: str, sims_id: str | None, why: pd.Series[str] | str | None) -> pd.DataFrame:
    """Rows that were taken, as :attr:`Selection.chosen`.

    :param value: the column of the value.
    :param sims_id: the column of the SIMS id, if the rows have one.
    """
    missing = pd.Series(None, index=rows.index, dtype="str")
    return pd.DataFrame(
        {
            "person_id": rows["person_id"].astype("str"),
            "value": rows[value],
            "sims_id": missing if sims_id is None else rows[sims_id],
            "why": missing if why is None else pd.Series(why, index=rows.index, dtype="str"),
        }
    )


def first_of_each_person(rows: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Of each person the row that comes first by these columns; of several such rows the first in the list.

    :param rows: in list order, with ``person_id``.
    :param keys: numeric columns, the weightiest first.
    :returns: the people in the order in which they first come.
    """
    people = pd.factorize(rows["person_id"])[0]
    order = np.lexsort([*(rows[key].to_numpy() for key in reversed(keys)), people])
    return rows.iloc[order].drop_duplicates("person_id")


def warnings_for(person_ids: pd.Series[str], code: str) -> pd.DataFrame:
    """One warning for each of these people, as :attr:`Selection.warnings`."""
    return pd.DataFrame({"person_id": person_ids.drop_duplicates().astype("str")}).assign(
        code=pd.Series(code, index=person_ids.index, dtype="str")
    )


def left_out_and_nothing_else(left_out: pd.Series[str], taken: pd.Series[str]) -> frozenset[str]:
    """The Person IDs with something that had to be left out and nothing that could be taken."""
    return frozenset(left_out[~left_out.isin(taken)].tolist())


def lists_by(keys: Iterable[K], values: Iterable[str]) -> dict[K, list[str]]:
    """The values of each key in their order. (A group-wise ``agg`` calls back for each, 20 times as slow.)"""
    lists: dict[K, list[str]] = defaultdict(list)
    for key, value in zip(keys, values, strict=True):
        lists[key].append(value)
    return dict(lists)


def json_objects(parts: pd.DataFrame) -> pd.Series[str]:
    """Each row as a JSON object of its columns that are not blank; equal rows give equal text."""
    objects = [
        json.dumps(
            {name: part for name, part in zip(parts.columns, row, strict=True) if isinstance(part, str)},
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        for row in parts.itertuples(index=False, name=None)
    ]
    return pd.Series(objects, index=parts.index, dtype="str")
