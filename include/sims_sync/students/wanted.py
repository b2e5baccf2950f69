"""Accounts as they should be: for each student the values that the selection rules take (SPEC sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import pandas as pd

from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.findings import CODES, FINDING_COLUMNS
from sims_sync.model.person import sort_key
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
from sims_sync.students.identity import UserNamePolicy, as_in_the_source, left_as_it_is, user_name
from sims_sync.students.rows import email_rows, rows_of_people
from sims_sync.students.selection import Selection, lists_by, of_all_but

NAMES_RECORDS = "school_identifier"
"""The column by which findings and reports name records, whether it is sent or not."""


@dataclass(frozen=True)
class Transformation:
    """What the rules made of the records that validated.

    :param accounts: one row for each student, in order of Person ID: ``person_id`` (str); a column for each attribute
        in the dtype of its kind; ``keep``, the list of columns whose value here is null because the source's is invalid
        or not known to it, so that the account is left as it is; ``user_name_from_email`` (``boolean``): the policy is
        ``admission_number``, and there was none.
    :param findings: warnings; columns of ``FINDING_COLUMNS``, a row for each person and code.
    :param choices: why the rules took each value, whether it is withheld or not: ``person_id`` (str), ``attribute`` (a
        column of ``accounts``), ``sims_id`` (str, the AddressID, TelephoneID or EmailID of the row; null where it has
        none), ``why`` (str).
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
    attributes: Sequence[Attribute] = ATTRIBUTES,
    unknown: Collection[str] = (),
    withheld: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Transformation:
    """Apply every rule to the students who validated.

    :param students: ``Validation.students``.
    :param tables: those of the source (``sources.source.TABLES``), which may hold people who are not students too.
    :param attributes: the attributes whose values are wanted.
    :param unknown: columns of attributes that the source cannot know: they are left as they are, as are those that are
        taken from a column which its students do not have.
    :param withheld: columns of what is withheld of single students, by Person ID: left as it is, and no user name.
    """
    on_roll = students.sort_values("person_id", key=sort_key, ignore_index=True)
    theirs = {
        name: rows_of_people(table, on_roll["person_id"])
        for name, table in tables.items()
        if name not in ("students", "addresses")
    }
    by_rule = {
        selection.column: selection
        for selection in (
            home_address(person_address_rows(theirs["person_addresses"]), tables["addresses"], effective_date),
            *_contact_selections(on_roll, theirs, username_policy),
            free_school_meals(theirs["free_meals"], effective_date),
            sen_information(theirs["sen_provisions"], effective_date),
        )
    }

    def selection(attribute: Attribute) -> Selection:
        if attribute.column in unknown:
            return left_as_it_is(on_roll, attribute)
        if attribute.taken_from is None:
            return by_rule[attribute.column]
        if attribute.taken_from not in on_roll:
            return left_as_it_is(on_roll, attribute)
        return as_in_the_source(on_roll, attribute)

    selections = {attribute: selection(attribute) for attribute in attributes}
    sent = _sent(on_roll, selections, by_rule, username_policy, withheld)
    return Transformation(
        accounts=_accounts(on_roll, sent, username_policy),
        findings=_findings(on_roll, selections),
        choices=_choices(selections.values()),
    )


def _sent(
    students: pd.DataFrame,
    selections: Mapping[Attribute, Selection],
    by_rule: Mapping[str, Selection],
    username_policy: UserNamePolicy,
    withheld: Mapping[str, Collection[str]],
) -> dict[Attribute, Selection]:
    """What is taken without what is withheld. Records are named by their admission number all the same."""
    if not withheld:
        return dict(selections)
    people = {
        column: [person for person in students["person_id"] if column in withheld.get(person, ())]
        for column in {column for columns in withheld.values() for column in columns}
    }
    personal, work = (of_all_but(by_rule[column], people.get(column, ())) for column in ("home_email", "work_email"))
    numbers = students["admission_number"].mask(students["person_id"].isin(people.get(NAMES_RECORDS, [])))
    emails = the_email_address(by_rule["email_preference"], personal, work)
    given = user_name(students.assign(admission_number=numbers), username_policy, emails)
    return {
        attribute: given
        if attribute.column == given.column
        else of_all_but(selection, people.get(attribute.column, ()), value_stays=attribute.column == NAMES_RECORDS)
        for attribute, selection in selections.items()
    }


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


