"""The keys `forename` and `attributes` of a school (SPEC sections 4 and 11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import load_schools
from sims_sync.model.attributes import OPTIONAL

SCHOOL = {
    "id": "green-abbey", "name": "Green Abbey", "la": "823", "estab": "4321", "modules": ["timetable"],
    "username": "admission_number",
}  # fmt: skip


def read(folder: Path, text: str, defaults: str = "{}") -> tuple[School | None, str]:
    """The school with these lines in its entry, and what is wrong with it."""
    path = folder / "schools.yaml"
    entry = "\n".join(f"    {line}" for line in f"{yaml.safe_dump(SCHOOL)}{text}".splitlines())
    path.write_text(f"defaults: {defaults}\nschools:\n  -\n{entry}\n")
    schools, errors = load_schools(path)
    return schools.get("green-abbey"), " ".join(map(str, errors))


@pytest.mark.parametrize("said", ["off", "Off", "OFF", "false", "False", "no", '"off"', "'OFF'", '"false"', "' Off '"])
def test_off_and_false_say_that_a_value_is_not_sent(tmp_path: Path, said: str) -> None:
    school, errors = read(tmp_path, f"attributes: {{sen_information: {said}}}")
    assert errors == ""
    assert school
    assert school.off == {"sen_information"}


@pytest.mark.parametrize("said", ["on", "true", "yes", '"on"', "'True'"])
def test_on_and_true_say_that_a_value_is_sent_whatever_the_defaults_say(tmp_path: Path, said: str) -> None:
    defaults = "{attributes: {sen_information: off, gender: off}}"
    school, _ = read(tmp_path, f"attributes: {{sen_information: {said}}}", defaults)
    assert school
    assert school.off == {"gender"}


def test_what_the_defaults_leave_out_stays_out_where_a_school_leaves_out_more(tmp_path: Path) -> None:
    school, _ = read(tmp_path, "attributes: {gender: off}", "{attributes: {sen_information: off}}")
    assert school
    assert school.off == {"gender", "sen_information"}


@pytest.mark.parametrize("text", ["", "attributes: {}", "attributes:"])
def test_nothing_is_off_unless_it_is_said(tmp_path: Path, text: str) -> None:
    school, errors = read(tmp_path, text)
    assert errors == ""
    assert school
    assert (school.off, school.forename) == (frozenset(), "forename")


@pytest.mark.parametrize(
    "name",
    [
        *("sen", "senInformation", "SEN_information", "user_name", "given_name", "family_name", "forename", "surname"),
        *("externalId", "person_id", "active", "roles", "name.givenName", "1", "''", "null"),
    ],
)
def test_a_name_that_is_none_or_must_be_sent_is_an_error_that_lists_the_possible_ones(
    tmp_path: Path, name: str
) -> None:
    school, errors = read(tmp_path, f"attributes: {{{name}: off}}")
    assert school is None
    assert "green-abbey" in errors
    assert "attributes" in errors
    if name not in ("1", "null"):
        assert all(each in errors for each in OPTIONAL)


@pytest.mark.parametrize(
    "value",
    [
        *("[sen_information]", "sen_information", "{sen_information: maybe}", "{sen_information: 0}"),
        *("{sen_information: null}", "{sen_information: [off]}"),
    ],
)
def test_what_is_neither_on_nor_off_is_an_error_that_names_the_key(tmp_path: Path, value: str) -> None:
    school, errors = read(tmp_path, f"attributes: {value}")
    assert school is None
    assert "`attributes" in errors


@pytest.mark.parametrize("value", ["ChosenName", "preferred", "true", "[chosen_name]"])
def test_a_forename_is_forename_or_chosen_name(tmp_path: Path, value: str) -> None:
    school, errors = read(tmp_path, f"forename: {value}")
    assert school is None
    assert "`forename`" in errors


def test_the_possible_names_are_all_values_but_the_names_and_the_user_name() -> None:
    assert set(OPTIONAL) == {
        "home_address", "home_telephone", "mobile_telephone", "home_email", "work_email", "school_identifier",
        "date_of_birth", "free_school_meals", "gender", "sen_information", "email_preference",
    }  # fmt: skip


def test_a_school_is_made_with_a_plain_mapping() -> None:
    keys: dict[str, Any] = {**SCHOOL, "attributes": {"gender": False}}
    assert School(**keys).off == {"gender"}
