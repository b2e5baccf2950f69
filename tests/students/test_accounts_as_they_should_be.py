"""SPEC section 3: the account as a whole, and what is said of it."""

from __future__ import annotations

import io

import pandas as pd
from adas_account import COLUMNS, ada, transform
from invented_tables import ADA, ADAS_EMAIL, email, of_ada, period
from pandas.testing import assert_frame_equal

from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.findings import FINDING_COLUMNS


def test_the_columns_of_an_account_are_those_of_the_directorys_attributes() -> None:
    accounts = transform().accounts
    assert accounts.columns.tolist() == ["person_id", *COLUMNS, "keep", "user_name_from_email"]
    assert str(accounts["person_id"].dtype) == "str"
    assert [str(accounts[each.column].dtype) for each in ATTRIBUTES] == [each.kind.dtype for each in ATTRIBUTES]


def test_a_student_of_whom_sims_has_nothing_else_gets_blank_values() -> None:
    account = ada()
    assert account.values == {
        **{each.column: each.kind.nothing for each in ATTRIBUTES},
        "user_name": "004604",
        "given_name": "Ada",
        "family_name": "Archer",
        "home_address": None,
        "home_telephone": None,
        "mobile_telephone": None,
        "home_email": "ada@example.org",
        "work_email": None,
        "school_identifier": "004604",
        "date_of_birth": "2014-05-06",
        "free_school_meals": False,
        "gender": "Female",
        "sen_information": "[]",
        "email_preference": "Personal",
    }
    assert account.keep == []
    assert account.warnings == []
    assert not account.user_name_from_email


def test_accounts_come_in_order_of_person_id_whatever_the_order_of_the_roll() -> None:
    students = [{**ADA, "person_id": each} for each in ("10", "9", "0011")]
    emails = [{**ADAS_EMAIL, "person_id": each} for each in ("9", "10", "11")]
    assert transform(students=students, emails=emails).accounts["person_id"].tolist() == ["9", "10", "11"]


def test_people_who_are_not_students_get_no_account_no_warning_and_no_choice() -> None:
    parent = {"person_id": "77", "location": "H"}
    transformation = transform(
        emails=[ADAS_EMAIL, {**parent, "email_address": "nonsense"}],
        telephones=[{**parent, "number": "01632 960001", "primary": "T"}] * 2,
        free_meals=[{"person_id": "77", "start_date": "nonsense"}],
    )
    assert transformation.accounts["person_id"].tolist() == ["2447"]
    assert transformation.findings.empty
    assert transformation.findings.columns.tolist() == list(FINDING_COLUMNS)
    assert set(transformation.choices["person_id"]) == {"2447"}


def test_a_roll_of_nobody_gives_no_accounts() -> None:
    transformation = transform(students=[], emails=[])
    assert transformation.accounts.empty
    assert transformation.choices.empty


def test_the_frames_come_back_from_parquet_as_they_were() -> None:
    transformation = transform(students=[{**ADA, "gender": "Unspecified"}])
    for frame in (transformation.accounts.drop(columns="keep"), transformation.findings, transformation.choices):
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        assert_frame_equal(pd.read_parquet(buffer), frame)
    buffer = io.BytesIO()
    transformation.accounts.to_parquet(buffer, index=False)
    assert [list(keep) for keep in pd.read_parquet(buffer)["keep"]] == [["gender"]]


def test_a_warning_is_given_once_for_a_person_with_the_admission_number_and_without_a_value() -> None:
    transformation = transform(
        students=[{**ADA, "date_of_birth": "nonsense"}],
        free_meals=of_ada(period("nonsense"), period("nonsense")),
        sen_provisions=of_ada(period("nonsense")),
    )
    assert transformation.findings.drop(columns="detail").to_dict("records") == [
        {"person_id": "2447", "school_identifier": "004604", "stage": "transform", "code": "invalid_date"}
    ]
    assert transformation.findings["detail"].tolist() == ["Date of birth"], "meals and needs are not spoken of"


def test_warnings_never_stop_a_record() -> None:
    account = ada(
        students=[{**ADA, "gender": "?", "date_of_birth": "?"}],
        emails=of_ada(email("1", "H", "?"), email("2", "W"), email("3", "W")),
    )
    assert account.warnings == ["gender_unknown", "invalid_date", "invalid_email", "no_primary_email"]
    assert account["given_name"] == "Ada"
