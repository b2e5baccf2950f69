"""A person of the data team in a browser, on a real Airflow: from the navigation to the cause, without a log."""

from __future__ import annotations

import csv
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from scheduled import School, scheduled_schools

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Locator, Page

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ,
        reason="there is no browser: install chromium (apt-get install chromium)",
    ),
]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SECONDS = 60_000
HELD = {"held": "St Hild's", "held-too": "St Bede's", "held-as-well": "St Chad's"}
LEFT = range(201, 213)
NAVIGATION = "a[href*='/plugin/student-sync-schools']"
TAB = "a[href$='/plugin/student-sync'], a[href$='/plugin/student-sync-run']"


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, School]]:
    """A school in order but for two records, three whose departures are held, and one that cannot be reached."""
    in_half_a_day = f"0 {(datetime.now(UTC).hour + 12) % 24} * * *"  # so that the approval does not lapse meanwhile
    named = {
        "in-order": {"name": "In Order School"},
        **{school: {"name": name, "schedule": in_half_a_day, "timezone": "UTC"} for school, name in HELD.items()},
        "broken": {"name": "Broken <b>"},
    }
    with scheduled_schools(tmp_path_factory.mktemp("schools"), named) as schools:
        for school in schools.values():
            school.enrol(range(101, 113))
            school.sims.put_student(120, email=None)
            school.sims.put_student(121, surname=None)
        for held in HELD:
            schools[held].ran_before()
            for person_id in (*range(101, 113), *LEFT):
                schools[held].directory.put_user(
                    {
                        "userName": f"{person_id:06d}",
                        "externalId": str(person_id),
                        "name": {"givenName": "Zebedee", "familyName": f"Leaver-{person_id}"},
                        "roles": [{"value": "student"}],
                        "active": True,
                    }
                )
        schools["broken"].sims.put_school(la="999")
        for school in schools.values():
            school.trigger("tonight")
        assert schools["in-order"].wait("tonight") == "success"
        assert schools["broken"].wait("tonight") == "failed"
        for held in HELD:
            schools[held].question("tonight", "approve_leavers")
        yield schools


@pytest.fixture(scope="module")
def window(schools: dict[str, School]) -> Iterator[Page]:
    """A window of a browser, logged in."""
    from playwright.sync_api import sync_playwright  # a quick run of the tests collects this file without it

    stack = schools["held"].stack
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        # In the frame the page shall see the theme of Airflow, not one that the test sets.
        context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="null")
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.goto(f"{stack.url}/auth/login/")
        page.fill("input[name=username]", stack.username)
        page.fill("input[name=password]", stack.password)
        page.click("button[type=submit]")
        page.wait_for_selector(NAVIGATION)
        yield page
        browser.close()


def our_frame(window: Page) -> Frame:
    """The frame of the pages, once it shows one."""
    window.wait_for_selector("iframe")
    element = window.query_selector("iframe")
    assert element
    frame = element.content_frame()
    assert frame
    frame.wait_for_selector("h1")
    return frame


def wait_for_count(found: Locator, count: int) -> None:
    from playwright.sync_api import expect

    expect(found).to_have_count(count)


def test_from_the_navigation_to_the_cause_of_a_failure(window: Page, schools: dict[str, School]) -> None:
    window.click(NAVIGATION)
    frame = our_frame(window)
    assert frame.inner_text("h1").startswith("4 schools need you")
    lines = frame.locator("tbody tr")
    ids = [line.get_attribute("id") for line in lines.all()]
    assert (set(ids[:3]), ids[3:]) == (set(HELD), ["broken", "in-order"])
    assert "Broken <b>" in frame.inner_text("#broken")
    assert "answers for the school 999/4321" in frame.inner_text("#broken")
    frame.click("#broken td.date a")
    frame.wait_for_selector(".stages")
    assert "extract" in frame.inner_text(".notice")
    frame.click("text=Run in Airflow")
    window.wait_for_url(f"**/dags/{schools['broken'].dag_id}/runs/tonight")
    assert window.main_frame.url.startswith(schools["broken"].stack.url)


def test_the_log_of_a_failed_task_ends_with_what_to_do_and_shows_it_unfolded(
    window: Page, schools: dict[str, School]
) -> None:
    window.click(NAVIGATION)
    our_frame(window).click("#broken >> text=Log of extract")
    window.wait_for_url(f"**/dags/{schools['broken'].dag_id}/runs/tonight/tasks/extract*")
    window.wait_for_selector("text=What to do: Correct the connection")


