"""The vectorised rules give what a plain loop over the students gives, on generated schools."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from adas_account import with_genders
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_tables import Row, sims_tables
from plain import PlainAccount, person_id, rejections

from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.students.validation import validate
from sims_sync.students.wanted import accounts_as_they_should_be

TODAY = date(2026, 11, 23)

Pool = Sequence[str | None]
FLAGS: Pool = ["T", "F", "F", "yes", "No", "1", "0", None, "", "?"]
STARTS: Pool = [
    *(None, "2019-09-01", "2025-09-01", "2026-11-22T00:00:00", "2026-11-23T00:00:00", "2026-11-24", "2027-01-01"),
    *("", "2026-02-30T00:00:00", "soon", "0001-01-01T00:00:00", "1899-12-30"),
]
ENDS: Pool = [
    *(None, None, "2026-11-20", "2026-11-21", "2026-11-22T00:00:00", "2026-11-23T00:00:00", "2027-01-01"),
    *("9999-12-31T00:00:00", "2026-11-31", "", "0001-01-01T00:00:00", "0000-00-00"),
]
WORDS: Pool = [None, "", "The Mill", " Flat 2", "Zoë Court", "Zoe\u0308 Court", "\u200b", "7"]
PERSON = None
"""Stands for the Person ID of one of the school's people."""

POOLS: dict[str, dict[str, Pool | None]] = {
    "students": {
        "person_id": PERSON,
        "forename": ["Ada", "Zoë ", "Zoe\u0308\u2060", "Bea", "Cy", "Dot", "Eve", "\ufeff", None],
        "surname": ["Archer", "O'Neil", "Grundy", "Carter", "Aldridge", " "],
        "gender": [None, "Male", "FEMALE ", "other"],
        "date_of_birth": [
            None,
            "2014-05-06T00:00:00",
            "2014-05-06",
            "2014-06-31T00:00:00",
            "May",
            "0001-01-01T00:00:00",
        ],
        "admission_number": [None, "004604", "1 "],
    },
    "addresses": {
        "address_id": ["1", "2", "3", "4", "5", "6", "7", "8", None],
        **dict.fromkeys(("apartment", "house_name", "house_number", "street", "district", "town", "county"), WORDS),
        "postcode": [None, "ab12cd", "sw1a  1aa", "bfpo  57", " "],
        "country": [None, "United Kingdom", "wales", "France"],
    },
    "person_addresses": {
        "person_id": PERSON,
        "address_id": ["1", "2", "3", "4", "5", "6", "7", "8", "99", None],
        "start_date": STARTS,
        "end_date": ENDS,
        "address_type": ["H", "H", "H", "H", "W", None],
    },
    "telephones": {
        "person_id": PERSON,
        "telephone_id": ["1", "2", "3", "4", "5"],
        "location": ["H", "M", "H", "M", "W", None],
        "device": [None, "Telephone", "Fax", "text phone", "T", "Pager"],
        "number": ["01632 960001", "07700 900001", " 07700 900002", "01632 960003", None, " "],
        "main": FLAGS,
        "primary": FLAGS,
    },
    "emails": {
        "person_id": PERSON,
        "email_id": ["1", "2", "3", "4", "5"],
        "location": ["H", "W", "H", "W", "H", "W", "O", None],
        "email_address": [
            *("a@example.org", " b@example.org", "c@example.org", "d@example.org", "e@example.org"),
            *(None, " ", "a@b@example.org", "d@example", "e f@example.org"),
            *("\u200bf@example.org", "g\u00ad@example.org", "h@example.org\u00a0"),
        ],
        "main": FLAGS,
        "primary": FLAGS,
    },
    "sen_provisions": {
        "person_id": PERSON,
        "provision_type": ["K", "E", None],
        "provision_description": ["Support", None],
        "start_date": STARTS,
        "end_date": ENDS,
    },
    "free_meals": {"person_id": PERSON, "start_date": STARTS, "end_date": ENDS},
}


def test_every_rule_has_a_plain_version() -> None:
    school = generated_school(seed=1, size=1)
    plain = PlainAccount(school["students"][0], school, TODAY, "email", None)
    assert {each.column for each in ATTRIBUTES if each.taken_from is None} <= set(plain.values)


def generated_school(seed: int, size: int) -> dict[str, list[Row]]:
    """A school of that many students, most with several rows of each kind; some share a Person ID, some have none."""
    draw = np.random.default_rng(seed)
    people: Pool = [str(number) for number in range(1, size + 1)]
    of_students: Pool = [*people[: size - size // 9], *["01", None, "x", "2"][: size // 9]]
    counts = {"students": size, "addresses": 8, "emails": 4 * size}
    school: dict[str, list[Row]] = {}
    for table, pools in POOLS.items():
        columns = {
            column: draw.choice(np.array(people if pool is PERSON else pool, dtype=object), counts.get(table, 3 * size))
            for column, pool in pools.items()
        }
        if table == "students":
            columns["person_id"] = of_students
        school[table] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return school


bounded = settings(max_examples=20, deadline=None)
seeds, sizes = st.integers(0, 2**32), st.integers(1, 40)


@bounded
@given(seed=seeds, size=sizes)
def test_the_records_that_are_rejected_are_those_of_the_plain_version(seed: int, size: int) -> None:
    school = generated_school(seed, size)
    validation = validate(sims_tables(**school))
    expected = rejections(school["students"], school["emails"])
    found = [(None if pd.isna(row.person_id) else row.person_id, row.code) for row in validation.findings.itertuples()]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    stopped = {rejected for rejected, _ in expected}
    accepted = [own for row in school["students"] if (own := person_id(row)) not in stopped]
    assert validation.students["person_id"].tolist() == accepted
    assert len(validation.roll) == len(school["students"])


@bounded
@given(
    seed=seeds,
    size=sizes,
    policy=st.sampled_from(["admission_number", "email"]),
    genders=st.sampled_from([None, ["male", "Female"], []]),
)
def test_the_values_that_are_taken_are_those_of_the_plain_version(
    seed: int, size: int, policy: Any, genders: list[str] | None
) -> None:
    school = generated_school(seed, size)
    tables = sims_tables(**school)
    students = validate(tables).students
    made = accounts_as_they_should_be(students, tables, effective_date=TODAY, username_policy=policy)
    transformation = with_genders(made, genders)
    accounts = transformation.accounts.set_index("person_id")
    assert accounts.index.tolist() == sorted(students["person_id"], key=int)
    validated = [row for row in school["students"] if person_id(row) in accounts.index]
    for plain in (PlainAccount(row, school, TODAY, policy, genders) for row in validated):
        account = accounts.loc[plain.id]
        taken = {column: None if pd.isna(account[column]) else account[column] for column in plain.values}
        assert taken == plain.values
        assert set(account["keep"]) == plain.keep
        assert account["user_name_from_email"] == plain.user_name_from_email
        findings = transformation.findings
        assert sorted(findings.loc[findings["person_id"] == plain.id, "code"]) == sorted(plain.warnings)
        choices = transformation.choices[transformation.choices["person_id"] == plain.id].set_index("attribute")
        assert {column: choices.loc[column, "why"] for column in plain.why} == plain.why
        ids = choices.loc[list(plain.sims_ids), "sims_id"]
        assert {column: None if pd.isna(each) else each for column, each in ids.items()} == plain.sims_ids
