"""Accounts as they should be: for each student the values that the selection rules take (SPEC sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from sims_sync.findings import FINDING_COLUMNS
from sims_sync.students.addresses import home_address, person_address_rows
from sims_sync.students.contacts import (
    home_telephone,
    mobile_telephone,
    personal_email,
    preferred_email_type,
    telephone_rows,
    the_email_address,
    work_email,
)
from sims_sync.students.entitlements import free_school_meals, sen_information
from sims_sync.students.identity import UserNamePolicy, date_of_birth, match_gender, user_name
from sims_sync.students.rows import email_rows, rows_of_people
from sims_sync.students.selection import Selection, lists_by_person

ACCOUNT_COLUMNS = (
    "user_name",
    "given_name",
    "family_name",
    "home_address",
    "home_telephone",
    "mobile_telephone",
    "home_email",
    "work_email",
    "school_identifier",
    "date_of_birth",
    "free_school_meals",
    "gender",
    "sen_information",
    "email_preference",
)
"""The attributes of an account that the rules fill, by the columns that the directory's tables have too."""

_TAKEN_AS_THEY_ARE = {"given_name": "forename", "family_name": "surname", "school_identifier": "admission_number"}
_OF_NOTHING = {"free_school_meals": False, "sen_information": "[]"}
"""What holds for a student of whom SIMS has no such rows; of the other attributes, null."""


@dataclass(frozen=True)
class Transformation:
    """What the rules made of the records that validated.

    :param accounts: one row for each student, in order of Person ID: ``person_id`` Int64; :data:`ACCOUNT_COLUMNS`,
        all ``str`` (null means blank) but ``free_school_meals`` (``boolean``), ``home_address`` a JSON object,
        ``sen_information`` a JSON list (``[]`` when there is none), ``date_of_birth`` an ISO day; ``keep``, the list
        of columns whose value here is null because SIMS's is invalid or has no match, so that the account is left as
        it is; ``user_name_from_email`` (``boolean``): the policy is ``admission_number``, and there was none.
    :param findings: warnings; columns of ``FINDING_COLUMNS``, a row for each person and code.
    :param choices: why each value was taken: ``person_id`` Int64, ``attribute`` (a column of ``accounts``),
        ``sims_id`` (str, the AddressID, TelephoneID or EmailID of the row; null where it has none), ``why`` (str).
    """

    accounts: pd.DataFrame
    findings: pd.DataFrame
    choices: pd.DataFrame


def accounts_as_they_should_be(
    students: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    effective_date: date,
    username_policy: UserNamePolicy,
    genders: Sequence[str] | None,
) -> Transformation:
    """Apply every rule to the students who validated.

    :param students: ``Validation.students``.
    :param tables: SIMS's text tables, which also hold people who are not students.
    :param genders: those that the directory declares, or the school's configured list, or none.
    """
    on_roll = students.sort_values("person_id", ignore_index=True)
    theirs = {
        name: rows_of_people(table, on_roll["person_id"])
        for name, table in tables.items()
        if name not in ("students", "addresses")
    }
    selections = [
        home_address(person_address_rows(theirs["person_addresses"]), tables["addresses"], effective_date),
        *_contact_selections(on_roll, theirs, username_policy),
        date_of_birth(on_roll),
        free_school_meals(theirs["free_meals"], effective_date),
        match_gender(on_roll, genders),
        sen_information(theirs["sen_provisions"], effective_date),
    ]
    by_column = {selection.column: selection for selection in selections}
    ordered = [by_column[column] for column in ACCOUNT_COLUMNS if column in by_column]
    return Transformation(
        accounts=_accounts(on_roll, ordered, username_policy),
        findings=_findings(on_roll, ordered),
        choices=_choices(ordered),
    )


def _contact_selections(
    students: pd.DataFrame, tables: Mapping[str, pd.DataFrame], username_policy: UserNamePolicy
) -> list[Selection]:
    telephones, emails = telephone_rows(tables["telephones"]), email_rows(tables["emails"])
    personal, work, preference = personal_email(emails), work_email(emails), preferred_email_type(emails)
    return [
        user_name(students, username_policy, the_email_address(preference, personal, work)),
        home_telephone(telephones),
        mobile_telephone(telephones),
        personal,
        work,
        preference,
    ]


def _accounts(students: pd.DataFrame, selections: Sequence[Selection], username_policy: UserNamePolicy) -> pd.DataFrame:
    ids = students["person_id"]
    columns = {column: students[source] for column, source in _TAKEN_AS_THEY_ARE.items()}
    for selection in selections:
        values = selection.chosen.set_index("person_id")["value"].reindex(ids.to_numpy("int64"))
        columns[selection.column] = _complete(values.set_axis(students.index), ids, selection)
    return pd.DataFrame(
        {
            "person_id": ids,
            **{column: columns[column] for column in ACCOUNT_COLUMNS},
            "keep": _kept_columns(ids, selections),
            "user_name_from_email": (
                students["admission_number"].isna() & (username_policy == "admission_number")
            ).astype("boolean"),
        }
    )


def _complete(values: pd.Series[Any], ids: pd.Series[int], selection: Selection) -> pd.Series[Any]:
    """The values of one column in its dtype, with what holds for a student of whom SIMS has no row."""
    typed = values.astype("boolean" if selection.column == "free_school_meals" else "str")
    of_nothing = _OF_NOTHING.get(selection.column)
    return typed if of_nothing is None else typed.mask(typed.isna() & ~ids.isin(selection.keep), of_nothing)


def _kept_columns(ids: pd.Series[int], selections: Sequence[Selection]) -> pd.Series[Any]:
    pairs = [(person_id, selection.column) for selection in selections for person_id in selection.keep]
    kept = lists_by_person((person_id for person_id, _ in pairs), (column for _, column in pairs))
    return pd.Series([kept.get(person_id, []) for person_id in ids], index=ids.index, dtype=object)


def _findings(students: pd.DataFrame, selections: Sequence[Selection]) -> pd.DataFrame:
    warnings = pd.concat([selection.warnings for selection in selections]).drop_duplicates()
    numbers = students[["person_id", "admission_number"]].rename(columns={"admission_number": "school_identifier"})
    found = warnings.sort_values("person_id", kind="stable").astype({"person_id": "Int64", "code": "str"})
    found = found.merge(numbers, on="person_id", how="left", validate="many_to_one")
    return found.assign(
        stage=pd.Series("transform", index=found.index, dtype="str"),
        detail=pd.Series(None, index=found.index, dtype="str"),
    )[list(FINDING_COLUMNS)]


def _choices(selections: Sequence[Selection]) -> pd.DataFrame:
    choices = pd.concat(
        [
            selection.chosen.assign(attribute=pd.Series(selection.column, index=selection.chosen.index, dtype="str"))
            for selection in selections
        ]
    ).dropna(subset="why")
    ordered = choices.sort_values("person_id", kind="stable", ignore_index=True)
    return ordered[["person_id", "attribute", "sims_id", "why"]].astype({"person_id": "Int64"})
