"""SPEC section 4: telephones, email addresses and their preferred type."""

from __future__ import annotations

import pandas as pd
import pytest
from adas_account import ada
from invented_tables import Row, email, of_ada

from sims_sync.students.rows import flags

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


DEVICES = {
    **dict.fromkeys(("Fax", "FAX ", "Fax machine", "Home fax", "F", "Facsimile"), False),
    **dict.fromkeys(("Text Phone", "textphone", "Text-phone", "Text telephone", "Minicom"), False),
    **dict.fromkeys((None, "", "T", "Telephone", "Mobile", "Pager", "Family phone", "Context", "Z"), True),
}


@pytest.mark.parametrize(("device", "is_telephone"), DEVICES.items())
def test_a_fax_or_a_text_phone_is_no_candidate_and_an_unknown_or_missing_device_is_a_telephone(
    device: str | None, is_telephone: bool
) -> None:
    marked = {**number("1", "H", primary="T"), "device": device}
    account = ada(telephones=of_ada(marked, {**number("2", "H", main="T"), "device": "Telephone"}))
    assert account.sims_ids["home_telephone"] == ("1" if is_telephone else "2")
    assert account.warnings == []
    assert ada(telephones=of_ada(marked))["home_telephone"] == ("01632 960001" if is_telephone else None)
