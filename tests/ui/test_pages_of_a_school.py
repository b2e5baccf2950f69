"""What the pages of a school, a run and a student show of nights that Airflow really ran, and what they never show."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from airflow.dag_processing.dagbag import DagBag
from invented_runs import write_config
from school_users import EDITOR, READER
from ui_client import Pages

from sandbox.directory import server as directory_server
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database
from sims_sync.store.layout import run_name
from sims_sync.ui.pages import MISSING

DAG_ID = "sims_student_sync__green-abbey"
SECOND = date.today() - timedelta(days=1)
FIRST = SECOND - timedelta(days=1)

CHOSEN, REJECTED, LEAVER, JOINER, RENAMED, NEW_MEALS, UNMARKED = range(101, 108)
VALUES = {
    "Zebedee",
    "Quillfeather",
    "zeb@example.org",
    "01632 960555",
    "07700 900777",
    "Penhallow Row",
    "TR1 2XY",
    "2012-02-29",
    "Marchbanks",
    "Plain-Name",
    "Speech and language",
}


@dataclass(frozen=True)
class Nights:
    """The ids of the runs."""

    pages: Pages
    first: str
    second: str
    trial: str
    failed: str

    def run(self, run_id: str, rest: str = "", user: str = EDITOR) -> str:
        return str(self.pages.get(f"dags/{DAG_ID}/runs/{quote(run_id)}{rest}", user).text)

    def student(self, person_id: int, user: str = EDITOR, run_id: str | None = None) -> str:
        query = f"?run={quote(run_id, safe='')}" if run_id else ""
        return words(self.pages.get(f"dags/{DAG_ID}/students/{person_id}{query}", user).text)


def words(page: str) -> str:
    """What a person reads on a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def rows(page: str, section: str) -> list[list[str]]:
    """The cells of the table of a section."""
    text = page.split(f'id="{section}"', 1)[1].split("</section>", 1)[0]
    return [
        [words(cell).strip() for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", text.split("<tbody>")[1], re.DOTALL)
    ]


@pytest.fixture(scope="module")
def nights(pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Two nights of a school, a dry run, and one night with a wrong password."""
    folder = tmp_path_factory.mktemp("school")
    write_config(pages.config, [{"id": "green-abbey", "name": "Green Abbey School"}])
    sims = _school(folder / "sims.sqlite")
    with ExitStack() as opened:
        patch = opened.enter_context(pytest.MonkeyPatch.context())
        broker = opened.enter_context(sims_server.running(sims, username="sync", password="secret"))
        directory = opened.enter_context(directory_server.running(folder / "directory.sqlite", token="token"))

        def connect(name: str, **fields: str) -> None:
            patch.setenv(f"AIRFLOW_CONN_{name}_GREEN_ABBEY", json.dumps({"conn_type": "http", **fields}))

        def night(effective_date: date, **parameters: object) -> str:
            dag = DagBag(Path(__file__).parents[2] / "dags").dags[DAG_ID]
            dag.deadline = None  # Airflow 3.3's dag.test() cannot make one
            conf = {"effective_date": effective_date.isoformat(), **parameters}
            return str(dag.test(run_conf=conf).run_id)

        connect("SIMS", host=broker.url, login="sync", password="secret")
        connect("DIRECTORY", host=directory.url, password="token")
        subprocess.run([sys.executable, "-m", "airflow", "dags", "reserialize"], check=True, capture_output=True)
        ran = [night(FIRST), night(SECOND), night(SECOND, dry_run=True)]
        connect("SIMS", host=broker.url, login="sync", password="wrong")
        yield Nights(pages, *ran, night(SECOND))


def _school(path: Path) -> Database:
    sims = Database(path)
    sims.put_school()
    for person_id in range(110, 120):
        sims.put_student(person_id, surname="Plain-Name")
    sims.put_student(
        CHOSEN,
        forename="Zebedee",
        surname="Quillfeather",
        email=None,
        mobile="07700 900777",
        date_of_birth="2012-02-29",
    )
    sims.put_email(CHOSEN, "other@example.org")
    sims.put_email(CHOSEN, "zeb@example.org", primary=True)
    sims.put_telephone(CHOSEN, "01632 960111")
    sims.put_telephone(CHOSEN, "01632 960555", main=True)
    sims.put_address(CHOSEN, start_date="2024-09-01", street="Penhallow Row", postcode="TR1 2XY")
    sims.put_free_meal(CHOSEN, "2020-09-01")
    sims.put_sen_provision(CHOSEN, "K", "Speech and language", start_date="2020-09-01")
    sims.put_student(REJECTED, surname=None)
    sims.put_student(LEAVER, valid_to=FIRST)
    sims.put_student(JOINER, valid_from=SECOND)
    sims.put_student(RENAMED, surname="Plain-Name", valid_to=FIRST)
    sims.put_student(RENAMED, surname="Marchbanks", valid_from=SECOND, email=None)
    sims.put_student(NEW_MEALS)
    sims.put_free_meal(NEW_MEALS, SECOND.isoformat())
    sims.put_student(UNMARKED, email=None)
    sims.put_email(UNMARKED, "unmarked@example.org")
    return sims


def test_the_schools_page_says_that_the_last_run_failed_and_what_to_do(nights: Nights) -> None:
    page = words(nights.pages.get().text)
    assert "1 school needs you" in page
    assert "SIMS refused the login of the connection sims_green_abbey" in page
    assert "Correct the connection before you clear the task" in page


def test_the_run_page_shows_where_the_records_went(nights: Nights) -> None:
    page = nights.run(nights.second)
    assert "Success" in page
    flow = words(page.split('class="flow"')[1].split("</svg>")[0])
    for part in ("16 extracted", "15 validated", "1 created", "2 updated", "12 unchanged", "1 rejected", "1 disabled"):
        assert part in flow, flow
    assert f"/dags/{DAG_ID}/runs/{quote(nights.second, safe='')}" in page


def test_the_plan_gives_each_change_with_its_cause_its_attributes_and_its_result(nights: Nights) -> None:
    changes = {int(row[1]): row for row in rows(nights.run(nights.second), "changes")}
    assert changes[JOINER][0] == "Create"
    assert changes[JOINER][3] == "on roll, no account"
    assert changes[RENAMED] == ["Update", "105", "000105", "values differ", "Surname", "written"]
    assert changes[NEW_MEALS] == ["Update", "106", "000106", "values differ", "Free school meals", "written"]
    assert changes[LEAVER] == ["Disable", "103", "000103", "not on roll", "active, disabledBySync", "written"]


def test_what_tells_health_or_poverty_is_only_told_to_who_may_edit_the_dag(nights: Nights) -> None:
    changes = {int(row[1]): row[4] for row in rows(nights.run(nights.second, user=READER), "changes")}
    assert NEW_MEALS not in changes
    assert changes[RENAMED] == "Surname"
    assert "Free school meals" not in nights.run(nights.first, user=READER)
    student = nights.student(CHOSEN, READER)
    for special in ("Free school meals", "SEN information"):
        assert f"{special} {MISSING} shown to those who may edit the DAG" in student
    assert "in force since 2020-09-01" not in student
    assert "in force since 2020-09-01" in nights.student(CHOSEN, EDITOR)


def test_an_error_says_who_why_what_to_correct_and_since_when(nights: Nights) -> None:
    ((person, number, code, why, since),) = rows(nights.run(nights.second), "errors")
    assert (person, number, code) == ("102", "000102", "no_surname")
    assert why == "The student has no surname in SIMS. Enter the surname in SIMS (Basic Details)."
    assert since == f"{FIRST:%d %b %Y}"


def test_errors_can_be_downloaded_for_a_spreadsheet(nights: Nights) -> None:
    answer = nights.pages.get(f"dags/{DAG_ID}/runs/{quote(nights.second)}/errors.csv", READER)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="errors-green-abbey-{SECOND}.csv"'
    folder = nights.pages.root / "green-abbey" / run_name(nights.second)
    assert answer.content == (folder / "errors.csv").read_bytes()
    error, *warnings = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (error["person_id"], error["stops_import"]) == ("102", "yes")
    assert {row["stops_import"] for row in warnings} == {"no"}


def test_a_dry_run_says_that_nothing_was_written(nights: Nights) -> None:
    page = words(nights.run(nights.trial))
    assert "Dry run" in page
    assert "Where the records would go" in page
    assert "nothing was written" in page


def test_a_failed_run_shows_the_stage_and_the_reason(nights: Nights) -> None:
    page = words(nights.run(nights.failed))
    assert "Failed" in page
    assert "extract failed" in page
    assert "SIMS refused the login" in page
    assert "There is no plan" in page


def test_the_school_page_shows_history_configuration_mark_and_limits(nights: Nights) -> None:
    page = nights.pages.get(f"dags/{DAG_ID}", EDITOR).text
    told = words(page)
    assert page.count('class="hit"') == 4
    assert f"{SECOND}: success; 1 created, 2 updated, 1 disabled, 1 rejected" in told
    to_a_viewer = words(nights.pages.get(f"dags/{DAG_ID}", READER).text)
    assert f"{SECOND}: success; 1 created, 1 updated, 1 disabled, 1 rejected" in to_a_viewer
    assert f"Newest roll that was applied {SECOND:%d %b %Y}" in told
    assert nights.second in told
    assert "Disabled in the last 7 days 1 account, 0 of them approved" in told
    assert re.search(r"Accounts to disable \d+ of \d+", told)
    for setting in ("username admission_number", "connection of SIMS sims_green_abbey", "retention_days 30"):
        assert setting in told


def test_a_student_page_shows_each_rule_the_row_it_chose_and_why(nights: Nights) -> None:
    told = nights.student(CHOSEN, READER)
    assert "Admission number 000101" in told
    assert "the account is as it should be" in told
    assert re.search(r"Personal email EmailID \d+ primary", told)
    assert re.search(r"Home telephone TelephoneID \d+ main", told)
    assert re.search(r"Mobile telephone TelephoneID \d+ first in the list", told)
    assert re.search(r"Home address AddressID \d+ in force since 2024-09-01", told)
    assert f"Work email {MISSING} nothing in SIMS" in told


def test_values_are_shown_to_who_may_edit_the_dag_and_to_nobody_else(nights: Nights) -> None:
    shown = nights.student(CHOSEN, EDITOR)
    for value in VALUES - {"Marchbanks", "Plain-Name"}:
        assert value in shown, value
    assert "01632 960111" not in shown, "the rules did not choose it"
    runs = (nights.first, nights.second, nights.trial, nights.failed)
    seen = [
        nights.pages.get("", READER).text,
        nights.pages.get(f"dags/{DAG_ID}", READER).text,
        *(nights.student(person_id, READER) for person_id in range(101, 108)),
        *(nights.run(run_id, rest, READER) for run_id in runs for rest in ("", "/errors.csv")),
        *(nights.run(run_id) for run_id in runs),
    ]
    for page in seen:
        assert not {value for value in VALUES if value in unescape(page)}


@pytest.mark.parametrize(
    ("person_id", "label", "sentence"),
    [
        (REJECTED, "rejected", "not imported (no_surname). An account that there is already is neither changed nor"),
        (LEAVER, "account disabled", "not on roll, so the account is that of a leaver: account disabled."),
        (JOINER, "account created", "on roll and had no account: account created."),
        (RENAMED, "account updated", "has an account that differed from SIMS: account updated."),
        (UNMARKED, "unchanged", "The student is on roll, and the account is as it should be"),
    ],
)
def test_a_student_page_says_why_there_is_an_account_or_not(
    nights: Nights, person_id: int, label: str, sentence: str
) -> None:
    told = nights.student(person_id)
    assert f"Person {person_id} {label} " in told
    assert sentence in told


def test_what_stands_in_the_way_is_said_with_what_to_correct(nights: Nights) -> None:
    assert "no_surname The student has no surname in SIMS. Enter the surname" in nights.student(REJECTED)
    assert f"Since {FIRST:%d %b %Y}." in nights.student(REJECTED)
    assert "no_primary_email None of the student's email addresses is marked" in nights.student(UNMARKED)


def test_a_student_page_tells_what_each_of_the_last_runs_did(nights: Nights) -> None:
    told = nights.student(LEAVER).split("What the last runs did")[1].split("Which values")[0]
    assert told.index("not on roll") < told.index("account disabled") < told.index("account created")
    first = nights.student(LEAVER, run_id=nights.first)
    assert "account created" in first.split("What the last runs did")[0]


@pytest.mark.parametrize("who", ["101", " 101 ", "000101", "0101"])
def test_a_student_is_found_by_person_id_or_admission_number(nights: Nights, who: str) -> None:
    answer = nights.pages.post(f"dags/{DAG_ID}/students", READER, data={"who": who})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/student-sync/dags/{DAG_ID}/students/101"


@pytest.mark.parametrize("who", ["", "999999", "Quillfeather", "<script>", "0", "%", "\x00"])
def test_nobody_is_found_by_anything_else(nights: Nights, who: str) -> None:
    answer = nights.pages.post(f"dags/{DAG_ID}/students", data={"who": who})
    assert answer.status_code == 404
    assert "know a student with this Person ID or admission number" in answer.text
    assert "<script>" not in answer.text.replace("<script src", "")
