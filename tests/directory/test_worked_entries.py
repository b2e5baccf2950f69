"""The entries of docs/directories.md: each loads, and those that are tried on no real server have nights on a fake of
their directory (SPEC section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import yaml
from published_directories import (
    ENTERPRISE,
    ENTRA,
    Account,
    answers_bulk_with_nothing_done,
    answers_changes_with_nothing,
    answers_filters_with_or_by_nobody,
    drops,
    has_dotted_names,
    has_only,
    keeps_old_parts_of_an_address,
    list_omits,
    lists,
    lists_nobody,
    made_of,
    needs,
    offers_bulk,
    pages_by_cursor,
    says,
    takes_no,
    takes_paths_with_a_filter_of,
)

from csv_nights import counts, next_day, night, put_on_roll, writes
from proxy import Meddle, Proxy
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.directory.places import place_at
from worked_entries import BLOCKS, entries, school_with

PEOPLE = ("person-1", "person-2", "person-3", "person-4", "person-5")
LEAVER, STAYING = PEOPLE[-1], PEOPLE[:-1]
HOME = {"house_number": "1", "street": "High Street", "town": "Ambridge", "county": "Borsetshire"}
MOVED = {"house_number": "2", "street": "Low Street", "town": "Felpersham"}


@dataclass(frozen=True)
class Published:
    """A directory as its documentation has it.

    :param meddle: what is odd in it.
    :param keeps: paths at which it has a value of each student.
    :param staff: what tells an account of a member of staff.
    """

    meddle: Meddle
    keeps: Sequence[str] = ()
    staff: Account = field(default_factory=dict)


DIRECTORIES = {
    "SCIM Gateway": Published(
        made_of(
            says("/ServiceProviderConfig", offers_bulk),
            answers_bulk_with_nothing_done,
            answers_filters_with_or_by_nobody,
            keeps_old_parts_of_an_address,
        ),
        keeps=('phoneNumbers[type eq "mobile"]', 'emails[type eq "home"]'),
        staff={"roles": [{"value": "staff"}]},
    ),
    "Microsoft Entra ID": Published(
        made_of(
            needs("userName", "name.givenName", "name.familyName", "displayName", "password", f"{ENTRA}:mailNickname"),
            drops("password", ENTRA),
            takes_no("PUT"),
            answers_changes_with_nothing,
            takes_paths_with_a_filter_of('type eq "work"'),
            pages_by_cursor(2),
        ),
        keeps=('phoneNumbers[type eq "mobile"]',),
        staff={"userType": "Teacher", ENTERPRISE: {"employeeNumber": "person-1"}},
    ),
    "Keycloak": Published(
        made_of(
            says("/Schemas", has_dotted_names),
            has_only("userName", "name", "active", "externalId", "userType"),
            lists(lambda accounts: (each for each in accounts if "externalId" in each)),
        ),
    ),
}
PAGE = entries("fake")


def test_every_block_of_the_page_loads() -> None:
    assert len(BLOCKS) >= len(PAGE) + len(entries("server"))
    for block in BLOCKS:
        assert school_with(yaml.safe_load(block))


def test_every_entry_that_is_tried_on_a_fake_has_one() -> None:
    assert set(PAGE) == set(DIRECTORIES)


@pytest.mark.parametrize("name", DIRECTORIES)
def test_nights_on_a_fake_of_the_directory(name: str, school: SchoolWithoutAirflow, proxy: Proxy) -> None:
    """The first night, one with changes and a leaver, one with the leaver back, and after each one without changes."""
    published = DIRECTORIES[name]
    school.school = school_with(PAGE[name])
    add(proxy, {"userName": "caretaker", "name": {"familyName": "Caretaker"}, **published.staff})
    staff = caretaker(proxy)
    proxy.meddle = published.meddle

    assert told(school, *PEOPLE, location="M", address=HOME) == {"extracted": 5, "created": 5}
    assert active(school, proxy) == set(PEOPLE)
    unchanged(school, proxy, *PEOPLE, location="M", address=HOME)

    changes: dict[str, Any] = {"surname": "Newname", "telephone": "07700 900002", "location": "M", "address": MOVED}
    assert told(school, *STAYING, **changes) == {"extracted": 4, "updated": 4, "disabled": 1}
    assert active(school, proxy) == set(STAYING)
    for person in STAYING:
        account = students(school, proxy)[person]
        assert account["name"]["familyName"] == "Newname"
        assert all(place_at(path).get(account) for path in published.keeps)
    unchanged(school, proxy, *STAYING, **changes)

    assert told(school, *PEOPLE, **changes) == {"extracted": 5, "updated": 1, "unchanged": 4, "enabled": 1}
    assert active(school, proxy) == set(PEOPLE)
    unchanged(school, proxy, *PEOPLE, **changes)
    assert caretaker(proxy) == staff


@dataclass(frozen=True)
class NoTarget:
    """A directory that cannot be a target.

    :param told: what the first night says.
    :param created: how many accounts there are after two nights.
    """

    meddle: Meddle
    told: str
    created: int


NO_TARGETS = {
    "a list without a filter is empty": NoTarget(lists(lambda accounts: ()), "no fault", 5),
    "the list leaves the key out": NoTarget(
        list_omits("externalId"), "the list of accounts shows it without `externalId`", 1
    ),
    "the list leaves the marker out": NoTarget(list_omits("roles"), "the list of accounts shows it without `roles`", 1),
    "it keeps no roles": NoTarget(drops("roles"), "came back without `roles`", 1),
    "it keeps no key": NoTarget(drops("externalId"), "came back without `externalId`", 1),
    "it lists nobody": NoTarget(lists_nobody, "answered 404", 0),
}


@pytest.mark.parametrize("case", NO_TARGETS.values(), ids=NO_TARGETS)
def test_a_directory_that_cannot_be_a_target_gets_one_account_at_the_most_or_asks(
    case: NoTarget, school: SchoolWithoutAirflow, proxy: Proxy
) -> None:
    proxy.meddle = case.meddle
    put_on_roll(school, *PEOPLE)
    first = school.night(next_day(school))
    assert case.told in str(first.fault or "no fault")
    second = school.night(next_day(school))
    assert second.fault, "it is held, or it fails"
    assert len(accounts(proxy)) == case.created
    assert all(each["active"] for each in accounts(proxy))


def unchanged(school: SchoolWithoutAirflow, proxy: Proxy, *on_roll: str, **values: Any) -> None:
    """A night without changes makes zero writes."""
    proxy.seen.clear()
    assert told(school, *on_roll, **values) == {"extracted": len(on_roll), "unchanged": len(on_roll)}
    assert writes(proxy) == []


def told(school: SchoolWithoutAirflow, *on_roll: str, **values: Any) -> dict[str, int]:
    """What a night counted, but for its warnings."""
    return {name: number for name, number in counts(night(school, *on_roll, **values)).items() if name != "warnings"}


def add(proxy: Proxy, account: Account) -> None:
    """An account that others made, past what is odd."""
    extensions = [each for each in account if each.startswith("urn:")]
    whole = {"schemas": [USER_SCHEMA, *extensions], "active": True, **account}
    requests.post(f"{proxy.target}/Users", json=whole, headers=LOGIN, timeout=10).raise_for_status()


def accounts(proxy: Proxy) -> list[Account]:
    """All that are there, past what is odd."""
    found: list[Account] = requests.get(f"{proxy.target}/Users", headers=LOGIN, timeout=10).json()["Resources"]
    return found


def caretaker(proxy: Proxy) -> Account:
    (found,) = [each for each in accounts(proxy) if each["userName"] == "caretaker"]
    return found


def students(school: SchoolWithoutAirflow, proxy: Proxy) -> dict[str, Account]:
    """The accounts of students by their keys."""
    settings = school.school.directory
    key = place_at(settings.key)
    return {
        str(key.get(each)).removeprefix(settings.key_prefix): each
        for each in accounts(proxy)
        if each["userName"] != "caretaker"
    }


def active(school: SchoolWithoutAirflow, proxy: Proxy) -> set[str]:
    return {person for person, each in students(school, proxy).items() if each["active"]}


LOGIN = {"Authorization": "Bearer token", "Content-Type": "application/scim+json"}
