"""The page of all schools finds, filters and counts schools by its address alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from invented_runs import error, write_config, write_report
from ui_client import Pages

from sims_sync.config.school_entry import School
from sims_sync.ui.finding_schools import as_of, find_schools
from sims_sync.ui.schools_page import Line
from sims_sync.ui.tables import PAGE

SCHOOLS = {
    "st-hilds": ("St Hild's Church of England School", "840", "4000", "failed"),
    "ecole": ("École Jeannine Manuel", "202", "6001", "success"),
    "green-abbey": ("Green Abbey School", "823", "4321", "to_fix"),
    "green-hill": ("Green Hill Academy", "823", "4322", "late"),
}


def line(school_id: str, name: str, la: str, estab: str, standing: str) -> Line:
    school = School(id=school_id, name=name, la=la, estab=estab, modules=["timetable"], username="email")
    return Line(school, standing, "", "", None, None, None, late=False, paused=False)


LINES = [line(school_id, *own) for school_id, own in SCHOOLS.items()]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, list(SCHOOLS)),
        ({"q": "hilds"}, ["st-hilds"]),
        ({"q": "  HILD'S  "}, ["st-hilds"]),
        ({"q": "ecole"}, ["ecole"]),
        ({"q": "abbey green"}, ["green-abbey"]),
        ({"q": "green-hill"}, ["green-hill"]),
        ({"q": "823/4321"}, ["green-abbey"]),
        ({"q": "8234321"}, ["green-abbey"]),
        ({"q": "4000"}, ["st-hilds"]),
        ({"q": "nobody"}, []),
        ({"q": "%_.*["}, []),
        ({"la": "823"}, ["green-abbey", "green-hill"]),
        ({"la": "999"}, list(SCHOOLS)),
        ({"state": "late"}, ["green-hill"]),
        ({"state": "needs_us"}, ["st-hilds", "green-hill"]),
        ({"state": "nonsense"}, list(SCHOOLS)),
        ({"q": "green", "la": "823", "state": "to_fix"}, ["green-abbey"]),
        ({"state": "waiting"}, []),
        ({"page": "9999999999999"}, list(SCHOOLS)),
        ({"page": "-1"}, list(SCHOOLS)),
    ],
)
def test_schools_are_found_by_name_number_authority_and_state(asked: dict[str, str], found: list[str]) -> None:
    assert [each.school.id for each in find_schools(LINES, asked).lines] == found


def test_states_are_counted_among_what_was_searched_and_all_that_needs_us_among_all() -> None:
    found = find_schools(LINES, {"la": "823", "state": "late"})
    assert found.states == {"needs_us": 1, "late": 1, "to_fix": 1}
    assert (found.total, found.needing, found.found) == (4, 2, 1)
    assert found.authorities == {"202": 1, "823": 2, "840": 1}
    assert found.link(state="to_fix") == "?la=823&state=to_fix"
    assert found.link(state="") == "?la=823"


def test_more_schools_than_a_page_has_are_cut_into_pages() -> None:
    lines = [line(f"s{number}", f"School {number}", "823", "4321", "success") for number in range(PAGE + 1)]
    assert len(find_schools(lines, {}).lines) == PAGE
    last = find_schools(lines, {"page": "2", "q": "school"})
    assert [each.school.id for each in last.lines] == [f"s{PAGE}"]
    assert (last.page, last.pages) == (2, 2)
    assert last.link(page="1") == "?q=school&page=1"


def test_the_time_of_the_page_is_that_of_most_schools() -> None:
    schools = [each.school for each in LINES]
    assert as_of(schools, datetime(2026, 7, 1, 8, 5, tzinfo=UTC)) == "09:05 BST"
    assert as_of([], datetime(2026, 7, 1, 8, 5, tzinfo=UTC)) == "08:05 UTC"


def test_the_form_keeps_what_was_asked_and_leads_to_log_and_advice(
    pages: Pages, know_dags: Callable[..., None]
) -> None:
    now = datetime.now(UTC)
    own = {school_id: {"name": name, "la": la, "estab": estab} for school_id, (name, la, estab, _) in SCHOOLS.items()}
    write_config(pages.config, [{"id": school_id, **values} for school_id, values in own.items()])
    for school_id in own:
        write_report(pages.root, school_id, "night 1", ended=now, errors=[error(1)], extracted=300)
    write_report(pages.root, "st-hilds", "night 1", outcome="failed", reason="extract: SIMS refused the login.")
    write_report(pages.root, "ecole", "tried", partial=True, only_person_ids=[1], outcome="failed", extracted=1)
    know_dags({school_id: {"night 1": ("success", now)} for school_id in own})
    page = pages.get('?q="><script>&la=823&state=to_fix').text
    assert "<script>" not in page.replace("<script src", "")
    assert 'value="&#34;&gt;&lt;script&gt;"' in page
    assert '<option value="823" selected>' in page
    assert '<input type="hidden" name="state" value="to_fix">' in page
    assert "No school is like that." in page
    page = pages.get().text
    assert "as of " in page
    assert "/dags/sims_student_sync__st-hilds/runs/night%201/tasks/extract" in page
    assert "Log of extract" in page
    assert "clear the failed task in Airflow" in page
    assert "Some students alone, failed: <a href=" in page
    assert "1 school needs you" in page
    write_report(pages.root, "ecole", "tried dry", dry_run=True, outcome="failed", reason="extract: Broken.")
    assert '<span class="tag quiet">Dry run</span>' in pages.get("dags/sims_student_sync__ecole/runs/tried dry").text
