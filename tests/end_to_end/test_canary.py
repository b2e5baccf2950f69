"""Personal data lives in the run files and in the directory, nowhere else (SPEC section 9).

All values of all people are unique, Airflow logs at its lowest level, and the nights are good ones and bad ones; then
everything that is left of them is searched for every value.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from slow_write import SlowWrite

from mail_server import Mailbox, mail_server, parts
from proxy import Forward, Reply, Request
from scheduled import School, scheduled_schools
from statsd import StatsD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MONDAY = date(2026, 9, 14)
PEOPLE = range(4101, 4113)
STAFF = 4901
VIEWER = "vera"
SCHOOLS = ("good", "rejected", "held", "echoing", "no-scim", "no-soap", "killed")

Canary = dict[str, str]


def values_of(person: int) -> Canary:
    """The values of one person, which nobody and nothing else has."""
    return {
        "forename": f"Zqforename{person}",
        "surname": f"O'Zqsurname{person}",
        "email": f"zqhome{person}@example.org",
        "work": f"zqwork{person}@example.org",
        "telephone": f"01632 96{person}",
        "mobile": f"07700 90{person}",
        "street": f"Zqstreet{person}",
        "postcode": f"ZQ{person % 100} 7{person % 10}QZ",
        "date_of_birth": f"{2010 + person % 5}-0{person % 9 + 1}-1{person % 7}",
        "sen": f"zqsen{person}",
    }


def forms(value: str) -> set[bytes]:
    """How a value may look elsewhere, in small letters."""
    digits = value.replace(" ", "")
    as_date = "/".join(reversed(value.split("-"))) if value[:2] == "20" else value
    told = {value, digits, as_date, value.replace(" ", "-"), quote(value), html.escape(value), json.dumps(value)[1:-1]}
    return {each.lower().encode() for each in told}


def enrol(school: School, people: range) -> None:
    for person in people:
        of = values_of(person)
        school.sims.put_student(
            person,
            forename=of["forename"],
            surname=of["surname"],
            date_of_birth=date.fromisoformat(of["date_of_birth"]),
            email=of["email"],
            telephone=of["telephone"],
            mobile=of["mobile"],
            address={"street": of["street"], "town": "Ambridge", "postcode": of["postcode"]},
        )
        school.sims.put_email(person, of["work"], "W")
        school.sims.put_sen_provision(person, of["sen"], of["sen"], start_date=MONDAY)
        school.sims.put_free_meal(person, MONDAY)


def echo(request: Request, forward: Forward) -> Reply:
    """A directory that says what it was sent, wherever there is room, and names another person."""
    if request.method == "GET":
        return forward(request)
    sent = request.body.decode()
    said = f"{sent} {html.escape(sent)} {sent.upper()} but the staff member is {values_of(STAFF)['surname']}"
    name = values_of(PEOPLE[0])["forename"]
    body = {"status": "400", "scimType": name, "detail": said, name: said}
    return Reply(400, json.dumps(body).encode(), {"Content-Type": f"text/{name}", "X-Name": name, "Server": name})


def no_scim(request: Request, forward: Forward) -> Reply:
    """A directory whose accounts come under the name of somebody, as the media type of somebody."""
    reply, name = forward(request), values_of(PEOPLE[0])["surname"]
    if "/Users" not in request.path:
        return reply
    return replace(reply, body=reply.body.replace(b"totalResults", name.encode()), headers={"Content-Type": name})


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def statsd() -> StatsD:
    return StatsD()


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, statsd: StatsD) -> Iterator[dict[str, School]]:
    """All schools, after their nights."""
    told = {"username": "email", "schedule": "0 0 29 2 *", "alert_emails": ["data-team@example.org"]}
    environment = {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"admin:admin,{VIEWER}:viewer",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
    }
    folder = tmp_path_factory.mktemp("canary")
    with scheduled_schools(
        folder, dict.fromkeys(SCHOOLS, told), smtp_port=mailbox.port, environment=environment, bulk=False
    ) as schools:
        for school in schools.values():
            enrol(school, PEOPLE)
            staff = values_of(STAFF)
            name = {"givenName": staff["forename"], "familyName": staff["surname"]}
            school.directory.put_user({"userName": staff["work"], "externalId": f"{STAFF}", "name": name})
        have_their_nights(schools)
        yield schools


def have_their_nights(schools: dict[str, School]) -> None:
    def all_have(run: str, day: date, names: tuple[str, ...], ends: str = "success") -> None:
        for name in names:
            schools[name].trigger(run, effective_date=day.isoformat())
        assert {name: schools[name].wait(run) for name in names} == dict.fromkeys(names, ends)

    all_have("monday", MONDAY, ("good", "rejected", "held", "no-scim", "no-soap"))
    tuesday = MONDAY + timedelta(days=1)
    for name in ("good", "killed"):  # changes, leavers
        schools[name].sims.change("students", {"person_id": PEOPLE[1]}, forename=values_of(STAFF)["forename"])
        schools[name].sims.leave(PEOPLE[2], MONDAY)
    schools["rejected"].sims.put_student(4200, forename=None, surname=values_of(4200)["surname"], email=None)
    for person in PEOPLE[:9]:
        schools["held"].sims.leave(person, MONDAY)
    schools["echoing"].proxy.meddle = echo
    schools["no-scim"].proxy.meddle = no_scim
    schools["no-soap"].sims.put_school(name=values_of(STAFF)["surname"], la=values_of(STAFF)["surname"])
    all_have("tuesday", tuesday, ("good", "rejected"))
    all_have("tuesday", tuesday, ("no-scim", "no-soap", "echoing"), "failed")

    schools["held"].trigger("tuesday", effective_date=tuesday.isoformat())
    schools["held"].question("tuesday", "approve_leavers")
    schools["held"].answer("tuesday", "Reject", "approve_leavers")
    assert schools["held"].wait("tuesday") == "failed"

    killed = schools["killed"]
    killed.proxy.meddle = slow = SlowWrite(place=5)
    killed.trigger("night", effective_date=MONDAY.isoformat())
    slow.kill(killed, "load")
    slow.go_on.set()
    assert killed.wait("night") == "success"


CANARIES = {form for person in (*PEOPLE, STAFF, 4200) for value in values_of(person).values() for form in forms(value)}


def found_in(content: bytes) -> int:
    """How many canaries sing."""
    small = content.lower()
    return sum(canary in small for canary in CANARIES)


def test_the_canaries_are_there_where_they_may_be(schools: dict[str, School]) -> None:
    accounts = json.dumps(schools["good"].directory.users()).encode()
    assert found_in(accounts) > 8 * len(PEOPLE)
    plan = (schools["good"].folder("monday") / "plan" / "plan.json").read_bytes()
    assert found_in(plan) > 8 * len(PEOPLE)


def test_no_value_stands_in_a_log_the_database_the_state_or_any_other_file(schools: dict[str, School]) -> None:
    stack = schools["good"].stack
    runs = [folder for school in SCHOOLS for folder in (stack.store / school).iterdir() if folder.name != "state"]
    files = [
        path for path in stack.folder.rglob("*") if path.is_file() and not any(run in path.parents for run in runs)
    ]
    assert len([path for path in files if path.suffix == ".log"]) > 50
    assert any(path.name == "airflow.db" for path in files)
    assert any("state" in path.parts for path in files)
    assert {
        str(path.relative_to(stack.folder)): found for path in files if (found := found_in(path.read_bytes()))
    } == {}


def test_no_value_stands_in_a_mail(schools: dict[str, School], mailbox: Mailbox) -> None:
    assert len(mailbox.mails) >= 5
    for _, mail in mailbox.mails:
        for part in (*parts(mail), str(mail)):
            assert found_in(part.encode()) == 0, mail["Subject"]


def test_no_value_stands_in_a_metric(schools: dict[str, School], statsd: StatsD) -> None:
    assert len(statsd.lines) > 100
    assert found_in("\n".join(statsd.lines).encode()) == 0


@pytest.fixture(scope="module")
def viewed(schools: dict[str, School]) -> Callable[[str], requests.Response]:
    """A page as a viewer sees it."""
    stack = schools["good"].stack
    passwords = json.loads(Path(stack.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())
    login = {"username": VIEWER, "password": passwords[VIEWER]}
    token = requests.post(f"{stack.url}/auth/token", json=login, timeout=60).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Cookie": f"_token={token}"}
    return lambda path: requests.get(f"{stack.url}{path}", headers=headers, timeout=60)


def test_no_value_stands_on_a_page_or_in_what_airflow_tells_a_viewer(
    schools: dict[str, School], viewed: Callable[[str], requests.Response]
) -> None:
    paths = ["/student-sync/"]
    for school in schools.values():
        page, api = f"/student-sync/dags/{school.dag_id}", f"/api/v2/dags/{school.dag_id}/dagRuns"
        paths += [page, api]
        for run in school.stack.airflow.runs(school.dag_id):
            paths += [f"{page}/runs/{run}", f"{page}/runs/{run}/errors.csv"]
            paths += [f"{page}/students/{person}?run={run}" for person in PEOPLE]
            paths += [f"{api}/{run}/taskInstances", f"{api}/{run}/taskInstances/plan/xcomEntries/return_value"]
            paths += [f"{api}/{run}/taskInstances/{task}/logs/1" for task in ("extract", "plan", "load", "report")]
    answers = {path: viewed(path) for path in paths}
    assert sum(answer.ok for answer in answers.values()) > len(paths) / 2
    assert {path: found for path, answer in answers.items() if (found := found_in(answer.content))} == {}
