"""Six nights of a school on each SCIM server that nobody here wrote: what stands in the accounts, and what is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import requests
from scim_servers import CORE_USER, NO_MARKER, ROLES, SERVERS, SIX_NIGHTS, Running, Server, running

from nights_without_airflow import Night
from proxy import Proxy, Request, proxy_to
from sandbox.sims import server as sims_server
from sandbox.sims.database import Database
from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.config.school_entry import School
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.store.opening import open_store

pytestmark = pytest.mark.servers

FIRST = date(2026, 9, 14)
DOCUMENTS = ("students", "addresses", "person_addresses", "telephones", "emails", "sen_provisions", "free_meals")

Values = Mapping[str, Any]
"""The values of a student by the names of attributes."""

Roll = Mapping[int, Values]
"""The students on roll by Person ID."""


def student(number: int) -> dict[str, Any]:
    """A student with a value of every attribute."""
    return {
        "userName": f"{number:06d}",
        "name.givenName": "Zoë",
        "name.familyName": f"Example-{number}",
        'addresses[type eq "home"]': {
            "streetAddress": f"{number} High Street",
            "locality": "Ambridge",
            "region": "Borsetshire",
            "postalCode": "BA1 1AA",
            "country": "GB",
        },
        'phoneNumbers[type eq "home"]': f"01632 960{number}",
        'phoneNumbers[type eq "mobile"]': f"07700 900{number}",
        'emails[type eq "home"]': f"home-{number}@example.org",
        'emails[type eq "work"]': f"work-{number}@example.org",
        "schoolIdentifier": f"{number:06d}",
        "dateOfBirth": "2012-05-17",
        "freeSchoolMeals": True,
        "gender": "Female",
        "senInformation": [{"value": "K", "display": "SEN support", "startDate": "2026-09-01"}],
        "emailPreference": "Personal",
    }


ENROLLED: Roll = {number: student(number) for number in range(101, 115)}
LEAVERS = (113, 114)
CHANGES: Roll = {
    101: {"name.givenName": "Zoe"},
    102: {"name.familyName": "EXAMPLE-102"},
    103: {'addresses[type eq "home"]': {"streetAddress": "1 Low Street", "locality": "Felpersham", "country": "GB"}},
    104: {'phoneNumbers[type eq "home"]': "01632 960999", 'phoneNumbers[type eq "mobile"]': "07700 900999"},
    105: {'emails[type eq "home"]': "newer-105@example.org"},
    106: {'emails[type eq "work"]': "newer-106@example.org", "schoolIdentifier": "N00106"},
    107: {"dateOfBirth": "2012-06-18", "gender": "Male"},
    108: {"freeSchoolMeals": False},
    109: {"senInformation": [{"value": "E", "display": "Education, health and care plan", "startDate": "2026-09-02"}]},
    # cleared: a part, one of two types, everything that may be
    110: {'phoneNumbers[type eq "home"]': None, 'emails[type eq "work"]': None},
    111: {'addresses[type eq "home"]': None},
    112: {
        'addresses[type eq "home"]': None,
        'phoneNumbers[type eq "home"]': None,
        'phoneNumbers[type eq "mobile"]': None,
        'emails[type eq "work"]': None,
        "senInformation": [],
    },
}
CHANGED: Roll = {
    **{number: {**values, **CHANGES.get(number, {})} for number, values in ENROLLED.items() if number not in LEAVERS},
    115: student(115),
}
RETURNED: Roll = {
    **CHANGED,
    110: ENROLLED[110],
    111: ENROLLED[111],
    113: ENROLLED[113],
    114: {**ENROLLED[114], "name.familyName": "Newer", 'phoneNumbers[type eq "mobile"]': None},
}

STAFF = ("caretaker", "head")


@dataclass
class Nights:
    """A school, its SIMS and its directory, night by night.

    :param proxy: counts what is sent to the directory.
    """

    server: Server
    scim: Running
    proxy: Proxy
    sims: Database
    school: SchoolWithoutAirflow

    def night(self, roll: Roll) -> Night:
        """A night with this roll."""
        for document in DOCUMENTS:
            self.sims.delete(document)
        for person_id, values in roll.items():
            put(self.sims, person_id, values)
        self.proxy.seen.clear()
        night = self.school.night(FIRST + timedelta(days=self.school.nights))
        for account in self.staff():
            path = f"/Users/{account['id']}"
            assert not [each for each in self.writes if each.path.endswith(path) or f'"{path}"'.encode() in each.body]
        return night

    def counts(self, roll: Roll) -> dict[str, int]:
        """A night with this roll that ends well: the counts of its report that are not zero."""
        night = self.night(roll)
        assert night.fault is None
        assert night.reported
        return {name: number for name, number in night.reported.report.counts.items() if number}

    @property
    def writes(self) -> list[Request]:
        """What was sent to be written in the last night."""
        return [each for each in self.proxy.seen if each.method != "GET"]

    def accounts(self) -> list[dict[str, Any]]:
        """All accounts as the server itself shows them."""
        answer = requests.get(f"{self.scim.url}/Users", headers=self._login, timeout=10)
        resources: list[dict[str, Any]] = answer.json()["Resources"]
        return resources

    def add(self, name: str, **values: Any) -> None:
        """An account that the sync did not make."""
        account = {
            "schemas": [CORE_USER],
            "userName": name.lower(),
            "name": {"givenName": name, "familyName": "Staff", "formatted": f"{name} Staff"},
            "emails": [{"value": f"{name.lower()}@example.org"}],
            "active": True,
            **self.server.staff,
            **values,
        }
        answer = requests.post(f"{self.scim.url}/Users", json=account, headers=self._login, timeout=10)
        assert answer.status_code == requests.codes.created, answer.text

    def staff(self) -> list[dict[str, Any]]:
        """The accounts that the sync has nothing to do with."""
        return sorted((each for each in self.accounts() if each["userName"] in STAFF), key=itemgetter("userName"))

    def students(self) -> dict[int, dict[str, Any]]:
        """The other accounts, by Person ID."""
        others = [each for each in self.accounts() if each["userName"] not in STAFF]
        accounts = {int(value_at(each, self.server.key)): each for each in others}
        assert len(accounts) == len(others), "one account for a person"
        return accounts

    def check(self, held: Roll, inactive: tuple[int, ...] = ()) -> None:
        """That accounts are those of the students, and hold what SIMS holds."""
        accounts = self.students()
        assert accounts.keys() == held.keys()
        assert {number for number, each in accounts.items() if each.get("active") is False} == set(inactive)
        for name in sorted(self.server.keeps):
            found = {number: value_at(each, self.server.path(name)) for number, each in accounts.items()}
            assert found == {number: some(values[name]) for number, values in held.items()}, name

    @property
    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.scim.token}", "Content-Type": "application/scim+json"}


def put(sims: Database, person_id: int, values: Values) -> None:
    """Put a student into SIMS, so that these values are taken."""
    address = values['addresses[type eq "home"]'] or {}
    sims.put_student(
        person_id,
        forename=values["name.givenName"],
        surname=values["name.familyName"],
        admission_number=values["schoolIdentifier"],
        date_of_birth=date.fromisoformat(values["dateOfBirth"]),
        gender=values["gender"],
        email=values['emails[type eq "home"]'],
        telephone=values['phoneNumbers[type eq "home"]'],
        mobile=values['phoneNumbers[type eq "mobile"]'],
        address=address and {
            "street": address["streetAddress"],
            "town": address["locality"],
            "county": address.get("region"),
            "postcode": address.get("postalCode"),
            "country": "England",
        },
    )  # fmt: skip
    if values['emails[type eq "work"]']:
        sims.put_email(person_id, values['emails[type eq "work"]'], "W")
    if values["freeSchoolMeals"]:
        sims.put_free_meal(person_id, FIRST)
    for each in values["senInformation"]:
        start = date.fromisoformat(each["startDate"])
        sims.put_sen_provision(person_id, each["value"], each["display"], start_date=start)


def value_at(account: Values, path: str) -> Any:
    """The value at a SCIM path, none where there is none."""
    if typed := re.fullmatch(r'(\w+)\[type eq "(\w+)"\]', path):
        entries = [each for each in account.get(typed[1]) or () if each.get("type") == typed[2]]
        assert len(entries) <= 1, path
        entry = {name: part for name, part in (entries or [{}])[0].items() if name not in ("type", "primary")}
        return some(entry if typed[1] == "addresses" else entry.get("value"))
    urn, _, path = path.rpartition(":")
    value: Any = account.get(urn) if urn else account
    for part in path.split("."):
        value = (value or {}).get(part)
    return some(value)


def some(value: Any) -> Any:
    """The value, none where it is empty."""
    return None if value in ("", [], {}) else value


def holds(promise: str, *chosen: Server) -> pytest.MarkDecorator:
    """A promise, on each of the servers. Where it does not hold yet it must fail, so that it is seen when it holds."""
    return pytest.mark.parametrize(
        "server", [pytest.param(each, id=each.name, marks=_fails(each, promise)) for each in chosen]
    )


def _fails(server: Server, promise: str) -> list[pytest.MarkDecorator]:
    reason = server.fails.get(promise)
    return [pytest.mark.xfail(strict=True, reason=reason)] if reason else []


@pytest.fixture
def nights(server: Server, tmp_path: Path) -> Iterator[Nights]:
    """The school, with a server on which there are two members of staff."""
    sims = Database(tmp_path / "sims.sqlite")
    sims.put_school()
    with (
        sims_server.running(sims, username="sync", password="secret") as broker,
        running(server, tmp_path) as scim,
        proxy_to(scim.url) as proxy,
    ):
        source = Sims(lambda: SimsClient(broker.url, "sync", "secret"), GREEN_ABBEY.la, GREEN_ABBEY.estab)
        told = {"directory": server.directory} if server.directory else {}
        entry = School.model_validate({**GREEN_ABBEY.model_dump(), **told})
        school = SchoolWithoutAirflow(open_store(tmp_path / "store"), source, proxy.url, scim.token, entry)
        nights = Nights(server, scim, proxy, sims, school)
        for name in STAFF:
            nights.add(name)
        yield nights


@holds(SIX_NIGHTS, *(each for each in SERVERS if each.marks))
def test_six_nights(nights: Nights) -> None:
    """The first, one with changes of everything and leavers, one with returners and regained values, and after each one
    without changes."""
    staff = nights.staff()
    counts = nights.counts(ENROLLED)
    assert without_writes(counts) == {"extracted": 14, "created": 14}
    nights.check(ENROLLED)
    unchanged(nights, ENROLLED)

    counts = nights.counts(CHANGED)
    assert without_writes(counts) == {"extracted": 13, "created": 1, "disabled": 2}
    if not nights.server.rewrites:
        assert counts.get("updated", 0) == len(differing(nights.server, ENROLLED, CHANGED))
    before = {**ENROLLED, **CHANGED}
    nights.check(before, inactive=LEAVERS)
    unchanged(nights, CHANGED)

    counts = nights.counts(RETURNED)
    assert without_writes(counts) == {"extracted": 15, "enabled": 2}
    if not nights.server.rewrites:
        assert counts["updated"] == len(differing(nights.server, before, RETURNED) | set(LEAVERS))
    nights.check(RETURNED)
    unchanged(nights, RETURNED)
    assert nights.staff() == staff


def unchanged(nights: Nights, roll: Roll) -> None:
    """A night without changes makes zero writes."""
    if nights.server.rewrites:
        nights.night(roll)
    counts = nights.counts(roll)
    assert nights.writes == []
    assert {name: number for name, number in counts.items() if name != "warnings"} == {
        "extracted": len(roll), "unchanged": len(roll),
    }  # fmt: skip


def without_writes(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts that do not depend on what the server keeps."""
    return {name: number for name, number in counts.items() if name not in ("updated", "unchanged", "warnings")}


