"""The keys `forename`, `attributes` and `withhold` of a school (SPEC sections 4 and 11)."""

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
        "home_address", "home_telephone", "mobile_telephone", "home_email", "work_email", "school_identifier", "upn",
        "date_of_birth", "free_school_meals", "gender", "sen_information", "email_preference",
    }  # fmt: skip


def test_a_school_is_made_with_a_plain_mapping() -> None:
    keys: dict[str, Any] = {**SCHOOL, "attributes": {"gender": False}}
    assert School(**keys).off == {"gender"}


WITHHELD = "withhold: [{person_id: %s, attributes: [gender], reason: a court order}]"


@pytest.mark.parametrize("written", ["2447", '"2447"', "'02447'", "' 2447 '"])
def test_a_person_id_is_one_however_it_is_written(tmp_path: Path, written: str) -> None:
    school, errors = read(tmp_path, WITHHELD % written)
    assert errors == ""
    assert school
    assert school.withheld() == {"2447": {"gender"}}
    assert school.withheld(to_clear=True) == {}


@pytest.mark.parametrize(
    "written", ["-5", "2447.0", "true", "''", "null", "Robin", "2447 2448", "[2447]", "{a: 1}", "1" * 19]
)
def test_what_is_no_person_id_is_an_error_that_quotes_nobody(tmp_path: Path, written: str) -> None:
    school, errors = read(tmp_path, WITHHELD % written)
    assert school is None
    assert "`withhold.person_id`" in errors
    assert "Robin" not in errors


@pytest.mark.parametrize(
    "entries",
    [
        "{person_id: 1, attributes: [gender], reason: a court order}",
        "[{person_id: 1, attributes: gender, reason: a court order}]",
        "[{person_id: 1, attributes: [], reason: a court order}]",
        "[{person_id: 1, attributes: [sex], reason: a court order}]",
        "[{person_id: 1, attributes: [user_name], reason: a court order}]",
        "[{person_id: 1, attributes: [gender], reason: ''}]",
        "[{person_id: 1, attributes: [gender], reason: a court order, clear: maybe}]",
        "[{person_id: 1, attributes: [gender], reason: a court order, until: 2027-01-01}]",
        "[{person_id: 1, attributes: [gender]}]",
        "[{attributes: [gender], reason: a court order}]",
        "[{person_id: 1, reason: a court order}]",
        "[1]",
        "all",
    ],
)
def test_an_entry_that_is_not_whole_is_an_error_that_tells_nothing_of_the_others(tmp_path: Path, entries: str) -> None:
    school, errors = read(tmp_path, f"withhold: {entries}")
    assert school is None
    assert "`withhold" in errors
    assert "court" not in errors
    assert "withhold.0" not in errors


def test_several_entries_of_a_student_are_one(tmp_path: Path) -> None:
    entries = [
        {"person_id": 1, "attributes": ["gender", "home_address"], "reason": "one"},
        {"person_id": "01", "attributes": ["gender"], "reason": "another", "clear": True},
        {"person_id": 2, "attributes": ["sen_information", "work_email"], "reason": "one", "clear": True},
    ]
    school, _ = read(tmp_path, yaml.safe_dump({"withhold": entries, "attributes": {"work_email": False}}))
    assert school
    assert school.withheld() == {"1": {"gender", "home_address"}, "2": {"sen_information", "work_email"}}
    cleared = {"1": {"gender"}, "2": {"sen_information"}}
    assert school.withheld(to_clear=True) == cleared, "what is off for all is not cleared"


def test_how_a_school_is_printed_tells_nobody_who_is_withheld(tmp_path: Path) -> None:
    school, _ = read(tmp_path, WITHHELD % "2447")
    assert school
    assert "2447" not in repr(school)
    assert "court" not in str(school)