def _accounts(
    students: pd.DataFrame, selections: Mapping[Attribute, Selection], username_policy: UserNamePolicy
) -> pd.DataFrame:
    ids = students["person_id"]
    columns = {}
    for attribute, selection in selections.items():
        values = selection.chosen.set_index("person_id")["value"].reindex(ids)
        columns[attribute.column] = _complete(values.set_axis(students.index), ids, attribute, selection)
    return pd.DataFrame(
        {
            "person_id": ids,
            **columns,
            "keep": _kept_columns(ids, selections.values()),
            "user_name_from_email": (
                students["admission_number"].isna() & (username_policy == "admission_number")
            ).astype("boolean"),
        }
    )


def _complete(
    values: pd.Series[Any], ids: pd.Series[str], attribute: Attribute, selection: Selection
) -> pd.Series[Any]:
    """The values of one column in its dtype, with what holds for a student of whom the source has nothing."""
    typed: pd.Series[Any] = values.astype(attribute.kind.dtype)
    nothing = attribute.kind.nothing
    return typed if nothing is None else typed.mask(typed.isna() & ~ids.isin(selection.keep), nothing)


def _kept_columns(ids: pd.Series[str], selections: Collection[Selection]) -> pd.Series[Any]:
    pairs = [(person_id, selection.column) for selection in selections for person_id in selection.keep]
    kept = lists_by((person_id for person_id, _ in pairs), (column for _, column in pairs))
    return pd.Series([kept.get(person_id, []) for person_id in ids], index=ids.index, dtype=object)


def _findings(students: pd.DataFrame, selections: Mapping[Attribute, Selection]) -> pd.DataFrame:
    told = pd.concat(
        [
            selection.warnings.assign(detail=attribute.label, special=attribute.special)
            for attribute, selection in selections.items()
        ]
    ).drop_duplicates()
    keys = ["person_id", "code"]
    ordinary = told[~told["special"] & told["code"].isin([code.code for code in CODES.values() if code.names])]
    labels = lists_by(zip(ordinary["person_id"], ordinary["code"], strict=True), ordinary["detail"])
    # What is told to all names no special category; one that stands there is about nothing else.
    warnings = told.sort_values("special", kind="stable").drop_duplicates(keys)
    details = [
        label if special else ", ".join(labels.get((key[0], key[1]), [])) or None
        for *key, label, special in warnings[[*keys, "detail", "special"]].itertuples(index=False, name=None)
    ]
    warnings = warnings[keys].assign(detail=pd.Series(details, index=warnings.index, dtype="str"))
    numbers = students[["person_id", "admission_number"]].rename(columns={"admission_number": "school_identifier"})
    found = warnings.sort_values("person_id", key=sort_key, kind="stable").astype("str")
    found = found.merge(numbers, on="person_id", how="left", validate="many_to_one")
    return found.assign(
        stage=pd.Series("transform", index=found.index, dtype="str"),
    )[list(FINDING_COLUMNS)]


def _choices(selections: Collection[Selection]) -> pd.DataFrame:
    choices = pd.concat(
        [
            selection.chosen.assign(attribute=pd.Series(selection.column, index=selection.chosen.index, dtype="str"))
            for selection in selections
        ]
    ).dropna(subset="why")
    ordered = choices.sort_values("person_id", key=sort_key, kind="stable", ignore_index=True)
    return ordered[["person_id", "attribute", "sims_id", "why"]]
