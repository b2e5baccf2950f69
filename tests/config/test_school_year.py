"""`expected` and `pause` in schools.yaml: which days are in them, and what is wrong with them (SPEC section 7)."""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.config.limits import LIMITS
from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.config.schools_file import load_schools
from sims_sync.config.year_groups import compared

SCHOOL = {
    "id": "green-abbey",
    "name": "Green Abbey School",
    "la": "823",
    "estab": "4321",
    "modules": ["timetable"],
    "username": "email",
}
SUMMER = {"name": "Summer", "from": "07-15", "to": "09-15", "leavers_of": ["11", "13"], "joiners": True}
REPAIRS = {"from": date(2026, 10, 1), "to": date(2026, 10, 9), "what": "all", "reason": "the platform moves"}


def school(**own: Any) -> School:
    return School.model_validate({**SCHOOL, **own})


def window(first: str, last: str, **own: Any) -> Window:
    return Window.model_validate({**SUMMER, "from": first, "to": last, **own})


@pytest.mark.parametrize(
    ("first", "last", "inside", "outside"),
    [
        ("07-15", "09-15", ["2026-07-15", "2026-08-01", "2027-09-15"], ["2026-07-14", "2026-09-16", "2026-01-01"]),
        ("07-15", "07-15", ["2026-07-15"], ["2026-07-14", "2026-07-16"]),
        ("12-20", "01-05", ["2026-12-20", "2026-12-31", "2027-01-01", "2027-01-05"], ["2026-12-19", "2027-01-06"]),
        ("02-29", "03-05", ["2028-02-29", "2027-02-28", "2027-03-05"], ["2028-02-28", "2027-02-27", "2027-03-06"]),
        ("02-01", "02-29", ["2028-02-29", "2027-02-28", "2027-02-01"], ["2028-03-01", "2027-03-01", "2027-01-31"]),
        ("02-29", "02-29", ["2028-02-29", "2027-02-28"], ["2028-02-28", "2028-03-01", "2027-03-01"]),
        ("11-01", "02-29", ["2027-02-28", "2028-02-29", "2026-11-01"], ["2027-03-01", "2026-10-31"]),
        ("01-01", "12-31", ["2026-01-01", "2026-12-31", "2028-02-29"], []),
        ("03-01", "02-29", ["2026-03-01", "2027-02-28", "2028-02-29", "2026-10-10"], []),
    ],
)
def test_a_window_has_its_days_of_every_year_the_first_and_the_last_among_them(
    first: str, last: str, inside: list[str], outside: list[str]
) -> None:
    for day, covered in [*((each, True) for each in inside), *((each, False) for each in outside)]:
        assert window(first, last).covers(date.fromisoformat(day)) == covered, day


DAYS = st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(lambda day: f"{day:%m-%d}")


@given(first=DAYS, last=DAYS, day=st.dates(date(2020, 1, 1), date(2032, 12, 31)))
def test_whether_a_day_is_in_a_window_is_what_walking_through_the_calendar_finds(
    first: str, last: str, day: date
) -> None:
    def on(year: int, month_and_day: str) -> date:
        month, number = map(int, month_and_day.split("-"))
        return date(year, month, 28 if (month, number) == (2, 29) and not isleap(year) else number)

    covered = False
    for year in (day.year - 1, day.year):
        begins, ends = on(year, first), on(year, last)
        ends = ends if begins <= ends else on(year + 1, last)
        covered |= begins <= day <= ends
    assert window(first, last).covers(day) == covered


@pytest.mark.parametrize(
    ("configured", "in_sims", "same"),
    [
        *(
            ("11", text, True)
            for text in (
                "11", " 11 ", "Year 11", "year 11", "YEAR  11", "Year11", "Year\u00a011", "011", "Year 011", "\u200b11"
            )
        ),
        *(("11", text, False) for text in ("1", "12", "111", "1 1", "", "Year", "11a", "Years 11")),
        *((text, "9", True) for text in ("9", "09", "Year 9", " year 09 ")),
        *(("R", text, True) for text in ("R", "r", "Year R", "Year r ")),
        ("Reception", "RECEPTION", True),
        ("Reception", "R", False),
        ("N2", "Year n2", True),
        ("0", "00", True),
        ("0", "10", False),
        ("13b", "Year 13B", True),
        ("\u00c9", "e\u0301", True),
    ],
)  # fmt: skip
def test_year_groups_compare_trimmed_without_case_the_word_year_and_leading_zeros(
    configured: str, in_sims: str, same: bool
) -> None:
    assert window("07-15", "09-15", leavers_of=[configured]).expects_leavers_of(in_sims) == same


@given(
    group=st.text("123456789abRN", min_size=1, max_size=3),
    before=st.sampled_from(["", " ", "Year ", " YEAR", "year  ", "0", "Year 00"]),
    after=st.sampled_from(["", " ", "\t", "\u00a0"]),
)
def test_however_a_year_group_is_written_it_is_the_same_one(group: str, before: str, after: str) -> None:
    written = before + group.swapcase() + after
    if group[0].isalpha() and before.endswith(("YEAR", "0")):
        return  # another word, or another name
    assert compared(written) == compared(group)


def test_a_pause_has_its_first_and_its_last_day_of_one_year() -> None:
    pause = Pause.model_validate(REPAIRS)
    days = [date(2026, 9, 30) + timedelta(days=n) for n in range(12)]
    assert [day for day in days if pause.covers(day)] == days[1:10]
    assert not pause.covers(date(2027, 10, 1))


