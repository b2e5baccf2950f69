"""SIMS's tables, written row by row. All people, addresses and numbers are invented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sims_sync.model.person import NUMBER
from sims_sync.sources.sims.operations import OPERATIONS
from sims_sync.sources.source import owed

COLUMNS = {operation.table: tuple(operation.columns.values()) for operation in OPERATIONS}

Row = Mapping[str, str | None]

ADA: Row = {
    "person_id": "2447",
    "forename": "Ada",
    "surname": "Archer",
    "gender": "Female",
    "date_of_birth": "2014-05-06T00:00:00",
    "admission_number": "004604",
}
ADAS_EMAIL: Row = {
    "person_id": "2447",
    "email_id": "1",
    "location": "H",
    "email_address": "ada@example.org",
    "primary": "T",
}


def sims_tables(**rows: Sequence[Row]) -> dict[str, pd.DataFrame]:
    """The seven tables; without further words the student Ada with one Primary email of type H."""
    given: dict[str, Sequence[Row]] = {"students": [ADA], "emails": [ADAS_EMAIL], **rows}
    tables = {
        name: pd.DataFrame(
            [{column: row.get(column) for column in columns} for row in given.get(name, ())], columns=list(columns)
        ).astype("str")
        for name, columns in COLUMNS.items()
    }
    return owed(tables, NUMBER)


def of_ada(*rows: Row) -> list[Row]:
    """These rows as Ada's."""
    return [{"person_id": "2447", **row} for row in rows]


def email(email_id: str, location: str, value: str | None = None, **marks: str) -> Row:
    """A row of emails; without further words its address is one of example.org."""
    address = f"mail{email_id}@example.org" if value is None else value
    return {"email_id": email_id, "location": location, "email_address": address, **marks}


def period(start: str | None = None, end: str | None = None, **fields: str) -> Row:
    """A row of meals or SEN provisions."""
    return {"start_date": start, "end_date": end, **fields}
