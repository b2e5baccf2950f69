"""The vectorised rules give what a plain loop over the students gives, on generated schools."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented_tables import COLUMNS, Row, sims_tables
from plain import PlainAccount, person_id, rejections

from sims_sync.students.accounts import ACCOUNT_COLUMNS, accounts_as_they_should_be
from sims_sync.students.validation import validate

TODAY = date(2026, 11, 23)

people = st.sampled_from(["1", "2", "3", "03", "4", "77"])
days = st.sampled_from(
    [
        None,
        "",
        "2019-09-01T00:00:00",
        "2025-09-01",
        "2026-11-22T00:00:00",
        "2026-11-23T00:00:00",
        "2026-11-24T00:00:00",
        "2027-01-01",
        "9999-12-31T00:00:00",
        "2026-02-30T00:00:00",
        "soon",
    ]
)
dates = st.sampled_from([None, "2019-09-01", "2025-09-01", "2026-11-23", "2026-11-24", "2027-01-01"])
late_dates = st.sampled_from([None, None, "2026-11-21", "2026-11-22", "2026-11-23", "2027-01-01"])
set_or_not = st.sampled_from(["T", "F"])
flags = st.sampled_from([None, "", "T", "F", "yes", "No", "1", "0", "?"])
email_addresses = st.sampled_from(
    [
        None,
        " ",
        "a@example.org",
        " b@example.org",
        "c@example.org",
        "a@b@example.org",
        "d@example",
        "e f@example.org",
        "x",
    ]
)
words = st.sampled_from([None, "", "Ada", " Bea ", "Zoë"])


def rows(size: int, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.fixed_dictionaries(columns), max_size=size)


def many(kind: st.SearchStrategy[Any], likely: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(likely, likely, likely, kind)


numbered = st.integers(1, 99).map(str)
schools = st.fixed_dictionaries(
    {
        "students": rows(
            6,
            person_id=st.sampled_from(["1", "2", "3", "4", "5", "6", "03", None, "x"]),
            forename=st.sampled_from(["Ada", "Zoë ", "Bea", None]),
            surname=st.sampled_from(["Archer", "O'Neil", "Grundy", " "]),
            gender=st.sampled_from([None, "Male", "FEMALE ", "other"]),
            date_of_birth=st.sampled_from([None, "2014-05-06T00:00:00", "2014-05-06", "2014-06-31T00:00:00", "May"]),
            admission_number=st.sampled_from([None, "004604", "1 "]),
        ),
        "addresses": rows(
            5,
            address_id=st.sampled_from(["1", "2", "3", "4", None]),
            **dict.fromkeys(("apartment", "house_name", "house_number", "street", "town"), words),
            postcode=st.sampled_from([None, "ab12cd", "sw1a  1aa", "bfpo  57", " "]),
            country=st.sampled_from([None, "United Kingdom", "wales", "France"]),
        ),
        "person_addresses": rows(
            14,
            person_id=people,
            address_id=st.sampled_from(["1", "2", "3", "4", "99", None]),
            start_date=days,
            end_date=days,
            address_type=st.sampled_from(["H", "H", "H", "W", None]),
        ),
        "telephones": rows(
            14,
            person_id=people,
            telephone_id=numbered,
            location=st.sampled_from(["H", "M", "W", None]),
            number=st.sampled_from([None, " ", "01632 960001", "07700 900001", " 07700 900002"]),
            main=flags,
            primary=flags,
        ),
        "emails": rows(
            16,
            person_id=people,
            email_id=numbered,
            location=st.sampled_from(["H", "W", "H", "W", "O", None]),
            email_address=email_addresses,
            main=flags,
            primary=flags,
        ),
        "sen_provisions": rows(
            10,
            person_id=people,
            provision_type=st.sampled_from(["K", "E", None]),
            provision_description=st.sampled_from(["Support", None]),
            start_date=days,
            end_date=days,
        ),
        "free_meals": rows(8, person_id=people, start_date=days, end_date=days),
    }
)

bounded = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@bounded
@given(schools)
def test_the_records_that_are_rejected_are_those_of_the_plain_version(school: dict[str, list[Row]]) -> None:
    validation = validate(sims_tables(**school))
    expected = rejections(school["students"], school["emails"])
    found = [
        (None if pd.isna(row.person_id) else int(row.person_id), row.code) for row in validation.findings.itertuples()
    ]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    stopped = {rejected for rejected, _ in expected}
    accepted = [own for row in school["students"] if (own := person_id(row)) not in stopped]
    assert validation.students["person_id"].tolist() == accepted
    assert len(validation.roll) == len(school["students"])


@bounded
@given(
    school=schools,
    policy=st.sampled_from(["admission_number", "email"]),
    genders=st.sampled_from([None, ["male", "Female"], []]),
)
def test_the_values_that_are_taken_are_those_of_the_plain_version(
    school: dict[str, list[Row]], policy: Any, genders: list[str] | None
) -> None:
    assert_as_plain(school, policy, genders)


CROWD = [str(number) for number in range(1, 13)]
likely_columns: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "person_addresses": {
        "address_id": many(st.sampled_from(["99", None]), st.sampled_from(["1", "2", "3", "4"])),
        "start_date": many(days, dates),
        "end_date": many(days, late_dates),
        "address_type": many(st.just("W"), st.just("H")),
    },
    "telephones": {
        "telephone_id": numbered,
        "location": st.sampled_from(["H", "M"]),
        "number": many(st.just(" "), numbered),
        "main": set_or_not,
        "primary": set_or_not,
    },
    "emails": {
        "email_id": numbered,
        "location": many(st.just("O"), st.sampled_from(["H", "W"])),
        "email_address": many(email_addresses, numbered.map("s{}@example.org".format)),
        "main": set_or_not,
        "primary": set_or_not,
    },
    "sen_provisions": {
        "provision_type": st.sampled_from(["K", "E", None]),
        "provision_description": st.sampled_from(["Support", None]),
        "start_date": many(days, dates),
        "end_date": many(days, late_dates),
    },
    "free_meals": {"start_date": many(days, dates), "end_date": many(days, dates)},
}


def many_rows(table: str) -> st.SearchStrategy[list[Row]]:
    row = st.fixed_dictionaries({"person_id": st.sampled_from(CROWD), **likely_columns[table]})
    return st.lists(row, min_size=20, max_size=40)


@settings(bounded, max_examples=20)
@given(drawn=st.fixed_dictionaries({table: many_rows(table) for table in likely_columns}))
def test_the_values_that_are_taken_of_many_competing_rows_are_those_of_the_plain_version(
    drawn: dict[str, list[Row]],
) -> None:
    usable = {"email_id": "1", "location": "W", "email_address": "w@example.org"}
    school = {
        **drawn,
        "students": [{"person_id": each, "forename": "Ada", "surname": "Archer"} for each in CROWD],
        "addresses": [{"address_id": each, "town": f"Town {each}"} for each in ("1", "2", "3")],
        "emails": [*drawn["emails"], *({"person_id": each, **usable} for each in CROWD)],
    }
    assert_as_plain(school, "email", None)


def assert_as_plain(school: dict[str, list[Row]], policy: Any, genders: list[str] | None) -> None:
    school = {name: school.get(name, []) for name in COLUMNS}
    tables = sims_tables(**school)
    students = validate(tables).students
    transformation = accounts_as_they_should_be(
        students, tables, effective_date=TODAY, username_policy=policy, genders=genders
    )
    accounts = transformation.accounts.set_index("person_id")
    assert accounts.index.tolist() == sorted(students["person_id"])
    validated = [row for row in school["students"] if person_id(row) in accounts.index]
    for plain in (PlainAccount(row, school, TODAY, policy, genders) for row in validated):
        account = accounts.loc[plain.id]
        taken = {column: None if pd.isna(account[column]) else account[column] for column in ACCOUNT_COLUMNS}
        assert taken == plain.values
        assert set(account["keep"]) == plain.keep
        assert account["user_name_from_email"] == plain.user_name_from_email
        findings = transformation.findings
        assert sorted(findings.loc[findings["person_id"] == plain.id, "code"]) == sorted(plain.warnings)
        choices = transformation.choices[transformation.choices["person_id"] == plain.id].set_index("attribute")
        assert {column: choices.loc[column, "why"] for column in plain.why} == plain.why
        ids = choices.loc[list(plain.sims_ids), "sims_id"]
        assert {column: None if pd.isna(each) else each for column, each in ids.items()} == plain.sims_ids
