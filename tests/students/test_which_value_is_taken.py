"""SPEC section 4: which value is taken."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pytest
from invented_tables import ADA, ADAS_EMAIL, Row, of_ada, sims_tables
from pandas.testing import assert_frame_equal

from sims_sync.directory.attributes import COLUMNS
from sims_sync.findings import CODES, FINDING_COLUMNS
from sims_sync.students.accounts import ACCOUNT_COLUMNS, Transformation, accounts_as_they_should_be
from sims_sync.students.addresses import address_objects
from sims_sync.students.rows import flags, trimmed
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


# --- the account as a whole


def test_the_columns_of_an_account_are_those_of_the_directorys_attributes() -> None:
    assert ACCOUNT_COLUMNS == COLUMNS
    accounts = transform().accounts
    assert accounts.columns.tolist() == ["person_id", *COLUMNS, "keep", "user_name_from_email"]
    assert str(accounts["person_id"].dtype) == "Int64"
    assert str(accounts["free_school_meals"].dtype) == "boolean"
    assert {str(accounts[column].dtype) for column in COLUMNS if column != "free_school_meals"} == {"str"}


def test_a_student_of_whom_sims_has_nothing_else_gets_blank_values() -> None:
    account = ada()
    assert account.values == {
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
    assert transform(students=students, emails=emails).accounts["person_id"].tolist() == [9, 10, 11]


def test_people_who_are_not_students_get_no_account_no_warning_and_no_choice() -> None:
    parent = {"person_id": "77", "location": "H"}
    transformation = transform(
        emails=[ADAS_EMAIL, {**parent, "email_address": "nonsense"}],
        telephones=[{**parent, "number": "01632 960001", "primary": "T"}] * 2,
        free_meals=[{"person_id": "77", "start_date": "nonsense"}],
    )
    assert transformation.accounts["person_id"].tolist() == [2447]
    assert transformation.findings.empty
    assert transformation.findings.columns.tolist() == list(FINDING_COLUMNS)
    assert set(transformation.choices["person_id"]) == {2447}


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


# --- telephones


NUMBERS = {"H": "home_telephone", "M": "mobile_telephone"}


def number(telephone_id: str, location: str, **marks: str) -> Row:
    return {"telephone_id": telephone_id, "location": location, "number": f"01632 96000{telephone_id}", **marks}


@pytest.mark.parametrize("location", ["H", "M"])
def test_of_the_telephones_of_a_location_the_one_marked_primary_is_taken(location: str) -> None:
    rows = of_ada(number("1", location, main="T"), number("2", location, primary="T"), number("3", "W", primary="T"))
    account = ada(telephones=rows)
    column = NUMBERS[location]
    assert (account[column], account.sims_ids[column], account.why[column]) == ("01632 960002", "2", "primary")
    assert account.warnings == []


@pytest.mark.parametrize("location", ["H", "M"])
def test_else_the_telephone_marked_main(location: str) -> None:
    account = ada(telephones=of_ada(number("1", location, main="F"), number("2", location, main="T")))
    column = NUMBERS[location]
    assert (account[column], account.sims_ids[column], account.why[column]) == ("01632 960002", "2", "main")


@pytest.mark.parametrize("location", ["H", "M"])
def test_else_the_first_telephone_in_the_list(location: str) -> None:
    account = ada(telephones=of_ada(number("7", location), number("2", location)))
    column = NUMBERS[location]
    assert (account[column], account.sims_ids[column], account.why[column]) == (
        "01632 960007",
        "7",
        "first in the list",
    )
    assert account.warnings == []


def test_of_two_telephones_marked_primary_the_first_in_the_list_wins_with_a_warning() -> None:
    account = ada(telephones=of_ada(number("1", "H"), number("3", "H", primary="T"), number("2", "H", primary="T")))
    assert account["home_telephone"] == "01632 960003"
    assert account.warnings == ["several_primary"]


def test_of_two_telephones_marked_main_the_first_in_the_list_wins_with_a_warning() -> None:
    account = ada(telephones=of_ada(number("1", "M"), number("3", "M", main="T"), number("2", "M", main="T")))
    assert account["mobile_telephone"] == "01632 960003"
    assert account.warnings == ["several_main"]


def test_a_primary_home_telephone_and_a_primary_mobile_telephone_are_no_tie() -> None:
    assert ada(telephones=of_ada(number("1", "H", primary="T"), number("2", "M", primary="T"))).warnings == []


def test_blank_numbers_are_no_candidates_and_a_blank_one_alone_clears() -> None:
    blank = {"location": "H", "number": " ", "primary": "T"}
    assert ada(telephones=of_ada(blank, number("2", "H")))["home_telephone"] == "01632 960002"
    account = ada(telephones=of_ada(blank))
    assert account["home_telephone"] is None
    assert account.keep == []


def test_telephones_are_trimmed_and_not_reformatted() -> None:
    assert ada(telephones=of_ada({"location": "H", "number": " (01632)  960-001 ext 5 "}))["home_telephone"] == (
        "(01632)  960-001 ext 5"
    )


def test_flags_are_t_f_yes_no_y_n_true_false_1_0_in_any_case() -> None:
    set_ones = ["T", "t", "Yes", "YES", "y", "Y", "true", "True", "TRUE", "1"]
    others = ["F", "f", "No", "NO", "n", "N", "false", "False", "0", None, "nonsense"]
    assert flags(pd.Series(set_ones, dtype="str")).all()
    assert not flags(pd.Series(others, dtype="str")).any()


def test_flags_are_trimmed() -> None:
    assert ada(telephones=of_ada(number("1", "H"), number("2", "H", primary=" y "))).sims_ids["home_telephone"] == "2"


# --- email addresses and the preferred type


def email(email_id: str, location: str, value: str | None = None, **marks: str) -> Row:
    address = f"mail{email_id}@example.org" if value is None else value
    return {"email_id": email_id, "location": location, "email_address": address, **marks}


EMAILS = {"H": "home_email", "W": "work_email"}


@pytest.mark.parametrize("location", ["H", "W"])
@pytest.mark.parametrize(
    ("marks", "chosen", "why"),
    [
        ([{}, {"main": "T"}, {"primary": "T"}], "3", "primary"),
        ([{}, {"main": "T"}, {}], "2", "main"),
        ([{}, {}, {}], "1", "first in the list"),
        ([{}, {"primary": "T"}, {"primary": "T", "main": "T"}], "2", "primary"),
    ],
)
def test_of_the_emails_of_a_location_the_one_marked_primary_else_main_else_the_first_in_the_list(
    location: str, marks: list[dict[str, str]], chosen: str, why: str
) -> None:
    account = ada(emails=of_ada(*(email(str(each), location, **mark) for each, mark in enumerate(marks, start=1))))
    column = EMAILS[location]
    assert (account[column], account.sims_ids[column]) == (f"mail{chosen}@example.org", chosen)
    assert account.why[column] == why
    assert account.warnings.count("several_primary") == (sum("primary" in mark for mark in marks) > 1)


def test_an_email_value_that_is_no_address_is_no_candidate_with_a_warning() -> None:
    account = ada(emails=of_ada(email("1", "H", "nonsense", primary="T"), email("2", "H")))
    assert account["home_email"] == "mail2@example.org"
    assert account.keep == []
    assert account.warnings == ["invalid_email", "no_primary_email"]


def test_emails_that_are_all_invalid_leave_what_is_there() -> None:
    account = ada(emails=of_ada(email("1", "H", "nonsense"), email("2", "W", primary="T")))
    assert account["home_email"] is None
    assert account.keep == ["home_email"]
    assert account.warnings == ["invalid_email"]


def test_an_invalid_email_of_another_type_does_not_count() -> None:
    account = ada(emails=of_ada(email("1", "O", "nonsense"), email("2", "W", primary="T")))
    assert account.keep == []
    assert account.warnings == []


@pytest.mark.parametrize(
    ("rows", "preference"),
    [
        ([email("1", "H", main="T"), email("2", "W", primary="T")], "Work"),
        ([email("1", "W", main="T"), email("2", "H", primary="T")], "Personal"),
        ([email("1", "H"), email("2", "W", main="T")], "Work"),
        ([email("1", "W", main="T"), email("2", "H", main="T")], "Work"),
        ([email("1", "H"), email("2", "W")], "Personal"),
        ([email("1", "W")], "Personal"),
        ([email("1", "O", primary="T"), email("2", "W", main="T")], "Work"),
        ([email("1", "W", "nonsense", primary="T"), email("2", "H", main="T")], "Personal"),
        ([email("1", "H", "", primary="T"), email("2", "W", main="T")], "Work"),
    ],
)
def test_the_preferred_type_is_that_of_the_primary_email_else_of_the_main_one_else_personal(
    rows: list[Row], preference: str
) -> None:
    assert ada(emails=of_ada(*rows))["email_preference"] == preference


def test_several_mains_of_different_types_are_no_tie_to_warn_of() -> None:
    assert ada(emails=of_ada(email("1", "W", main="T"), email("2", "H", main="T"))).warnings == ["no_primary_email"]


def test_of_a_primary_of_each_type_the_first_in_the_list_is_preferred_with_a_warning() -> None:
    account = ada(emails=of_ada(email("1", "W", primary="T"), email("2", "H", primary="T")))
    assert account["email_preference"] == "Work"
    assert account.warnings == ["several_primary"]


@pytest.mark.parametrize("rows", [[email("1", "H")], [email("1", "H", main="T"), email("2", "O", primary="T")]])
def test_the_address_should_be_marked_primary(rows: list[Row]) -> None:
    assert ada(emails=of_ada(*rows)).warnings == ["no_primary_email"]


# --- user name


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


# --- gender


@pytest.mark.parametrize("word", ["Female", "female", " FEMALE "])
def test_the_gender_is_the_directorys_own_whose_name_equals_that_of_sims(word: str) -> None:
    account = ada(genders=["Male", "Female"], students=[{**ADA, "gender": word}])
    assert account["gender"] == "Female"
    assert account.warnings == []


def test_the_directorys_own_spelling_is_written() -> None:
    assert ada(genders=["MALE", "FEMALE"])["gender"] == "FEMALE"


@pytest.mark.parametrize("genders", [["Male"], []])
def test_without_a_match_no_gender_is_added_and_what_the_account_has_stays_with_one_warning(genders: list[str]) -> None:
    account = ada(genders=genders)
    assert account["gender"] is None
    assert account.keep == ["gender"]
    assert account.warnings == ["gender_unknown"]


def test_no_gender_in_sims_no_warning() -> None:
    account = ada(students=[{**ADA, "gender": None}])
    assert account["gender"] is None
    assert account.keep == []
    assert account.warnings == []


def test_where_no_genders_are_declared_the_word_of_sims_is_taken() -> None:
    account = ada(genders=None, students=[{**ADA, "gender": "Unspecified"}])
    assert account["gender"] == "Unspecified"
    assert account.warnings == []


# --- dates


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


# --- home address


def lives_at(address_id: str, start: str | None = None, end: str | None = None, address_type: str = "H") -> Row:
    return {"address_id": address_id, "start_date": start, "end_date": end, "address_type": address_type}


TOWNS = [{"address_id": str(each), "street": "High Street", "town": f"Town {each}"} for each in range(1, 6)]


@pytest.mark.parametrize(
    ("rows", "town", "why"),
    [
        (
            [
                lives_at("1", "2020-01-01"),
                lives_at("2", "2024-09-01T00:00:00"),
                lives_at("3"),
                lives_at("4", "2027-01-01"),
            ],
            "Town 2",
            "in force since 2024-09-01",
        ),
        (
            [lives_at("1", "2020-01-01", "2026-11-22"), lives_at("2", "2027-01-01"), lives_at("3")],
            "Town 3",
            "in force, no start date",
        ),
        (
            [lives_at("1", "2020-01-01", "2026-11-22"), lives_at("2", "2027-02-01"), lives_at("3", "2027-01-01")],
            "Town 3",
            "begins later, on 2027-01-01",
        ),
        (
            [lives_at("1", "2024-01-01", "2025-01-01"), lives_at("2", "2020-01-01", "2026-01-01")],
            "Town 2",
            "ended on 2026-01-01",
        ),
        ([lives_at("1", "2026-11-23", "2026-11-23")], "Town 1", "in force since 2026-11-23"),
        ([lives_at("1", "2026-11-24"), lives_at("2", None, "2026-11-23")], "Town 2", "in force, no start date"),
        (
            [lives_at("1", "2020-01-01"), lives_at("2", "2025-01-01", address_type="W")],
            "Town 1",
            "in force since 2020-01-01",
        ),
        (
            [lives_at("1", "2020-01-01", "9999-12-31"), lives_at("2", "0001-01-01")],
            "Town 1",
            "in force since 2020-01-01",
        ),
    ],
)
def test_the_home_address_is_the_most_recent_in_force_then_one_without_a_start_then_the_next_then_the_last(
    rows: list[Row], town: str, why: str
) -> None:
    account = ada(person_addresses=of_ada(*rows), addresses=TOWNS)
    assert account["home_address"]["locality"] == town
    assert account.sims_ids["home_address"] == town[-1]
    assert account.why["home_address"] == why
    assert account.warnings == []
    assert account.keep == []


@pytest.mark.parametrize(
    "dates",
    [("2020-01-01", None), (None, None), ("2027-01-01", None), ("2019-01-01", "2020-01-01")],
)
def test_of_two_addresses_from_one_day_the_first_in_the_list_wins_with_a_warning(dates: tuple[str, str]) -> None:
    account = ada(person_addresses=of_ada(lives_at("3", *dates), lives_at("2", *dates)), addresses=TOWNS)
    assert account["home_address"]["locality"] == "Town 3"
    assert account.warnings == ["several_addresses"]


def test_the_same_address_twice_from_one_day_is_no_tie() -> None:
    twice = of_ada(lives_at("3", "2020-01-01"), lives_at("3", "2020-01-01"))
    assert ada(person_addresses=twice, addresses=TOWNS).warnings == []


def test_blank_addresses_are_no_candidates_and_a_blank_one_alone_clears() -> None:
    blank = {"address_id": "9", "street": " ", "country": "United Kingdom"}
    rows = of_ada(lives_at("9", "2026-01-01"), lives_at("1", "2020-01-01"))
    assert ada(person_addresses=rows, addresses=[blank, *TOWNS])["home_address"]["locality"] == "Town 1"
    account = ada(person_addresses=rows[:1], addresses=[blank])
    assert account["home_address"] is None
    assert account.keep == []


@pytest.mark.parametrize("wrong", [lives_at("2", "nonsense"), lives_at("2", "2024-01-01", "2026-02-30")])
def test_a_row_of_addresses_with_a_date_that_is_none_is_left_out_with_a_warning(wrong: Row) -> None:
    account = ada(person_addresses=of_ada(wrong, lives_at("1", "2020-01-01")), addresses=TOWNS)
    assert account["home_address"]["locality"] == "Town 1"
    assert account.warnings == ["invalid_date"]
    assert account.keep == []
    alone = ada(person_addresses=of_ada(wrong), addresses=TOWNS)
    assert alone["home_address"] is None
    assert alone.keep == ["home_address"]


@pytest.mark.parametrize("address_id", ["99", None])
def test_an_address_id_that_the_document_lacks_leaves_what_is_there(address_id: str | None) -> None:
    dangling = {**lives_at("99", "2025-01-01"), "address_id": address_id}
    account = ada(person_addresses=of_ada(dangling), addresses=TOWNS)
    assert account["home_address"] is None
    assert account.keep == ["home_address"]
    beside = ada(person_addresses=of_ada(dangling, lives_at("1", "2020-01-01")), addresses=TOWNS)
    assert beside["home_address"]["locality"] == "Town 1"
    assert beside.keep == []


def home(**address: str) -> dict[str, str]:
    """What is written of this address of SIMS."""
    table = sims_tables(addresses=[{"address_id": "1", **address}])["addresses"]
    found = json.loads(address_objects(trimmed(table).set_index("address_id"))["1"])
    assert isinstance(found, dict)
    return found


def test_the_street_address_is_the_lines_apartment_house_name_house_no_and_street_district() -> None:
    address = {
        "apartment": "Flat 2",
        "house_name": "The Mill",
        "house_number": "7",
        "street": "High Street",
        "district": "Oldtown",
        "town": "Ambridge",
        "county": "Borsetshire",
        "postcode": "ab1  2cd",
        "country": "United Kingdom",
    }
    assert home(**address) == {
        "streetAddress": "Flat 2\nThe Mill\n7 High Street\nOldtown",
        "locality": "Ambridge",
        "region": "Borsetshire",
        "postalCode": "AB1 2CD",
        "country": "GB",
    }


@pytest.mark.parametrize(
    ("address", "street_address"),
    [
        ({"apartment": "Flat 2", "street": "High Street", "district": " "}, "Flat 2\nHigh Street"),
        ({"house_number": "7", "district": "Oldtown"}, "7\nOldtown"),
        ({"house_name": "The Mill"}, "The Mill"),
        ({"district": "Oldtown"}, "Oldtown"),
    ],
)
def test_blank_lines_are_left_out(address: dict[str, str], street_address: str) -> None:
    assert home(**address) == {"streetAddress": street_address}


def test_an_address_without_any_line_has_no_street_address() -> None:
    assert home(town="Ambridge") == {"locality": "Ambridge"}


@pytest.mark.parametrize(
    ("sims", "written"),
    [
        ("ab12cd", "AB1 2CD"),
        ("Ab1 2cD", "AB1 2CD"),
        ("sw1a1aa", "SW1A 1AA"),
        ("SW1A  1AA", "SW1A 1AA"),
        ("m1 1ae", "M1 1AE"),
        ("e c1a1bb", "EC1A 1BB"),
        ("bfpo  57", "BFPO 57"),
        ("d02 x285", "D02 X285"),
        ("unknown", "UNKNOWN"),
    ],
)
def test_postcodes_only_get_their_case_and_single_space(sims: str, written: str) -> None:
    assert home(postcode=sims) == {"postalCode": written}


@pytest.mark.parametrize(
    "words",
    ["United Kingdom", "united kingdom", "UK", "Great Britain", "ENGLAND", "Scotland", "Wales", "Northern Ireland"],
)
def test_the_country_is_gb_for_the_united_kingdom_and_its_nations(words: str) -> None:
    assert home(town="Ambridge", country=words)["country"] == "GB"


@pytest.mark.parametrize("words", ["Ireland", "France", ""])
def test_another_country_is_left_out(words: str) -> None:
    assert "country" not in home(town="Ambridge", country=words)


# --- free school meals and SEN


def period(start: str | None = None, end: str | None = None, **fields: str) -> Row:
    return {"start_date": start, "end_date": end, **fields}


PERIODS = [
    (period("2025-09-01"), True),
    (period("2026-11-23", "2026-11-23"), True),
    (period(None, None), True),
    (period(None, "2026-11-23T00:00:00"), True),
    (period("2026-11-24"), False),
    (period("2025-09-01", "2026-11-22"), False),
    (period(None, "2026-11-22"), False),
]


@pytest.mark.parametrize(("row", "covers"), PERIODS)
def test_free_school_meals_are_true_when_some_period_covers_the_effective_date(row: Row, covers: bool) -> None:
    account = ada(free_meals=of_ada(period("2020-01-01", "2021-01-01"), row))
    assert account["free_school_meals"] is covers
    assert account.keep == []


def test_a_row_of_meals_with_a_date_that_is_none_is_left_out_with_a_warning() -> None:
    wrong = period("2025-09-01", "nonsense")
    account = ada(free_meals=of_ada(wrong, period("2025-09-01")))
    assert account["free_school_meals"] is True
    assert account.warnings == ["invalid_date"]
    assert account.keep == []


@pytest.mark.parametrize("others", [[], [period("2020-01-01", "2021-01-01")]])
def test_meals_of_which_only_a_row_left_out_could_cover_the_date_leave_what_is_there(others: list[Row]) -> None:
    account = ada(free_meals=of_ada(period("2025-09-01", "nonsense"), *others))
    assert account["free_school_meals"] is None
    assert account.keep == ["free_school_meals"]


@pytest.mark.parametrize(("row", "covers"), PERIODS)
def test_sen_information_is_the_provisions_that_cover_the_effective_date(row: Row, covers: bool) -> None:
    account = ada(sen_provisions=of_ada({**row, "provision_type": "K"}))
    assert len(account["sen_information"]) == covers


def test_sen_information_is_in_list_order_with_type_description_and_days() -> None:
    account = ada(
        sen_provisions=of_ada(
            period("2025-09-01T00:00:00", None, provision_type="K", provision_description="SEN support, réading"),
            period("2020-09-01", "2021-09-01", provision_type="X"),
            period(None, "2027-08-31", provision_type="E"),
            period("2025-09-01T00:00:00", None, provision_type="K", provision_description="SEN support, réading"),
        )
    )
    assert account["sen_information"] == [
        {"value": "K", "display": "SEN support, réading", "startDate": "2025-09-01"},
        {"value": "E", "endDate": "2027-08-31"},
    ]
    assert account.values["sen_information"] == json.dumps(
        account["sen_information"], ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def test_a_provision_with_neither_type_nor_description_is_blank() -> None:
    assert ada(sen_provisions=of_ada(period("2025-09-01")))["sen_information"] == []


def test_a_row_of_sen_with_a_date_that_is_none_is_left_out_with_a_warning() -> None:
    wrong = period("nonsense", provision_type="E")
    account = ada(sen_provisions=of_ada(wrong, period(provision_type="K")))
    assert account["sen_information"] == [{"value": "K"}]
    assert account.warnings == ["invalid_date"]
    assert account.keep == []
    alone = ada(sen_provisions=of_ada(wrong))
    assert alone["sen_information"] is None
    assert alone.keep == ["sen_information"]


# --- findings


def test_a_warning_is_given_once_for_a_person_with_the_admission_number_and_without_a_value() -> None:
    transformation = transform(
        students=[{**ADA, "date_of_birth": "nonsense"}],
        free_meals=of_ada(period("nonsense"), period("nonsense")),
        sen_provisions=of_ada(period("nonsense")),
    )
    assert transformation.findings.drop(columns="detail").to_dict("records") == [
        {"person_id": 2447, "school_identifier": "004604", "stage": "transform", "code": "invalid_date"}
    ]
    assert transformation.findings["detail"].isna().all()


def test_warnings_never_stop_a_record() -> None:
    account = ada(
        students=[{**ADA, "gender": "?", "date_of_birth": "?"}],
        emails=of_ada(email("1", "H", "?"), email("2", "W"), email("3", "W")),
    )
    assert account.warnings == ["gender_unknown", "invalid_date", "invalid_email", "no_primary_email"]
    assert account["given_name"] == "Ada"
