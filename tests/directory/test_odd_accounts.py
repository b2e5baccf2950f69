"""One odd account never stops the others: it is read forgivingly, else left alone with a finding (SPEC section 9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import requests

from csv_folder import CsvFolder
from proxy import Forward, Proxy, Reply, Request
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.mapping import STANDARD
from sims_sync.model.attributes import EXTENSION

MONDAY = date(2026, 9, 14)
LEAVER, STAYS, NEW = "person-of-july", "person-of-old", "person-of-september"

Spoil = Callable[[dict[str, Any]], dict[str, Any]]

FORGIVEN: dict[str, Spoil] = {
    "roles as texts": lambda each: {**each, "roles": [role["value"] for role in each["roles"]]},
    "one role, not in a list": lambda each: {**each, "roles": each["roles"][0]},
    "null among emails": lambda each: {**each, "emails": [None, *each["emails"], None]},
    "null among roles": lambda each: {**each, "roles": [None, *each["roles"]]},
    "no photos at all": lambda each: {**each, "photos": None, "phoneNumbers": None, "addresses": None},
    "names in capitals": lambda each: {name.upper(): value for name, value in each.items()},
    "names of parts in capitals": lambda each: {
        **each,
        "name": {part.upper(): value for part, value in each["name"].items()},
        "emails": [{part.upper(): value for part, value in entry.items()} for entry in each["emails"]],
    },
    "active as a number": lambda each: {**each, "active": int(each["active"])},
    "active as text": lambda each: {**each, "active": str(each["active"])},
}

LEFT_ALONE: dict[str, dict[str, Any]] = {
    "half a character in a telephone of its owner": {"phoneNumbers": [{"type": "other", "value": "\ud800"}]},
    "half a character in a name": {"name": {"givenName": "\udfff", "familyName": "Example"}},
    "half a character in a version": {"meta": {"resourceType": "User", "version": "\ud800"}},
    "a name that is a text": {"name": "Robin Example"},
    "a name that is a list": {"name": ["Robin", "Example"]},
    "numbers as roles": {"roles": [7]},
    "a list among emails": {"emails": [["one@example.org"]]},
    "an address that is true": {"addresses": True},
    "an extension that is a text": {EXTENSION: "none"},
    "provisions that are numbers": {EXTENSION: {"senInformation": [1, 2]}},
    "meta that is a text": {"meta": "none"},
}


def spoilt_for(spoils: dict[str, Spoil]) -> Callable[[Request, Forward], Reply]:
    """Spoils people's accounts wherever they are read."""

    def spoil(account: dict[str, Any]) -> dict[str, Any]:
        return spoils.get(account.get("externalId", account["userName"]), lambda same: same)(account)

    def meddle(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        if request.method != "GET" or "/Users" not in request.path:
            return reply
        answer = json.loads(reply.body)
        if "Resources" in answer:
            answer = {**answer, "Resources": [spoil(each) for each in answer["Resources"]]}
        elif "userName" in answer:
            answer = spoil(answer)
        return replace(reply, body=json.dumps(answer).encode())

    return meddle


def night(school: SchoolWithoutAirflow, *on_roll: str) -> dict[str, int]:
    """The next night with these on roll; its counts that are not zero."""
    assert isinstance(school.source, CsvFolder)
    student = {"forename": "Robin", "surname": "Example"}
    school.source.write("students", [{"person_id": each, **student, "admission_number": f"{each}"} for each in on_roll])
    email = {"location": "H", "main": "T", "primary": "T"}
    school.source.write(
        "emails",
        [{"person_id": each, "email_id": each, "email_address": f"{each}@example.org", **email} for each in on_roll],
    )
    told = school.night(MONDAY + timedelta(days=school.nights), approved_by="Anna")
    assert told.fault is None, told.fault
    assert told.reported
    return {name: number for name, number in told.reported.report.counts.items() if number}


def accounts(school: SchoolWithoutAirflow) -> dict[str, Any]:
    return {each["externalId"]: each for each in school.users()}


def test_names_without_case_texts_and_nulls_are_read_as_what_they_mean(
    school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    people = dict(zip(FORGIVEN, (f"person-{number}" for number in range(1, 100)), strict=False))
    night(school, *people.values())
    proxy.meddle = spoilt_for({people[oddity]: spoil for oddity, spoil in FORGIVEN.items()})
    assert night(school, *people.values()) == {"extracted": len(people), "unchanged": len(people)}
    assert night(school, STAYS)["disabled"] == len(people)
    proxy.meddle = lambda request, forward: forward(request)
    left = accounts(school)
    assert [oddity for oddity, person in people.items() if left[person]["active"]] == []


@pytest.mark.parametrize("on_roll", [True, False], ids=["on roll", "left"])
def test_an_account_that_cannot_be_read_is_left_alone_with_a_finding_and_the_others_go_on(
    school: SchoolWithoutAirflow, proxy: Proxy, on_roll: bool
) -> None:
    people = dict(zip(LEFT_ALONE, (f"person-{number}" for number in range(1, 100)), strict=False))
    night(school, STAYS, LEAVER, *people.values())
    before = accounts(school)
    proxy.meddle = spoilt_for(
        {people[oddity]: lambda each, values=values: {**each, **values} for oddity, values in LEFT_ALONE.items()}
    )
    counts = night(school, STAYS, NEW, *(people.values() if on_roll else ()))
    assert (counts["created"], counts["disabled"], counts["warnings"]) == (1, 1, len(people))
    proxy.meddle = lambda request, forward: forward(request)
    after = accounts(school)
    assert [oddity for oddity, person in people.items() if after[person] != before[person]] == []
    assert (after[NEW]["active"], after[LEAVER]["active"]) == (True, False)


def test_where_a_name_stands_twice_the_spelling_of_the_rfc_counts() -> None:
    for account in ({"userName": "right", "USERNAME": "wrong"}, {"USERNAME": "wrong", "userName": "right"}):
        assert as_rfc(account, STANDARD.names)["userName"] == "right"


def test_what_is_not_looked_for_stays_as_it_came() -> None:
    account = {"urn:example:Other": {"Value": [None, "x"]}, "photos": [None], "DISPLAYNAME": "R"}
    assert as_rfc(account, STANDARD.names) == account


@pytest.mark.parametrize("role", ["student", "staff"])
def test_an_account_that_nobody_is_linked_to_stops_nobody_either(
    school: SchoolWithoutAirflow, proxy: Proxy, role: str
) -> None:
    night(school, STAYS, LEAVER)
    strangers = {oddity: f"stranger-{number}" for number, oddity in enumerate(LEFT_ALONE)}
    headers = {"Authorization": "Bearer token", "Content-Type": "application/scim+json"}
    for name in strangers.values():
        body = {"schemas": [USER_SCHEMA], "userName": name, "active": True, "roles": [{"value": role}]}
        requests.post(f"{proxy.url}/Users", json.dumps(body), headers=headers, timeout=10).raise_for_status()
    proxy.meddle = spoilt_for(
        {strangers[oddity]: lambda each, values=values: {**each, **values} for oddity, values in LEFT_ALONE.items()}
    )
    counts = night(school, STAYS, NEW)
    assert (counts["created"], counts["disabled"]) == (1, 1)
    proxy.meddle = lambda request, forward: forward(request)
    assert {each["active"] for each in school.users() if each["userName"].startswith("stranger")} == {True}
