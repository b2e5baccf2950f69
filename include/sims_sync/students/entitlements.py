"""Free school meals and SEN provisions (SPEC section 4)."""

from __future__ import annotations

from datetime import date

import pandas as pd

from sims_sync.students.rows import cover, since, with_days
from sims_sync.students.selection import (
    Selection,
    chosen_rows,
    first_of_each_person,
    json_objects,
    left_out_and_nothing_else,
    lists_by,
    warnings_for,
)

_SEN_FIELDS = {
    "provision_type": "value",
    "provision_description": "display",
    "start_date": "startDate",
    "end_date": "endDate",
}


def free_school_meals(periods: pd.DataFrame, effective_date: date) -> Selection:
    """True when some period covers the effective date; a period without a start has always begun.

    :param periods: SIMS's free meals (see ``rows_of_people``).
    :returns: the people for whom it is true. A period without a valid date is left out.
    """
    rows = with_days(periods)
    covering = first_of_each_person(rows[rows["dated"] & cover(rows, effective_date.isoformat())])
    return _selection("free_school_meals", rows, covering.assign(value=True), since(covering["start_date"]))


def sen_information(provisions: pd.DataFrame, effective_date: date) -> Selection:
    """The provisions that cover the effective date likewise, in list order; compared as a set.

    :param provisions: SIMS's SEN provisions (see ``rows_of_people``).
    :returns: the values are JSON lists, in which no provision is twice. A provision without a valid date is left out;
        one with neither type nor description is blank.
    """
    rows = with_days(provisions)
    named = rows["provision_type"].notna() | rows["provision_description"].notna()
    covering = rows[rows["dated"] & named & cover(rows, effective_date.isoformat())]
    covering = covering.drop_duplicates(["person_id", *_SEN_FIELDS])
    objects = json_objects(covering[list(_SEN_FIELDS)].rename(columns=_SEN_FIELDS))
    listed = lists_by(covering["person_id"], objects)
    days = lists_by(covering["person_id"], since(covering["start_date"]))
    taken = pd.DataFrame(
        {
            "person_id": pd.Series(list(listed), dtype="str"),
            "value": pd.Series([f"[{','.join(each)}]" for each in listed.values()], dtype="str"),
        }
    )
    return _selection(
        "sen_information", rows, taken, pd.Series(["; ".join(each) for each in days.values()], dtype="str")
    )


def _selection(column: str, rows: pd.DataFrame, taken: pd.DataFrame, why: pd.Series[str]) -> Selection:
    left_out = rows.loc[~rows["dated"], "person_id"]
    return Selection(
        column=column,
        chosen=chosen_rows(taken, "value", None, why),
        warnings=warnings_for(left_out, "invalid_date"),
        keep=left_out_and_nothing_else(left_out, taken["person_id"]),
    )