def test_more_may_be_created_while_joiners_are_expected_and_an_own_limit_that_is_larger_stays() -> None:
    inside, outside = date(2026, 9, 3), date(2026, 9, 16)
    assert school(expected=[SUMMER]).limits_on(inside)["create"].percent == 50
    assert school(expected=[SUMMER]).limits_on(outside) == LIMITS
    assert school(expected=[{**SUMMER, "joiners": False}]).limits_on(inside) == LIMITS
    for percent in (5, 50, 80):
        own = school(expected=[SUMMER], limits={"create": {"percent": percent, "floor": 3, "count": 100}})
        create = own.limits_on(inside)["create"]
        assert (create.percent, create.floor, create.count) == (max(percent, 50), 3, 100)


def test_what_defaults_says_of_the_year_holds_for_every_school_that_does_not_say_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "schools.yaml"
    own = [{**SCHOOL, "id": f"school-{n}"} for n in range(500)]
    own[7]["expected"] = []
    path.write_text(yaml.safe_dump({"defaults": {"expected": [SUMMER], "pause": [REPAIRS]}, "schools": own}))
    schools, errors = load_schools(path)
    assert errors == []
    assert sum(len(each.windows_on(date(2026, 8, 1))) for each in schools.values()) == 499
    assert all(each.paused_on(date(2026, 10, 1), "all") for each in schools.values())
    assert not any(each.paused_on(date(2026, 10, 1), "leavers") for each in schools.values())


def test_what_begins_on_a_day_is_told_of_that_day_alone() -> None:
    both = school(expected=[SUMMER, {**SUMMER, "name": "Leap", "from": "02-29"}], pause=[REPAIRS])
    begin = {f"{day:%m-%d}": both.begins_on(day) for day in (date(2026, 1, 1) + timedelta(n) for n in range(365))}
    assert {day: [each.name for each in found] for day, found in begin.items() if found} == {
        "07-15": ["Summer"], "02-28": ["Leap"], "10-01": ["Pause"],
    }  # fmt: skip


BAD_WINDOWS: list[tuple[dict[str, Any], str]] = [
    *(({"from": day}, "from") for day in ("7-15", "15-07", "02-30", "00-10", "2026-07-15", "July", "", 715, None)),
    *(({"to": day}, "to") for day in ("13-01", "07/15", date(2026, 7, 15))),
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"leavers_of": "11"}, "leavers_of"),
    ({"leavers_of": [11]}, "leavers_of.0"),
    ({"leavers_of": ["11", "Year"]}, "leavers_of.1"),
    ({"leavers_of": [" "]}, "leavers_of.0"),
    ({"joiners": "yes"}, "joiners"),
    ({"leaver_of": ["11"]}, "leaver_of"),
]
BAD_PAUSES: list[tuple[dict[str, Any], str]] = [
    *(({"from": day}, "from") for day in ("07-20", "2026-02-30", "20260720", "tomorrow", 5, None)),
    ({"to": date(2026, 9, 30)}, ""),
    ({"what": "everything"}, "what"),
    ({"what": None}, "what"),
    ({"reason": " "}, "reason"),
    ({"until": date(2026, 10, 9)}, "until"),
]


@pytest.mark.parametrize(
    ("key", "entry", "wrong"),
    [
        *(("expected", {**SUMMER, **own}, wrong) for own, wrong in BAD_WINDOWS),
        *(("pause", {**REPAIRS, **own}, wrong) for own, wrong in BAD_PAUSES),
        *((key, {}, wrong) for key, wrong in (("expected", "name"), ("pause", "reason"))),
    ],
)
def test_what_is_wrong_with_a_window_or_a_pause_names_file_school_and_key_and_the_others_run(
    tmp_path: Path, key: str, entry: dict[str, Any], wrong: str
) -> None:
    path = tmp_path / "schools.yaml"
    bad = {**SCHOOL, "id": "bad-one", key: [entry]}
    path.write_text(yaml.safe_dump({"schools": [SCHOOL, bad]}))
    schools, (error,) = load_schools(path)
    assert list(schools) == ["green-abbey"]
    assert str(path) in str(error)
    assert "school bad-one" in str(error)
    assert f"`{f'{key}.0.{wrong}'.rstrip('.')}`" in str(error)


@pytest.mark.parametrize("value", ["2026-02-30", "!!timestamp soon"])
def test_a_date_that_yaml_cannot_read_names_file_school_and_key(tmp_path: Path, value: str) -> None:
    path = tmp_path / "schools.yaml"
    pause = f"[{{from: {value}, to: 2026-10-01, what: all, reason: x}}]"
    path.write_text(f"schools:\n  - id: bad-one\n    name: Bad\n    pause: {pause}\n")
    _, (error,) = load_schools(path)
    assert str(path) in str(error)
    assert "school bad-one" in str(error)
    assert "`pause`" in str(error)


@pytest.mark.parametrize("key", ["expected", "pause"])
@pytest.mark.parametrize("value", [5, "summer", {"name": "x"}, [5], ["summer"], [None], None])
def test_a_list_of_windows_or_pauses_that_is_none_is_an_error_of_that_key(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "schools.yaml"
    path.write_text(yaml.safe_dump({"schools": [{**SCHOOL, key: value}]}))
    _, (error,) = load_schools(path)
    assert f"`{key}" in str(error)
    assert "school green-abbey" in str(error)
