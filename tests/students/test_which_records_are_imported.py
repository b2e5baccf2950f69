"""SPEC sections 2 and 5: which records are imported, and who is on roll."""

from __future__ import annotations

import io
import logging

import pandas as pd
import pytest
from invented_tables import ADA, ADAS_EMAIL, COLUMNS, Row, of_ada, sims_tables
from pandas.testing import assert_frame_equal

from sims_sync.model.findings import CODES, FINDING_COLUMNS
from sims_sync.students.validation import Validation, validate


def codes(validation: Validation) -> list[str]:
    assert set(validation.findings["code"]) <= set(CODES)
    return validation.findings["code"].tolist()


def with_emails(*rows: Row) -> Validation:
    return validate(sims_tables(emails=of_ada(*rows)))


def test_a_record_without_a_fault_is_accepted() -> None:
    validation = validate(sims_tables())
    assert validation.students["person_id"].tolist() == ["2447"]
    assert validation.students.columns.tolist() == list(COLUMNS["students"])
    assert str(validation.students["person_id"].dtype) == "str"
    assert validation.findings.empty
    assert validation.findings.columns.tolist() == list(FINDING_COLUMNS)


@pytest.mark.parametrize(
    "blank", [None, "", "  ", "\u200b", "\u00a0", "\ufeff\u2060", "\u00ad", "\t\x7f", "\u2003 \u200e", "\U000e0020"]
)
def test_forename_and_surname_are_required_in_all_cases(blank: str | None) -> None:
    assert codes(validate(sims_tables(students=[{**ADA, "forename": blank}]))) == ["no_forename"]
    assert codes(validate(sims_tables(students=[{**ADA, "surname": blank}]))) == ["no_surname"]


def test_no_email_address_at_all_is_rejected() -> None:
    assert codes(with_emails()) == ["no_email"]


def test_a_blank_email_address_is_none() -> None:
    assert codes(with_emails({"location": "H", "email_address": None}, {"location": "W"})) == ["no_email"]


def test_somebody_elses_email_address_is_none() -> None:
    assert codes(validate(sims_tables(emails=[{**ADAS_EMAIL, "person_id": "2448"}]))) == ["no_email"]


def test_addresses_none_of_type_home_or_work_are_not_usable() -> None:
    assert codes(with_emails({"location": "O", "email_address": "ada@example.org"})) == ["email_not_usable"]
    assert codes(with_emails({"location": None, "email_address": "ada@example.org"})) == ["email_not_usable"]


NO_ADDRESSES = [
    "ada",
    "ada@",
    "@example.org",
    "ada@example",
    "ada@@example.org",
    "a@b@example.org",
    "ada archer@example.org",
    "ada@exam ple.org",
    "ada@example.org bob@example.org",
    "ada@.org",
    "ada@example.",
    "ada@example..org",
    "ada\u00a0archer@example.org",
    "ada@example.org\nbob@example.org",
]


@pytest.mark.parametrize("value", NO_ADDRESSES)
def test_addresses_none_of_which_is_an_address_are_not_usable(value: str) -> None:
    assert codes(with_emails({"location": "H", "email_address": value})) == ["email_not_usable"]


@pytest.mark.parametrize(
    "value", ["ada@example.org", "a.b+c@mail.example.org", "zoë@example.org", "o'neil@example.org"]
)
def test_an_address_of_email_has_one_at_something_before_it_a_domain_with_a_dot_after_it_and_no_space(
    value: str,
) -> None:
    assert codes(with_emails({"location": "W", "email_address": value})) == []


