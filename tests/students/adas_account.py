"""The account that the rules make of the invented student Ada."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
from invented_tables import Row, sims_tables

from sims_sync.findings import CODES
from sims_sync.students.accounts import ACCOUNT_COLUMNS, Transformation, accounts_as_they_should_be
from sims_sync.students.validation import validate

TODAY = date(2026, 11, 23)
GENDERS = ["Male", "Female"]


def transform(
    policy: Any = "admission_number", genders: Sequence[str] | None = GENDERS, **rows: Sequence[Row]
) -> Transformation:
    tables = sims_tables(**rows)
    return accounts_as_they_should_be(
        validate(tables).students, tables, effective_date=TODAY, username_policy=policy, genders=genders
    )


class Ada:
    """Ada's account and what is said of it."""

    def __init__(self, transformation: Transformation) -> None:
        assert transformation.accounts["person_id"].tolist() == [2447]
        account = transformation.accounts.iloc[0]
        self.values = {column: None if pd.isna(account[column]) else account[column] for column in ACCOUNT_COLUMNS}
        self.keep = list(account["keep"])
        self.user_name_from_email = bool(account["user_name_from_email"])
        self.warnings = sorted(transformation.findings["code"])
        self.why = {row.attribute: row.why for row in transformation.choices.itertuples()}
        self.sims_ids = {
            row.attribute: row.sims_id for row in transformation.choices.itertuples() if isinstance(row.sims_id, str)
        }
        assert set(self.warnings) <= {code.code for code in CODES.values() if not code.stops}

    def __getitem__(self, column: str) -> Any:
        value = self.values[column]
        if column == "free_school_meals" and value is not None:
            return bool(value)
        return json.loads(value) if value and column in ("home_address", "sen_information") else value


def ada(policy: Any = "admission_number", genders: Sequence[str] | None = GENDERS, **rows: Sequence[Row]) -> Ada:
    return Ada(transform(policy, genders, **rows))
