"""SPEC section 4: user name, gender and date of birth."""

from __future__ import annotations

import pytest
from adas_account import ada
from invented_tables import ADA, email, of_ada


def test_the_user_name_is_the_admission_number_where_that_is_the_policy() -> None:
    account = ada()
    assert account["user_name"] == "004604"
    assert account.why["user_name"] == "admission number"


def test_with_admission_number_a_student_without_one_gets_the_email_address_instead() -> None:
    account = ada(students=[{**ADA, "admission_number": None}])
    assert account["user_name"] == "ada@example.org"
    assert account.user_name_from_email
    assert account["school_identifier"] is None


@pytest.mark.parametrize("admission_number", ["004604", None])
def test_the_user_name_is_the_email_address_where_that_is_the_policy(admission_number: str | None) -> None:
    account = ada("email", students=[{**ADA, "admission_number": admission_number}])
    assert account["user_name"] == "ada@example.org"
    assert not account.user_name_from_email


def test_the_email_address_is_the_one_of_the_preferred_type() -> None:
    account = ada("email", emails=of_ada(email("1", "H"), email("2", "W", primary="T")))
    assert account["user_name"] == "mail2@example.org"
    assert account.sims_ids["user_name"] == "2"


def test_else_the_email_address_of_the_other_type() -> None:
    account = ada("email", emails=of_ada(email("1", "W")))
    assert account["email_preference"] == "Personal"
    assert account["user_name"] == "mail1@example.org"


@pytest.mark.parametrize("word", ["Female", "female", " FEMALE "])
def test_the_gender_is_the_directorys_own_whose_name_equals_that_of_sims(word: str) -> None:
    account = ada(genders=["Male", "Female"], students=[{**ADA, "gender": word}])
    assert account["gender"] == "Female"
    assert account.warnings == []


def test_the_directorys_own_spelling_is_written() -> None:
    assert ada(genders=["MALE", "FEMALE"])["gender"] == "FEMALE"


def test_without_a_match_no_gender_is_added_and_what_the_account_has_stays_with_one_warning() -> None:
    account = ada(genders=["Male"])
    assert account["gender"] is None
    assert account.keep == ["gender"]
    assert account.warnings == ["gender_unknown"]


def test_no_gender_in_sims_no_warning() -> None:
    account = ada(students=[{**ADA, "gender": None}])
    assert account["gender"] is None
    assert account.keep == []
    assert account.warnings == []


@pytest.mark.parametrize("genders", [None, []])
def test_where_nobody_names_genders_none_is_written_what_the_account_has_stays_and_nobody_is_warned_of(
    genders: list[str] | None,
) -> None:
    account = ada(genders=genders)
    assert account["gender"] is None
    assert account.keep == ["gender"]
    assert account.warnings == []


@pytest.mark.parametrize(
    "text", ["2014-05-06T00:00:00", "2014-05-06", "2014-05-06T23:59:59.999", " 2014-05-06T00:00:00 "]
)
def test_of_a_date_only_the_day_counts(text: str) -> None:
    assert ada(students=[{**ADA, "date_of_birth": text}])["date_of_birth"] == "2014-05-06"


@pytest.mark.parametrize(
    "text",
    [
        "2014-02-30T00:00:00",
        "06/05/2014",
        "2014",
        "nonsense",
        "2014-13-01",
        "20140506",
        "2014-05-06Tnoon",
        "0000-01-01",
    ],
)
def test_a_date_of_birth_that_is_none_gives_a_warning_and_leaves_what_is_there(text: str) -> None:
    account = ada(students=[{**ADA, "date_of_birth": text}])
    assert account["date_of_birth"] is None
    assert account.keep == ["date_of_birth"]
    assert account.warnings == ["invalid_date"]


def test_a_blank_date_of_birth_clears() -> None:
    account = ada(students=[{**ADA, "date_of_birth": None}])
    assert account["date_of_birth"] is None
    assert account.keep == []
