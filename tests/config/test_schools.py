"""schools.yaml (SPEC section 11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sims_sync.config import DEFAULT_CONFIG, ConfigError, load_schools

GOOD = """
  - id: green-abbey
    name: Green Abbey School
    la: "823"
    estab: "4321"
    modules: [timetable]
    username: admission_number
"""


def write(folder: Path, schools: str, head: str = "") -> Path:
    path = folder / "schools.yaml"
    path.write_text(f"{head}\nschools:\n{schools}")
    return path


def test_the_configuration_that_ships_is_right() -> None:
    schools, errors = load_schools(DEFAULT_CONFIG)
    assert list(schools) == ["green-abbey"]
    assert errors == []


def test_connections_and_dag_are_named_after_the_id(tmp_path: Path) -> None:
    school = load_schools(write(tmp_path, GOOD))[0]["green-abbey"]
    assert school.sims_connection == "sims_green_abbey"
    assert school.directory_connection == "directory_green_abbey"
    assert school.dag_id == "sims_student_sync__green-abbey"


def test_the_default_schedule_is_a_stable_minute_of_its_own_between_one_and_four(tmp_path: Path) -> None:
    entries = "".join(GOOD.replace("green-abbey", f"school-{number}") for number in range(200))
    schools = load_schools(write(tmp_path, entries))[0]
    times = [tuple(map(int, str(school.cron).split()[:2])) for school in schools.values()]
    assert all(1 <= hour < 4 and 0 <= minute < 60 for minute, hour in times)
    assert len(set(times)) > 100
    assert [school.cron for school in load_schools(write(tmp_path, entries))[0].values()] == [
        school.cron for school in schools.values()
    ]


def test_a_school_whose_runs_are_all_triggered_by_a_person_has_no_schedule(tmp_path: Path) -> None:
    (school,) = load_schools(write(tmp_path, GOOD + "    schedule: manual\n"))[0].values()
    assert school.cron is None


def test_what_defaults_holds_applies_to_every_school_that_does_not_say_otherwise(tmp_path: Path) -> None:
    head = "defaults: {timezone: Europe/Dublin, retention_days: 10, limits: {disable: {percent: 3}}}"
    own = GOOD.replace("green-abbey", "other") + "    retention_days: 99\n    limits: {create: {count: 7}}\n"
    schools = load_schools(write(tmp_path, GOOD + own, head))[0]
    assert {school.timezone for school in schools.values()} == {"Europe/Dublin"}
    assert [school.retention_days for school in schools.values()] == [10, 99]
    limits = schools["other"].limits
    assert (limits.disable.percent, limits.disable.floor) == (3, 5)
    assert (limits.create.percent, limits.create.count) == (25, 7)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("    colour: red\n", "colour"),
        ("    estab: 4321\n", "estab"),
        ("    modules: timetable\n", "modules"),
        ("    username: nickname\n", "username"),
        ("    timezone: Mars/Olympus\n", "timezone"),
        ("    limits: {disable: {percent: 300}}\n", "limits.disable.percent"),
        ("    limits: {delete: {percent: 3}}\n", "limits.delete"),
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_an_error_that_names_file_school_and_key(
    tmp_path: Path, change: str, key: str
) -> None:
    own_key = change.strip().partition(":")[0]
    lines = [line for line in GOOD.splitlines() if not line.strip().startswith(f"{own_key}:")]
    bad = "\n".join(lines).replace("green-abbey", "bad-one") + "\n" + change
    path = write(tmp_path, GOOD + bad)
    schools, errors = load_schools(path)
    assert list(schools) == ["green-abbey"], "the others run"
    (message,) = map(str, errors)
    assert str(path) in message
    assert "bad-one" in message
    assert f"`{key}`" in message


def test_two_schools_with_one_id_are_an_error_and_neither_runs(tmp_path: Path) -> None:
    schools, errors = load_schools(write(tmp_path, GOOD + GOOD + GOOD.replace("green-abbey", "other")))
    assert list(schools) == ["other"]
    assert all("`id`" in str(error) and "green-abbey" in str(error) for error in errors)
    assert errors


def test_a_school_without_modules_is_not_synchronised(tmp_path: Path) -> None:
    school = load_schools(write(tmp_path, GOOD.replace("[timetable]", "[]")))[0]["green-abbey"]
    assert not school.synchronised


@pytest.mark.parametrize("content", ["schools: [", "- a\n- b", "pupils: []", "schools: 3", "defaults: 3"])
def test_a_file_that_is_no_configuration_is_a_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "schools.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=str(path)):
        load_schools(path)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_schools(tmp_path / "none.yaml")