def differing(server: Server, before: Roll, after: Roll) -> set[int]:
    """Who has another value of something that the server keeps."""
    on_both = before.keys() & after.keys()
    return {number for number in on_both if any(before[number][name] != after[number][name] for name in server.keeps)}


@holds(ROLES, *(each for each in SERVERS if each.roles))
def test_a_member_of_staff_who_is_on_roll_loses_the_role_student_alone(nights: Nights) -> None:
    teacher, roll = 101, {101: student(101), 102: student(102)}
    nights.add("Teacher", externalId=str(teacher))
    for counted, rolls in (
        ({"extracted": 2, "created": 1, "updated": 1}, roll),
        ({"extracted": 1, "unchanged": 1, "disabled": 1}, {102: roll[102]}),
        ({"extracted": 2, "updated": 1, "unchanged": 1}, roll),
    ):
        assert nights.counts(rolls) == counted
        account = nights.students()[teacher]
        assert (account["userName"], account["active"]) == ("teacher", True)
        expected = {"staff", "student"} if teacher in rolls else {"staff"}
        assert {role["value"] for role in account["roles"]} == expected
        unchanged(nights, rolls)


@holds(NO_MARKER, *(each for each in SERVERS if not each.marks))
def test_where_accounts_do_not_keep_the_marker_one_is_created_and_no_more(nights: Nights) -> None:
    staff = nights.staff()
    assert nights.night(ENROLLED).fault
    assert [each.method for each in nights.writes] == ["POST"]
    assert nights.night(ENROLLED).fault
    assert nights.writes == []
    assert nights.staff() == staff
