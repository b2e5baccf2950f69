"""schools.yaml (SPEC section 11)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from croniter import croniter
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import (
    DEFAULT_CONFIG,
    ConfigError,
    default_retention,
    load_schools,
    said_by_schools,
)

GOOD = """
  - id: green-abbey
    name: Green Abbey School
    la: "823"
    estab: "4321"
    modules: [timetable]
    username: admission_number
"""


SCHOOL = yaml.safe_load(GOOD)[0]


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


def test_what_a_schools_own_entry_says_is_told_from_what_defaults_say(tmp_path: Path) -> None:
    path = tmp_path / "schools.yaml"
    path.write_text(
        "defaults: {timezone: Europe/Dublin, limits: {clear: {percent: 9}}}\n"
        "schools: [{id: green-abbey, timezone: Europe/Dublin, limits: {create: {count: 5}}}, {id: north-quay}, 7]\n"
    )
    assert said_by_schools(path) == {
        "green-abbey": {"id", "timezone", "limits", "limits.create"},
        "north-quay": {"id"},
    }


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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("schedule", schedule)
            for schedule in (
                "2:30", "nightly", "", "30 2", "30 2 * *", "60 2 * * *", "30 24 * * *", "30 2 0 * *", "30 2 * 13 *",
                "30 2 * * 8",
                "30 2 30 2 *", "30 2 31 4,6 *", "30 2 * * 5#6", "30 2 * * * *", "30 2 * * * 0 2030", "@once",
                "@reboot",
                "@continuous", "@dayly", "R 2 * * *", "H H * * *", "r(0-5) 2 * * *", "*/0 2 * * *",
                "1" * 5000 + " 2 * * *", "0 0 1 " + ",".join(["9"] * 200) + " *", "\uff10 2 * * *", "None",
                "0 2 * * *; 0 3 * * *",
            )
        ),
        *(("la", value) for value in ("8" * 97, "8" * 51, "82\x003", "82\n3", " ", 823)),
        *(("name", value) for value in ("N" * 201, "Green\x00Abbey", "Green\nAbbey", "Green\x1b[31m")),
        *(("id", value) for value in ("Green", "green_abbey", "a" * 101, "-a", "a--b", "a b", "a\n", "\u0663")),
        *(("late_after_minutes", value) for value in (0, -1, 10**18, 10**400, 10_081, 1.5, "180", True)),
        *(
            (key, value)
            for key in ("retention_days", "raw_retention_days")
            for value in (0, -1, 3651, 999_999, 10**10, 10**400, float("nan"), float("inf"), "30")
        ),
        *(("timezone", value) for value in ("Mars/Olympus", "europe/london", "+01:00", "../UTC", "", "UTC\x00")),
        *(
            ("alert_emails", [value])
            for value in (
                "data-team", "data team@example.org", "Data Team <data@example.org>", "<data@example.org>",
                "a@b@example.org",
                "a@example.org, b@example.org", "a@example.org\nBcc: b@example.org", "a@-example.org",
                "@example.org", "a@",
                "a..b@example.org", ".a@example.org", "a@exam_ple.org", "\u00e9@example.org", '"a b"@example.org',
                "a" * 65 + "@example.org",
                "a@[127.0.0.1]", "root@localhost", "a@example.org\x00", "mailto:a@example.org", 5, None,
            )
        ),
        ("alert_emails", "data-team@example.org"),
        *(("limits", value) for value in (5, "many", [], {"disable": 5}, {5: {"floor": 1}},
        {"disable": {"floor": 10**9}})),
        *(("limits", {"disable": {"percent": value}}) for value in (float("nan"), float("inf"), -1, 101)),
        *((key, None) for key in ("name", "la", "modules", "username", "retention_days", "timezone")),
        (5, "a key that is a number"),
    ],
)  # fmt: skip
def test_whatever_airflow_or_a_mail_server_would_refuse_is_an_error_of_that_entry(
    tmp_path: Path, key: str, value: Any
) -> None:
    path = tmp_path / "schools.yaml"
    bad = {**SCHOOL, "id": "bad-one", key: value}
    path.write_text(yaml.safe_dump({"schools": [SCHOOL, bad, {**SCHOOL, "id": "third"}]}))
    schools, errors = load_schools(path)
    assert list(schools) == ["green-abbey", "third"], "the others run"
    (message,) = map(str, errors)
    assert f"`{key}" in message
    assert str(path) in message
    assert "number 2" in message or str(bad["id"]) in message


@pytest.mark.parametrize(
    "value",
    ["2026-13-45", "!!timestamp soon", "!!bool maybe", "!!float much", "!secret x", "{[a]: b}", "0x" + "f" * 5000,
    "1" * 5000],
)  # fmt: skip
def test_a_value_that_yaml_cannot_read_is_an_error_of_that_entry(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f"{GOOD}  - {{id: bad-one, name: {value}}}\n{GOOD.replace('green-abbey', 'third')}")
    schools, errors = load_schools(path)
    assert list(schools) == ["green-abbey", "third"], "the others run"
    (message,) = map(str, errors)
    assert "line 10" in message or "bad-one" in message


def test_a_value_of_the_defaults_that_yaml_cannot_read_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 1"):
        load_schools(write(tmp_path, GOOD, "defaults: {name: 2026-13-45}"))


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("30 2 * * *", "30 2 * * *"),
        ("*/20 1-3 * * mon-fri", "*/20 1-3 * * mon-fri"),
        ("0 2 L * *", "0 2 L * *"),
        ("0 2 29 2 *", "0 2 29 2 *"),
        ("0 2 * * MAR", None),
        ("0 2 * MAR THU", "0 2 * MAR THU"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@quarterly", "0 0 1 */3 *"),
        (" 0 2 * * * ", "0 2 * * *"),
    ],
)
def test_a_schedule_is_a_cron_expression_of_five_fields_or_the_name_of_one(schedule: str, cron: str | None) -> None:
    if cron is None:
        with pytest.raises(ValidationError, match="is no cron expression"):
            School.model_validate({**SCHOOL, "schedule": schedule})
    else:
        assert School.model_validate({**SCHOOL, "schedule": schedule}).cron == cron


@given(st.one_of(st.text(), st.text("0123456789*/,-LlWw#?@rRhH ", max_size=30)))
@example("0 0 31 2 *")
@example("0 2 * * \ud83d")
@example("0 2 * * 1-5,")
def test_any_schedule_has_a_next_time_or_is_refused(schedule: str) -> None:
    try:
        cron = School.model_validate({**SCHOOL, "schedule": schedule}).cron
    except ValidationError:
        return
    if cron is not None:
        assert croniter(cron, datetime(2026, 11, 25)).get_next(datetime) > datetime(2026, 11, 25)
        assert croniter(cron, datetime(2026, 11, 25)).get_prev(datetime) < datetime(2026, 11, 25)


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("data-team@example.org", "data-team@example.org"),
        ("data.team+sims@EXAMPLE.org", "data.team+sims@example.org"),
        ("team@b\u00fccher.example", "team@xn--bcher-kva.example"),
        ("o'hara@example.org", "o'hara@example.org"),
    ],
)
def test_an_address_is_one_as_mail_servers_take_it(written: str, used: str) -> None:
    assert School.model_validate({**SCHOOL, "alert_emails": [written]}).alert_emails == [used]


def test_defaults_without_sane_periods_are_an_error_of_the_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "    retention_days: 10\n", "defaults: {retention_days: 10000000000}")
    assert list(load_schools(path)[0]) == ["green-abbey"], "it says otherwise"
    with pytest.raises(ConfigError, match="`defaults`: key `retention_days`"):
        default_retention(path)


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


def test_pairs_that_are_not_the_same_are_a_person_id_and_an_account(tmp_path: Path) -> None:
    pairs = '    not_the_same: [{person_id: 2447, account: a1}, {person_id: 0b7c-GUID, account: "17"}]\n'
    school = load_schools(write(tmp_path, GOOD + pairs))[0]["green-abbey"]
    assert [(pair.person_id, pair.account) for pair in school.not_the_same] == [(2447, "a1"), ("0b7c-GUID", "17")]


@pytest.mark.parametrize(
    "pairs", ["[2447]", "[{person_id: 2447}]", "[{person_id: -1, account: a1}]", "{person_id: 2447, account: a1}"]
)
def test_what_is_no_such_pair_is_an_error_that_names_the_key(tmp_path: Path, pairs: str) -> None:
    schools, (error,) = load_schools(write(tmp_path, f"{GOOD}    not_the_same: {pairs}\n"))
    assert not schools
    assert "not_the_same" in str(error)
