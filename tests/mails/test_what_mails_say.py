"""Each mail: a subject for a phone's list, a text and an HTML part that say the same, and nothing of a person."""

from __future__ import annotations

import html
import inspect
from datetime import UTC, date, datetime, timedelta

import pytest

from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.mails import messages as kinds
from sims_sync.mails.failure import Failure, in_a_few_words
from sims_sync.mails.mail import Link, Mail, Table
from sims_sync.mails.messages import Morning, Places
from sims_sync.model import errors
from sims_sync.model.errors import SyncError
from sims_sync.runs.documents import STAGES

SCHOOL = School(
    id="green-abbey", name="Green Abbey", la="823", estab="4321", modules=["timetable"], username="admission_number"
)
PLACES = Places(
    run=Link("The run", "https://airflow.example.org/dags/x/runs/y"),
    school=Link("The school", "https://airflow.example.org/dags/x"),
    approval=Link("Approve or reject", "https://airflow.example.org/approve?map_index=-1"),
    departures=Link("Approve or reject the departures", "https://airflow.example.org/approve_leavers?map_index=-1"),
)
SUMMER = Window.model_validate(
    {"name": "Summer", "from": "09-12", "to": "09-15", "leavers_of": ["11"], "joiners": True}
)
PAUSE = Pause.model_validate(
    {"from": date(2026, 9, 12), "to": date(2026, 9, 13), "what": "leavers", "reason": "The platform moves"}
)
FRIDAY = datetime(2026, 9, 11, 1, 5, tzinfo=UTC)
REFUSED = Failure(
    since=FRIDAY,
    run_id="scheduled__2026-09-11",
    stage="extract",
    kind="CredentialsRefused",
    message="GetXmlSchool: SIMS refused the login of the connection sims_green_abbey.",
    advice="Correct the connection before you clear the task.",
)
FAILS = Morning(SCHOOL, "fails", Link("Green Abbey", PLACES.school.url), kinds.what_fails(REFUSED), FRIDAY)
COUNTS = {"created": 1_200, "updated": 3, "disabled": 2, "unchanged": 4}
MAILS = {
    "run_failed": kinds.run_failed(SCHOOL, REFUSED, 0, PLACES),
    "plan_held": kinds.plan_held(
        SCHOOL,
        subject="Green Abbey: approve 1,009 changes?",
        effective_date="2026-09-11",
        reasons=["8 of 20 active student accounts would be disabled."],
        counts={"to create": 1, "to disable": 1_008},
        without_departures=False,
        lapses_at=FRIDAY + timedelta(hours=22),
        places=PLACES,
    ),
    "departures_held": kinds.departures_held(
        SCHOOL,
        effective_date="2026-09-11",
        reasons=["8 of 20 active student accounts would be disabled."],
        counts={"to disable": 1_007, "to lose the role only": 1},
        lapses_at=FRIDAY + timedelta(hours=22),
        places=PLACES,
    ),
    "begins_tomorrow": kinds.begins_tomorrow([(SCHOOL, SUMMER), (SCHOOL, PAUSE)], PLACES.school),
    "run_late": kinds.run_late(SCHOOL, "scheduled__2026-09-11", timedelta(hours=3), "extract", PLACES),
    "works_again": kinds.works_again(SCHOOL, REFUSED, COUNTS, PLACES),
    "records_changed": kinds.records_changed(
        SCHOOL,
        {"101:no_email", "102:no_email"},
        {"102:no_email", "103:no_email", "103:no_surname"},
        (PLACES.run, PLACES.school),
    ),
    "daily_digest": kinds.daily_digest([FAILS, Morning(SCHOOL, "in order", PLACES.school)], PLACES.school),
}


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("run_failed", "[sims-sync] Green Abbey: SIMS refused the password"),
        ("plan_held", "[sims-sync] Green Abbey: approve 1,009 changes?"),
        ("departures_held", "[sims-sync] Green Abbey: disable 1,008 accounts?"),
        ("begins_tomorrow", "[sims-sync] Green Abbey: Summer and Pause of leavers begin tomorrow"),
        ("run_late", "[sims-sync] Green Abbey: the run is late"),
        ("works_again", "[sims-sync] Green Abbey: works again"),
        ("records_changed", "[sims-sync] Green Abbey: records to correct: 2 new, 1 solved"),
        ("daily_digest", "[sims-sync] Green Abbey still fails"),
    ],
)
def test_a_subject_can_be_read_in_a_phones_list(kind: str, subject: str) -> None:
    assert MAILS[kind].subject_line == subject


