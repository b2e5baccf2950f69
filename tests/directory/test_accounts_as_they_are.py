"""How the directory's JSON becomes the table of accounts as they are (SPEC section 3)."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sims_sync.directory.mapping import STANDARD, is_active
from sims_sync.directory.present import account_table
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION

COLUMNS = [attribute.column for attribute in ATTRIBUTES]


def table_of(**account: Any) -> dict[str, Any]:
    """The account's row."""
    return dict(account_table([{"id": "a1", **account}], STANDARD).iloc[0])


@pytest.mark.parametrize("flag", [False, "False", "false", "FALSE"])
def test_a_disabled_account_is_disabled_however_the_directory_writes_it(flag: Any) -> None:
    assert table_of(active=flag)["active"] == is_active({"active": flag}) == False  # noqa: E712 - numpy's


@pytest.mark.parametrize("account", [{}, {"active": None}, {"active": True}, {"active": "True"}])
def test_an_account_that_does_not_say_so_is_active(account: dict[str, Any]) -> None:
    assert table_of(**account)["active"]
    assert is_active(account)


@pytest.mark.parametrize(
    ("external_id", "person"),
    [
        ("101", "101"),
        ("0101", "101"),
        (" 101 ", "101"),
        (101, "101"),
        ("AD-7F3", None),
        ("", None),
        (None, None),
        ("1.5", None),
    ],
)
def test_an_account_links_to_the_person_whose_number_it_holds(external_id: Any, person: str | None) -> None:
    linked = account_table([{"id": "a1", "externalId": external_id}], STANDARD)["linked_person_id"]
    assert linked.dropna().tolist() == ([] if person is None else [person])


def test_of_several_values_of_one_type_the_first_is_ours_and_other_types_are_not() -> None:
    row = table_of(
        emails=[
            {"value": "none@example.org"},
            {"type": "Home", "value": "one@example.org"},
            {"type": "home", "value": "two@example.org"},
        ],
        phoneNumbers=[{"type": "fax", "value": "1"}, {"type": "mobile", "value": ""}],
        addresses=[{"type": "home", "locality": "Ambridge", "formatted": "Old", "country": ""}],
    )
    assert row["home_email"] == "one@example.org"
    assert row["home_address"] == '{"locality":"Ambridge"}'
    assert pd.isna([row["work_email"], row["home_telephone"], row["mobile_telephone"]]).all()


def test_an_account_with_nothing_in_it_has_no_value() -> None:
    table = account_table([{"id": "a1", "name": None, "emails": None, EXTENSION: None}], STANDARD)
    assert table[[name for name in COLUMNS if name != "sen_information"]].isna().all(axis=None)
    assert table["sen_information"].tolist() == ["[]"]


def test_the_extension_is_read_as_the_tables_hold_it() -> None:
    extension = {
        "freeSchoolMeals": "True",
        "disabledBySync": "true",
        "schoolIdentifier": "004604",
        "senInformation": [{"value": "K", "startDate": "2026-01-01", "other": "x"}, {}],
    }
    row = table_of(roles=[{"value": "Student"}, {"display": "nothing"}, {"value": "staff"}], **{EXTENSION: extension})
    assert (row["free_school_meals"], row["disabled_by_sync"], row["is_student"]) == (True, True, True)
    assert (row["school_identifier"], row["further_roles"]) == ("004604", ["staff"])
    assert row["sen_information"] == '[{"startDate":"2026-01-01","value":"K"},{}]'