def test_schools_are_found_by_the_form_and_filtered_by_the_counts(window: Page, schools: dict[str, School]) -> None:
    url = f"{schools['held'].stack.url}/student-sync/"
    page = window.context.new_page()
    page.goto(url)
    assert "as of " in page.inner_text("h1")
    page.fill("#q", "hilds")
    page.click("button:has-text('Find')")
    page.wait_for_url("**/student-sync/?q=hilds*")
    assert [line.get_attribute("id") for line in page.locator("tbody tr").all()] == ["held"]
    page.click("text=All schools")
    page.click(".filters >> text=Needs you")
    page.wait_for_url("**/?state=needs_us")
    ids = [line.get_attribute("id") for line in page.locator("tbody tr").all()]
    assert ids == [*sorted(HELD, key=lambda held: HELD[held]), "broken"]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_person_ids_are_typed_into_the_trigger_form_one_a_line_and_such_a_run_changes_nothing_of_the_school(
    window: Page, schools: dict[str, School]
) -> None:
    school = schools["in-order"]
    window.goto(f"{school.stack.url}/dags/{school.dag_id}")
    window.click("button:has-text('Trigger')")
    field = window.locator("textarea[name=element_only_person_ids]")
    field.click()
    field.press_sequentially("101\n000102\n", delay=20)
    assert field.input_value() == "101\n000102\n"
    before = set(school.stack.airflow.runs(school.dag_id))
    window.locator("[role=dialog] button:has-text('Trigger')").last.click()
    deadline = time.monotonic() + 60
    while not (new := set(school.stack.airflow.runs(school.dag_id)) - before):
        assert time.monotonic() < deadline, "no run was triggered"
        time.sleep(0.5)
    (run_id,) = new
    assert school.wait(run_id) == "success"
    report = school.report(run_id)
    assert (report["partial"], report["only_person_ids"]) == (True, [101, 102])
    window.goto(f"{school.stack.url}/dags/{school.dag_id}")
    window.click(NAVIGATION)
    line = our_frame(window).inner_text("#in-order")
    assert "Some students alone" in line
    assert "Records to fix" in line
    assert our_frame(window).inner_text("#in-order td[data-label=Students]") == "14"


def test_errors_are_filtered_and_downloaded(window: Page, schools: dict[str, School], tmp_path: Path) -> None:
    school = schools["in-order"]
    window.goto(f"{school.stack.url}/dags/{school.dag_id}/runs/tonight")
    window.click(TAB)
    frame = our_frame(window)
    frame.wait_for_selector("#errors tbody tr")
    assert frame.locator("#errors tbody tr").count() == 2
    frame.click("#errors .filters >> text=no_surname")
    wait_for_count(frame.locator("#errors tbody tr"), 1)
    assert "121" in frame.inner_text("#errors tbody")
    frame.click("#errors .filters >> text=all")
    wait_for_count(frame.locator("#errors tbody tr"), 2)
    frame.click("#errors thead >> text=Person ID")
    frame.click("#errors thead >> text=Person ID")
    frame.wait_for_selector("th[aria-sort=descending]")
    assert frame.locator("#errors tbody tr td:first-child").all_inner_texts() == ["121", "120"]
    with window.expect_download() as download:
        frame.click("text=Download errors.csv")
    download.value.save_as(tmp_path / "errors.csv")
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
        errors = [row for row in csv.DictReader(file) if row["stops_import"] == "yes"]
        assert {row["person_id"]: row["code"] for row in errors} == {
            "120": "no_email",
            "121": "no_surname",
        }


def test_a_student_is_looked_up_from_the_tab_of_the_dag(window: Page, schools: dict[str, School]) -> None:
    school = schools["in-order"]
    window.goto(f"{school.stack.url}/dags/{school.dag_id}")
    window.click(TAB)
    frame = our_frame(window)
    frame.fill("#who", "000120")
    frame.click("text=Look up")
    frame.wait_for_selector("h1:has-text('Person 120')")
    assert "no email address" in frame.inner_text(".findings")


def test_from_a_held_run_who_would_leave_is_seen_and_each_of_them_is_told_of_that_run(
    window: Page, schools: dict[str, School], tmp_path: Path
) -> None:
    school = schools["held"]
    window.goto(f"{school.stack.url}/dags/{school.dag_id}/runs/tonight")
    window.click(TAB)
    frame = our_frame(window)
    section = frame.inner_text("#departures")
    assert "Who would leave 12" in " ".join(section.split())
    assert "12 of no known year." in section
    assert "Zebedee Leaver-201" in section
    assert "Without an answer it lapses at" in frame.inner_text(".notice")
    with window.expect_download() as download:
        frame.click("#departures >> text=Download as CSV")
    download.value.save_as(tmp_path / "departures.csv")
    assert "Zebedee Leaver-212" in (tmp_path / "departures.csv").read_text("utf-8-sig")
    frame.click("#departures tbody >> text='201'")
    frame.wait_for_selector("h1:has-text('Person 201')")
    assert "it would be disabled by this run, once a person approves its plan" in frame.inner_text(".notice")
    assert "on roll and had no account" not in frame.inner_text("main")


