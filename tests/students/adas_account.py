"""The account that the rules make of the invented student Ada."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
from invented_tables import Row, sims_tables

from sims_sync.changes.on_roll import findings
from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.findings import CODES
from sims_sync.students.identity import match_genders
from sims_sync.students.validation import validate
from sims_sync.students.wanted import Transformation, accounts_as_they_should_be

TODAY = date(2026, 11, 23)
GENDERS = ["Male", "Female"]
COLUMNS = [attribute.column for attribute in ATTRIBUTES]


def transform(
    policy: Any = "admission_number", genders: Sequence[str] | None = GENDERS, **rows: Sequence[Row]
) -> Transformation:
    tables = sims_tables(**rows)
    made = accounts_as_they_should_be(validate(tables).students, tables, effective_date=TODAY, username_policy=policy)
    return with_genders(made, genders)


def with_genders(made: Transformation, genders: Sequence[str] | None) -> Transformation:
    """With the genders of a directory, as they are matched when the plan is made."""
    accounts, unmatched = match_genders(made.accounts, genders)
    return Transformation(
        accounts,
        pd.concat([made.findings, findings(unmatched, "gender_unknown")], ignore_index=True),
        made.choices,
    )


class Ada:
    """Ada's account and what is said of it."""

    def __init__(self, transformation: Transformation) -> None:
        assert transformation.accounts["person_id"].tolist() == ["2447"]
        account = transformation.accounts.iloc[0]
        self.values = {column: None if pd.isna(account[column]) else account[column] for column in COLUMNS}
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