@pytest.mark.parametrize(
    "person_id", [None, "", "abc", "24.0", "24 47", "2447x", "٢٤", "9" * 30, "-5", "+101", "1e3", "0x10"]
)
def test_a_row_whose_person_id_is_missing_or_no_integer_is_rejected_and_the_rest_is_loaded(
    person_id: str | None,
) -> None:
    validation = validate(sims_tables(students=[{**ADA, "person_id": person_id, "admission_number": "004605"}, ADA]))
    assert codes(validation) == ["no_person_id"]
    assert validation.findings["person_id"].isna().all()
    assert validation.findings["school_identifier"].tolist() == ["004605"]
    assert validation.students["person_id"].tolist() == ["2447"]
    assert validation.roll["person_id"].isna().tolist() == [True, False]


def test_records_without_a_person_id_are_each_listed() -> None:
    assert codes(validate(sims_tables(students=[{**ADA, "person_id": None}] * 3))) == ["no_person_id"] * 3


@pytest.mark.parametrize("person_id", ["101", "0101", " 101 ", "00000000000000000000000101"])
def test_person_ids_compare_as_integers(person_id: str) -> None:
    validation = validate(
        sims_tables(students=[{**ADA, "person_id": person_id}], emails=[{**ADAS_EMAIL, "person_id": "0000101"}])
    )
    assert validation.students["person_id"].tolist() == ["101"]


def test_a_large_person_id_is_exact() -> None:
    tables = sims_tables(
        students=[{**ADA, "person_id": "900719925474099301"}, {**ADA, "person_id": None}],
        emails=[{**ADAS_EMAIL, "person_id": "900719925474099301"}],
    )
    assert validate(tables).students["person_id"].tolist() == ["900719925474099301"]


def test_the_same_person_id_twice_among_students_rejects_both_rows_and_the_rest_goes_on() -> None:
    other = {**ADA, "person_id": "9"}
    tables = sims_tables(
        students=[ADA, {**other}, {**ADA, "person_id": "02447"}], emails=[ADAS_EMAIL, {**ADAS_EMAIL, "person_id": "9"}]
    )
    validation = validate(tables)
    assert codes(validation) == ["duplicate_person"]
    assert validation.findings["person_id"].tolist() == ["2447"]
    assert validation.students["person_id"].tolist() == ["9"]
    assert validation.roll["person_id"].tolist() == ["2447", "9", "2447"]


def test_all_failures_of_a_record_are_collected_in_one_pass() -> None:
    faulty = {**ADA, "forename": None, "surname": " "}
    validation = validate(sims_tables(students=[faulty, faulty], emails=[]))
    assert sorted(codes(validation)) == ["duplicate_person", "no_email", "no_forename", "no_surname"]
    nobody = validate(sims_tables(students=[{**faulty, "person_id": "?"}], emails=[]))
    assert sorted(codes(nobody)) == ["no_forename", "no_person_id", "no_surname"]


def test_a_rejected_record_does_not_stop_the_rest() -> None:
    students = [
        {**ADA, "person_id": str(number), "surname": None if number % 2 else "Archer"} for number in range(1, 9)
    ]
    emails = [{**ADAS_EMAIL, "person_id": str(number)} for number in range(1, 9)]
    validation = validate(sims_tables(students=students, emails=emails))
    assert validation.students["person_id"].tolist() == ["2", "4", "6", "8"]
    assert validation.findings["person_id"].tolist() == ["1", "3", "5", "7"]
    assert set(validation.findings["stage"]) == {"validate"}


def test_a_rejected_student_is_still_a_student() -> None:
    validation = validate(sims_tables(students=[{**ADA, "surname": None}]))
    assert validation.students.empty
    assert validation.roll["person_id"].tolist() == ["2447"]
    assert validation.roll["school_identifier"].tolist() == ["004604"]


def test_on_roll_are_all_the_email_addresses_of_students_usable_or_not() -> None:
    emails = [
        ADAS_EMAIL,
        {**ADAS_EMAIL, "location": "O", "email_address": "other@example.org"},
        {**ADAS_EMAIL, "email_address": "ada"},
        {**ADAS_EMAIL, "email_address": None},
        {**ADAS_EMAIL, "person_id": "77", "email_address": "parent@example.org"},
        {**ADAS_EMAIL, "person_id": None},
    ]
    roll_emails = validate(sims_tables(emails=emails)).roll_emails
    assert roll_emails["email"].tolist() == ["ada@example.org", "other@example.org", "ada"]
    assert roll_emails["person_id"].tolist() == ["2447"] * 3