def test_what_waits_is_approved_together_from_one_page(window: Page, schools: dict[str, School]) -> None:
    together = [schools["held-too"], schools["held-as-well"]]
    window.wait_for_timeout(31_000)  # Airflow is not ready for an answer at once
    window.click(NAVIGATION)
    frame = our_frame(window)
    frame.click("text=All that waits for an answer")
    frame.wait_for_selector("h1:has-text('3 schools wait for an answer')")
    assert frame.evaluate(
        "[...document.querySelectorAll('.scroll')].every(each => each.scrollWidth <= each.clientWidth)"
    )
    for name in ("St Bede's", "St Chad's"):
        frame.check(f'input[aria-label="Approve {name}"]')
    frame.click("text=Approve those ticked")
    frame.wait_for_selector("[role=status]:has-text('2 schools approved')")
    assert "1 school waits for an answer" in frame.inner_text("h1")
    for school in together:
        assert school.wait("tonight") == "success"
        assert school.active() == set(range(101, 113))
        assert "approved by admin" in " ".join(school.report("tonight")["notes"])


def test_who_was_disabled_stands_on_a_page_of_the_school_and_on_their_own(
    window: Page, schools: dict[str, School]
) -> None:
    school = schools["held-too"]
    window.goto(f"{school.stack.url}/dags/{school.dag_id}")
    window.click(TAB)
    frame = our_frame(window)
    frame.click("text=Disabled accounts")
    frame.wait_for_selector("h1:has-text('Disabled accounts 12')")
    assert "admin" in frame.inner_text("tbody tr >> nth=0")
    frame.click("tbody >> text='205'")
    frame.wait_for_selector("#done")
    assert "account disabled" in frame.inner_text("#done")


def test_held_departures_are_approved_in_the_place_that_the_runs_page_leads_to(
    window: Page, schools: dict[str, School]
) -> None:
    school = schools["held"]
    window.goto(f"{school.stack.url}/dags/{school.dag_id}/runs/tonight")
    window.click(TAB)
    frame = our_frame(window)
    assert "nobody is disabled until a person approves it" in frame.inner_text(".notice")
    frame.click("text=Required Actions")
    window.wait_for_url("**/tasks/approve_leavers/required_actions*")
    window.wait_for_selector("text=If you reject it: why?")
    window.wait_for_selector("text=12 of no known year")
    window.click("button:has-text('Approve')")
    assert school.wait("tonight") == "success"
    assert school.active() == set(range(101, 113))


def test_the_pages_follow_airflows_theme(window: Page, schools: dict[str, School]) -> None:
    stack = schools["held"].stack
    seen = {}
    for theme in ("dark", "light"):
        window.evaluate(f"localStorage.setItem('theme', '{theme}')")
        window.goto(f"{stack.url}/dags/{schools['held'].dag_id}")
        window.click(TAB)
        seen[theme] = our_frame(window).evaluate("getComputedStyle(document.body).backgroundColor")
    assert seen == {"dark": "rgb(22, 29, 45)", "light": "rgb(255, 255, 255)"}


def test_on_a_phone_nothing_has_to_be_scrolled_sideways(window: Page, schools: dict[str, School]) -> None:
    school = schools["in-order"]
    of_school = ("", "/disabled", "/runs/tonight", "/students/120")
    paths = ("", "waiting", *(f"dags/{school.dag_id}{path}" for path in of_school))
    phone = window.context.new_page()
    phone.set_viewport_size({"width": 390, "height": 844})
    for path in paths:
        phone.goto(f"{school.stack.url}/student-sync/{path}")
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, path
    phone.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    window: Page, schools: dict[str, School], theme: Literal["light", "dark"]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    of_school = ("", "/values", "/disabled", "/runs/tonight", "/students/120", "/students/101?run=tonight")
    paths = [
        "",
        "waiting",
        *(f"dags/{schools[each].dag_id}{path}" for each in ("in-order", "held") for path in of_school),
    ]
    page = window.context.new_page()
    page.emulate_media(color_scheme=theme)
    found = {}
    for path in paths:
        page.goto(f"{schools['held'].stack.url}/student-sync/{path}")
        violations = Axe().run(page).response["violations"]
        found[path] = {
            (each["id"], each["nodes"][0]["html"][:120])
            for each in violations
            if each["impact"] in ("serious", "critical")
        }
    page.close()
    assert sorted({(*each, path) for path, what in found.items() for each in what}) == []


def test_a_browser_that_logged_out_is_told_to_log_in(window: Page, schools: dict[str, School]) -> None:
    assert window.context.browser
    stranger = window.context.browser.new_page()
    answer = stranger.goto(f"{schools['held'].stack.url}/student-sync/")
    assert answer
    assert answer.status == 401
    assert "Log in to Airflow" in stranger.inner_text("h1")
    stranger.click("text=Log in >> nth=-1")
    stranger.wait_for_selector("input[name=password]")
    stranger.close()
