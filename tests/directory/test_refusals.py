"""What a directory says of a refusal is told as status, ``scimType`` and names of attributes (SPEC section 9)."""

from __future__ import annotations

import html
import json
import time
import unicodedata
from typing import Any

import pytest

from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.refusals import LONGEST, SCIM_TYPES, refusal

NAME, PHONE, BORN = "Zoë O'Quillfeather", "01632 960001", "2011-02-03"
RESHAPED = [
    NAME,
    NAME.upper(),
    html.escape(NAME),
    json.dumps(NAME),
    json.dumps({"family": NAME}),
    unicodedata.normalize("NFD", NAME),
    NAME.encode("utf-8").decode("latin-1"),
    NAME.replace(" ", "%20"),
    NAME.replace(" ", ".") + "@example.org",
    NAME[:6] + "...",
    PHONE,
    PHONE.replace(" ", "-"),
    PHONE.replace(" ", ""),
    "+44 1632 960001",
    BORN,
    "03/02/2011",
    "3 February 2011",
    "20110203",
    "Mr Quentin Brackenthorpe, who is on the staff",
]


@pytest.mark.parametrize("value", RESHAPED)
def test_no_prose_of_a_directory_is_told_whatever_the_form_of_a_value_in_it(value: str) -> None:
    detail = f"emails and name.familyName of {value} cannot be changed"
    said = refusal(400, {"scimType": "mutability", "detail": detail}, STANDARD)
    assert said.told == "status 400, mutability, familyName, emails"
    assert said.prose == detail


@pytest.mark.parametrize("answer", [{}, None, [], "Quillfeather", {"scimType": 7, "detail": None}, {"detail": ["x"]}])
def test_an_answer_that_is_no_error_of_scim_is_its_status(answer: Any) -> None:
    assert refusal(400, answer, STANDARD).told == "status 400"
    assert refusal(400, answer, STANDARD).prose is None


@pytest.mark.parametrize("scim_type", ["Quillfeather", "invalidvalue", "invalidValue Quillfeather", ["uniqueness"], {}])
def test_only_the_types_of_rfc_7644_are_told(scim_type: Any) -> None:
    assert refusal(400, {"scimType": scim_type}, STANDARD).told == "status 400"
    assert [refusal(400, {"scimType": each}, STANDARD).told for each in SCIM_TYPES] == [
        f"status 400, {each}" for each in SCIM_TYPES
    ]


def test_an_attribute_that_tells_health_or_poverty_is_not_named() -> None:
    said = refusal(400, {"detail": "freeSchoolMeals, senInformation and userName are bad"}, STANDARD)
    assert said.told == "status 400, userName"


def test_prose_is_cut_to_2000_characters_in_no_time_and_can_be_saved() -> None:
    began = time.process_time()
    said = refusal(400, {"detail": "\ud800" + "a" * 5_000_000}, STANDARD)
    assert time.process_time() - began < 1
    assert said.prose == "?" + "a" * (LONGEST - 1)