def test_a_student_without_an_admission_number_is_accepted() -> None:
    validation = validate(sims_tables(students=[{**ADA, "admission_number": None}]))
    assert codes(validation) == []
    assert validation.roll["school_identifier"].isna().all()


def spoilt(*pairs: tuple[str, str]) -> pd.DataFrame:
    """Rows of whom a character was dropped from."""
    return pd.DataFrame(pairs, columns=["person_id", "table"], dtype="str")


def test_who_has_a_character_that_was_dropped_gets_one_warning_and_is_accepted_all_the_same() -> None:
    students = [ADA, {**ADA, "person_id": "9", "surname": None}]
    dropped = spoilt(("9", "students"), ("2447", "emails"), ("2447", "addresses"), ("2447", "emails"))
    validation = validate(sims_tables(students=students), spoilt=dropped)
    assert validation.students["person_id"].tolist() == ["2447"]
    warnings = validation.findings[validation.findings["code"] == "invalid_character"]
    assert warnings["person_id"].tolist() == ["9", "2447"]
    assert warnings["school_identifier"].tolist() == ["004604", "004604"]
    assert warnings["detail"].fillna("").tolist() == ["", "Personal email, Work email, Home address"]
    assert not CODES["invalid_character"].stops


@pytest.mark.parametrize(
    ("tables", "detail"),
    [
        (["sen_provisions"], "SEN information"),
        (["free_meals"], "Free school meals"),
        (["sen_provisions", "telephones"], "Home telephone, Mobile telephone"),
        (["students", "free_meals"], None),
    ],
)
def test_a_warning_about_a_special_category_alone_names_it_so_that_it_can_be_kept_from_who_may_only_read(
    tables: list[str], detail: str | None
) -> None:
    validation = validate(sims_tables(), spoilt=spoilt(*(("2447", table) for table in tables)))
    (told,) = validation.findings["detail"].astype("object").where(validation.findings["detail"].notna(), None)
    assert told == detail


def test_only_person_ids_are_these_students_alone() -> None:
    students = [ADA, {**ADA, "person_id": "9", "surname": None}, {**ADA, "person_id": "10"}, {**ADA, "person_id": None}]
    validation = validate(sims_tables(students=students), only_person_ids=frozenset({"2447", "9"}))
    assert validation.students["person_id"].tolist() == ["2447"]
    assert validation.roll["person_id"].tolist() == ["2447", "9"]
    assert validation.findings["person_id"].unique().tolist() == ["9"]
    assert validation.roll_emails["person_id"].tolist() == ["2447"]
    nobody = validate(sims_tables(students=students), only_person_ids=frozenset({123}))
    assert nobody.students.empty
    assert nobody.roll.empty


def test_a_roll_of_nobody_is_no_fault_of_the_rules() -> None:
    validation = validate(sims_tables(students=[], emails=[]))
    assert validation.students.empty
    assert validation.findings.empty


def test_no_value_of_a_record_gets_into_findings_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    validation = validate(
        sims_tables(
            students=[{**ADA, "surname": None}],
            emails=of_ada({"location": "H", "email_address": "ada at example.org"}),
        )
    )
    told = validation.findings.to_csv() + caplog.text
    assert not any(value in told for value in ("Ada", "ada at", "2014-05-06"))


def test_the_tables_come_back_from_parquet_as_they_were() -> None:
    validation = validate(sims_tables(students=[ADA, {**ADA, "person_id": None, "admission_number": None}]))
    for table in (validation.students, validation.roll, validation.roll_emails, validation.findings):
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        assert_frame_equal(pd.read_parquet(buffer), table)
