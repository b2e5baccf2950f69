"""SPEC sections 3 and 4: the home address."""

from __future__ import annotations

import json

import pytest
from adas_account import ada
from invented_tables import Row, of_ada, sims_tables

from sims_sync.students.addresses import address_objects
from sims_sync.students.rows import trimmed


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
