"""SPEC section 4: free school meals and SEN information."""

from __future__ import annotations

import json

import pytest
from adas_account import ada
from invented_tables import Row, of_ada, period

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