@pytest.mark.parametrize("kind", MAILS)
def test_text_and_html_say_the_same(kind: str) -> None:
    mail = MAILS[kind]
    for part in (mail.text, html.unescape(mail.html)):
        words = " ".join(part.split())
        for expected in (*mail.happened, *mail.reasons, mail.to_do):
            assert " ".join(expected.split()) in words.replace('"', "`").replace("<code>", "`").replace("</code>", "`")
        for link in mail.links:
            assert link.url in words
            assert link.words in words
        for row in mail.table.rows if mail.table else ():
            assert all((cell.words if isinstance(cell, Link) else str(cell)) in words for cell in row)


@pytest.mark.parametrize("kind", MAILS)
def test_a_mail_asks_no_other_host_for_anything(kind: str) -> None:
    page = MAILS[kind].html
    assert "src=" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_every_mail_that_there_is_stands_in_this_test() -> None:
    made = {
        name
        for name, each in inspect.getmembers(kinds, inspect.isfunction)
        if each.__annotations__.get("return") == "Mail"
    }
    assert made == set(MAILS)


def test_what_failed_is_told_with_what_it_means_and_what_to_do() -> None:
    assert "extract: GetXmlSchool: SIMS refused the login" in MAILS["run_failed"].text
    assert "Nothing was written" in MAILS["run_failed"].text
    assert "What to do: Correct the connection before you clear the task." in MAILS["run_failed"].text


@pytest.mark.parametrize(
    ("written", "meaning"), [(0, "Nothing was written"), (1_234, "1,234 accounts"), (None, "is not known")]
)
def test_a_failure_says_how_much_was_written(written: int | None, meaning: str) -> None:
    assert meaning in kinds.run_failed(SCHOOL, REFUSED, written, PLACES).text


def test_the_records_mail_counts_by_code_what_is_new_and_what_is_solved() -> None:
    table = MAILS["records_changed"].table
    assert table is not None
    assert [row[:5] for row in table.rows] == [
        ("no_surname", "not imported", 1, 1, 0),
        ("no_email", "not imported", 2, 1, 1),
    ]


def test_the_records_mail_tells_what_stops_a_record_from_a_warning() -> None:
    now = {"101:no_email", "101:several_main", "102:several_main", "102:invalid_email"}
    mail = kinds.records_changed(SCHOOL, {"103:several_main"}, now, (PLACES.run,))
    assert "Now 1 record is not imported, and 2 records are imported with a warning." in " ".join(mail.text.split())
    assert mail.table is not None
    assert [row[:2] for row in mail.table.rows] == [
        ("no_email", "not imported"),
        ("several_main", "warning"),
        ("invalid_email", "warning"),
    ]


def test_what_can_be_found_once_alone_is_never_solved() -> None:
    before = {"101:username_from_email", "102:several_main"}
    mail = kinds.records_changed(SCHOOL, before, {"103:no_email"}, (PLACES.run,))
    assert mail.subject.endswith("1 new, 1 solved")


def test_what_begins_at_hundreds_of_schools_is_one_line() -> None:
    schools = [SCHOOL.model_copy(update={"id": f"school-{n}", "name": f"School {n}"}) for n in range(500)]
    mail = kinds.begins_tomorrow([(school, SUMMER) for school in schools], PLACES.school)
    assert mail.subject == "500 schools: Summer begins tomorrow"
    assert mail.table is not None
    ((name, words, whose),) = mail.table.rows
    assert (name, words) == ("Summer", "12 September to 15 September: leavers of 11 and joiners expected")
    assert str(whose).endswith("School 9, 490 more")


