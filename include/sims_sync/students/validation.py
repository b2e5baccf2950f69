"""Which records are imported, and who is on roll (SPEC sections 2 and 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.model.person import sort_key
from sims_sync.students.rows import email_rows, rows_of_people, trimmed

_DUPLICATE = "is_duplicate"
_MISSING = "is_missing"
_NULL = "not_nullable"  # pandera's own name of that check

_HELD = pa.Check(lambda held: held.astype(bool), name=_MISSING, ignore_na=True)
_RECORD = pa.DataFrameSchema(
    {
        "person_id": pa.Column(
            checks=pa.Check(lambda ids: ~ids.duplicated(keep=False), name=_DUPLICATE, ignore_na=True)
        ),
        "forename": pa.Column(),
        "surname": pa.Column(),
        "has_email": pa.Column("boolean", _HELD, nullable=True),
        "has_usable_email": pa.Column("boolean", _HELD, nullable=True),
    }
)

_CODES = {
    ("person_id", _NULL): "no_person_id",
    ("person_id", _DUPLICATE): "duplicate_person",
    ("forename", _NULL): "no_forename",
    ("surname", _NULL): "no_surname",
    ("has_email", _MISSING): "no_email",
    ("has_usable_email", _MISSING): "email_not_usable",
}

_SPECIAL = {table for attribute in ATTRIBUTES if attribute.special for table in attribute.tables}
_LABELS = {
    table: ", ".join(each.label for each in ATTRIBUTES if table in each.tables and each.written == "always")
    for table in {table for attribute in ATTRIBUTES for table in attribute.tables}
}
"""What the values are called that are taken from a table beside that of the students."""


_ROLL = ["person_id", "school_identifier", "year_group"]


@dataclass(frozen=True)
class Validation:
    """The extract, told apart.

    :param students: the records that validated, in the order of the document: the columns of the source's students
        (``str``, trimmed).
    :param roll: who is on roll: one row for each student of the extract, validated or not: ``person_id`` (str, null
        where the source sent none that is valid), ``school_identifier`` (str, the admission number), ``year_group``
        (str, null where the source has none).
    :param roll_emails: every email address of those on roll, usable or not: ``person_id`` (str), ``email`` (str).
    :param findings: why the other records were rejected, and warnings; columns of ``FINDING_COLUMNS``, a row for each
        person and code.
    """

    students: pd.DataFrame
    roll: pd.DataFrame
    roll_emails: pd.DataFrame
    findings: pd.DataFrame


def validate(
    tables: Mapping[str, pd.DataFrame],
    *,
    spoilt: pd.DataFrame | None = None,
    only_person_ids: frozenset[str] | None = None,
) -> Validation:
    """Check all records in one pass, each for everything that can be wrong with it.

    A rejected record does not stop the rest, and a rejected student is still a student: on roll is the extract.

    :param tables: those of the source (``sources.source.TABLES``); read are ``students`` and ``emails``.
    :param spoilt: of whose rows characters were dropped: ``person_id``, ``table``.
    :param only_person_ids: these students alone are returned.
    """
    students = trimmed(tables["students"])
    emails = email_rows(rows_of_people(tables["emails"]))
    findings = _findings(students, emails)
    accepted = students[~students.index.isin(findings.index)]
    roll = students.rename(columns={"admission_number": "school_identifier"}).reindex(columns=_ROLL).astype("str")
    roll_emails = emails.loc[emails["person_id"].isin(roll["person_id"].dropna()), ["person_id", "email_address"]]
    return Validation(
        students=_only(accepted, only_person_ids),
        roll=_only(roll, only_person_ids),
        roll_emails=_only(roll_emails.rename(columns={"email_address": "email"}), only_person_ids),
        findings=_only(
            pd.concat([_one_for_each_person(findings), *_dropped(spoilt, roll)], ignore_index=True), only_person_ids
        ),
    )


def _dropped(spoilt: pd.DataFrame | None, roll: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """A warning for each person of whose rows characters were dropped, which names the values; a special category only
    where it is about that alone."""
    if spoilt is None or spoilt.empty:
        return
    numbers = roll.dropna(subset="person_id").drop_duplicates("person_id").set_index("person_id")["school_identifier"]
    is_special = spoilt["table"].isin(_SPECIAL)
    others = spoilt[~is_special]
    alone = spoilt[is_special & ~spoilt["person_id"].isin(others["person_id"])].drop_duplicates("person_id")
    told = pd.concat([others, alone])
    named = told.assign(detail=told["table"].map(_LABELS)).dropna().drop_duplicates(["person_id", "detail"])
    rows = told[["person_id"]].drop_duplicates()
    rows = rows.assign(
        school_identifier=rows["person_id"].map(numbers),
        stage="validate",
        code="invalid_character",
        detail=rows["person_id"].map(named.groupby("person_id")["detail"].agg(", ".join)),
    ).astype("str")
    yield rows.sort_values("person_id", key=sort_key, kind="stable")[list(FINDING_COLUMNS)]


def _findings(students: pd.DataFrame, emails: pd.DataFrame) -> pd.DataFrame:
    """One finding for each code of each record; the index is that of the record."""
    failures = _failures(_with_emails(students, emails))
    records = students.loc[failures["index"]]
    return pd.DataFrame(
        {
            "person_id": records["person_id"],
            "school_identifier": records["admission_number"],
            "stage": pd.Series("validate", index=records.index, dtype="str"),
            "code": failures["code"].set_axis(records.index).astype("str"),
            "detail": pd.Series(None, index=records.index, dtype="str"),
        },
        columns=list(FINDING_COLUMNS),
    )


def _with_emails(students: pd.DataFrame, emails: pd.DataFrame) -> pd.DataFrame:
    """The records with ``has_email`` and ``has_usable_email``; null where nobody can tell or it need not be said."""
    ids = students["person_id"]
    has_email = ids.isin(emails["person_id"]).astype("boolean").mask(ids.isna())
    has_usable = ids.isin(emails.loc[emails["usable"], "person_id"]).astype("boolean").mask(~has_email.fillna(False))
    return students.assign(has_email=has_email, has_usable_email=has_usable)


def _failures(records: pd.DataFrame) -> pd.DataFrame:
    """``index`` and ``code`` of every failure, in the order of the records."""
    try:
        _RECORD.validate(records, lazy=True)
    except pa.errors.SchemaErrors as errors:
        # The error itself is never shown or chained: its text holds the values that failed.
        cases = errors.failure_cases[["column", "check", "index"]]
    else:
        return pd.DataFrame({"index": pd.Series(dtype="int64"), "code": pd.Series(dtype="str")})
    codes = pd.Series(_CODES, name="code").rename_axis(["column", "check"]).reset_index()
    named = cases.merge(codes, on=["column", "check"], how="left", validate="many_to_one")
    in_order: pd.DataFrame = named.astype({"index": "int64"}).sort_values("index", kind="stable", ignore_index=True)
    return in_order[["index", "code"]]


def _one_for_each_person(findings: pd.DataFrame) -> pd.DataFrame:
    """A person who came twice is listed once; records without a Person ID are each somebody's."""
    repeated = findings["person_id"].notna() & findings.duplicated(["person_id", "code"])
    return findings[~repeated]


def _only(rows: pd.DataFrame, wanted: frozenset[str] | None) -> pd.DataFrame:
    kept = rows if wanted is None else rows[rows["person_id"].isin(wanted)]
    return kept.reset_index(drop=True)