def test_the_question_about_a_plan_tells_of_its_departures_where_they_can_be_left_out() -> None:
    held = {"effective_date": "2026-09-11", "reasons": [], "counts": {}, "lapses_at": FRIDAY, "places": PLACES}
    for without in (True, False):
        mail = kinds.plan_held(SCHOOL, subject="Approve?", without_departures=without, **held)
        assert ("Approve without departures" in mail.text) == without


def test_the_digest_has_the_school_that_fails_longest_first_and_says_how_all_stand() -> None:
    def other(state: str, since: datetime | None = None) -> Morning:
        return Morning(SCHOOL.model_copy(update={"name": "Larkspur"}), state, Link("Larkspur", ""), "Why.", since)

    waits, newer = other("waits"), other("fails", FRIDAY + timedelta(days=2))
    mail = kinds.daily_digest([other("in order"), waits, newer, FAILS], PLACES.school)
    assert mail.subject == "2 schools still fail"
    assert mail.happened[0] == "4 schools: 2 failing, 1 waiting for an answer, 1 in order."
    assert mail.table is not None
    assert [str(row[0]).split(" <")[0] for row in mail.table.rows] == ["Green Abbey", "Larkspur", "Larkspur"]
    assert kinds.daily_digest([waits, other("in order")], PLACES.school).subject == "Larkspur needs you"
    well = kinds.daily_digest([other("in order"), other("paused")], PLACES.school)
    assert (well.subject, well.tone) == ("all well: 1 paused, 1 in order", "good")


def test_a_wide_table_is_in_the_text_an_entry_for_each_row_and_a_narrow_one_has_columns() -> None:
    assert "School: Green Abbey <https://airflow.example.org/dags/x>\nSince: 02:05" in MAILS["daily_digest"].text
    narrow = "Accounts\n---------------------  -----\nto disable             1,007\nto lose the role only  1\n"
    assert narrow in MAILS["departures_held"].text


def test_what_a_configuration_calls_a_thing_is_quoted_in_the_text_and_code_in_html() -> None:
    mail = MAILS["run_late"]
    assert 'It is at "extract".' in mail.text
    assert "It is at <code>extract</code>." in mail.html
    assert [kind for kind, each in MAILS.items() if "`" in each.text + each.html] == []


def test_what_a_school_is_called_is_escaped_and_stays_in_the_subject_line() -> None:
    school = SCHOOL.model_copy(update={"name": "St <b>\r\nBcc: all@example.org"})
    mail = kinds.run_failed(school, REFUSED, 0, PLACES)
    assert mail.subject_line == "[sims-sync] St <b> Bcc: all@example.org: SIMS refused the password"
    assert "<b>" not in mail.html
    assert "St &lt;b&gt;" in mail.html


def test_a_link_says_where_to_look_when_nobody_has_told_airflow_its_address() -> None:
    mail = Mail(subject="x", tone="info", happened=("y",), table=Table(("a",), [("b",)]), links=(Link("The run", ""),))
    assert "The run: in Airflow's UI" in mail.text
    assert "The run: in Airflow's UI" in html.unescape(mail.html)
    assert "href" not in mail.html


@pytest.mark.parametrize("stage", [*STAGES, "run"])
@pytest.mark.parametrize(
    "kind", ["", *(name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SyncError))]
)
def test_every_fault_of_every_stage_has_a_few_words(stage: str, kind: str) -> None:
    words = in_a_few_words(stage, kind)
    assert 5 < len(words) <= 45
    assert "{" not in words


def test_the_same_fault_of_sims_and_of_the_directory_has_other_words() -> None:
    assert in_a_few_words("extract", "TransientFault") == "SIMS could not be used"
    assert in_a_few_words("load", "TransientFault") == "the directory could not be used"
