"""Whatever a directory is like: two nights bring it to what it can hold, a third one writes nothing, and nobody outside
the plan is touched (SPEC sections 3 and 6)."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_directory import Account, Answer, OddDirectory, error, odd_directory
from pupils import KnowsAll, Pupil, night

from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.model.attributes import EXTENSION
from sims_sync.store.local import LocalFolder

Keep = Callable[[Account, Account], Account]
OTHERS = ("title", "nickName", "urn:example:other:1.0:User")
"""Attributes that the sync never writes."""

STAFF: list[Account] = [
    {
        "userName": "ms.staff",
        "externalId": "9001",
        "roles": [{"value": "staff"}],
        "name": {"givenName": "Ms", "familyName": "Staff"},
        "phoneNumbers": [{"type": "home", "value": "01632 960099"}],
    },
    {"userName": "admin", "emails": [{"value": "admin@example.org"}], "title": "Administrator", "active": False},
]


def texts_of(name: str, change: Callable[[str], str]) -> Keep:
    """The values of a list are kept otherwise."""
    return lambda before, after: {
        **after,
        **({name: [{**each, "value": change(each["value"])} for each in after[name]]} if name in after else {}),
    }


def no_types(before: Account, after: Account) -> Account:
    lists = ("emails", "phoneNumbers")
    return {
        name: [{"value": each["value"]} for each in value] if name in lists else value for name, value in after.items()
    }


def as_they_were(before: Account, after: Account) -> Account:
    """Removals have no effect."""
    return {**{name: value for name, value in before.items() if name != EXTENSION}, **after}


def names_in_capitals(before: Account, after: Account) -> Account:
    return {**after, "name": {part: str(value).upper() for part, value in after.get("name", {}).items()}}


def one_line(before: Account, after: Account) -> Account:
    entries = [
        {**each, **({"streetAddress": each["streetAddress"].replace("\n", ", ")} if "streetAddress" in each else {})}
        for each in after.get("addresses", [])
    ]
    return {**after, "addresses": entries} if entries else after


KEPT: tuple[Keep, ...] = (
    texts_of("phoneNumbers", lambda text: "+44" + re.sub(r"\D", "", text).removeprefix("44").lstrip("0")),
    texts_of("emails", str.lower),
    no_types,
    as_they_were,
    names_in_capitals,
    one_line,
)


def refuses(filters: Answer | None, patch: Answer | None, bulk: Answer | None) -> Callable[..., Answer | None]:
    """A directory that does not take filters in paths, PATCH, or bulk requests."""

    def refuse(method: str, path: str, body: Any) -> Answer | None:
        if path == "/Bulk":
            return bulk
        if method != "PATCH":
            return None
        return patch or (filters if any("[" in each["path"] for each in body["Operations"]) else None)

    return refuse


SAID = [error(400, "invalidPath"), error(405), error(501)]
UNSAID = [error(400), error(500)]
"""What may be of the record, or of the moment: of a PATCH without a filter it is taken for that."""
REFUSED = st.none() | st.sampled_from([*SAID, *UNSAID])

DIRECTORIES = st.fixed_dictionaries(
    {
        "patch": st.booleans(),
        "bulk": st.booleans(),
        "etag": st.booleans(),
        "discovery": st.booleans(),
        "extension": st.booleans(),
        "page_size": st.sampled_from([2, 5, 1000]),
        "lacking": st.frozensets(st.sampled_from(["phoneNumbers", "emails", "addresses", "title"])),
        "bulk_status": st.sampled_from([str, int, lambda status: {"code": str(status)}]),
        "mutability": st.dictionaries(
            st.sampled_from(["phoneNumbers", "addresses", "displayName"]), st.sampled_from(["readOnly", "immutable"])
        ),
        "refuse": st.builds(refuses, filters=REFUSED, patch=st.none() | st.sampled_from(SAID), bulk=REFUSED),
    }
)

PUPILS = st.lists(
    st.builds(
        Pupil,
        st.sampled_from([str(number) for number in range(11, 17)]),
        forename=st.sampled_from(["Ada", "Bo"]),
        email=st.sampled_from(["", "Own@Example.org"]),
        telephone=st.sampled_from(["", "01632 960001", "01632 960002"]),
        mobile=st.sampled_from(["", "07700 900001"]),
        house_name=st.sampled_from(["", "The Old Mill"]),
        street=st.sampled_from(["", "Long Lane"]),
        sen=st.sampled_from(["", "K"]),
        meals=st.booleans(),
    ),
    unique_by=lambda each: each.key,
    min_size=1,
    max_size=4,
)


def outside(odd: OddDirectory, keys: set[str]) -> list[Account]:
    """What the sync must not touch: accounts of others, and what others keep in those of pupils."""
    return [
        {name: value for name, value in each.items() if name != "meta"}
        if each.get("externalId") not in keys
        else {"id": each["id"], **{name: each[name] for name in OTHERS if name in each}}
        for each in copy.deepcopy([*odd.users.values()])
    ]


def others_write(odd: OddDirectory, keys: set[str]) -> None:
    """Another system keeps something in the accounts of pupils."""
    for each in odd.users.values():
        if each.get("externalId") in keys:
            each |= {"nickName": "Robin", "urn:example:other:1.0:User": {"house": "Blue"}}


@pytest.mark.timeout(600)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(offers=DIRECTORIES, kept=st.lists(st.sampled_from(KEPT), max_size=3), first=PUPILS, second=PUPILS)
def test_any_directory_comes_to_rest_and_nobody_outside_the_plan_is_touched(
    offers: dict[str, Any], kept: list[Keep], first: list[Pupil], second: list[Pupil]
) -> None:
    keys = {each.key for each in (*first, *second)}
    with odd_directory() as odd, TemporaryDirectory() as folder:
        (Path(folder) / "source").mkdir()
        source = KnowsAll(Path(folder) / "source")
        school = SchoolWithoutAirflow(LocalFolder(Path(folder) / "store"), source, odd.url, token=None)
        for name, value in offers.items():
            setattr(odd, name, value)
        if not odd.discovery:  # what cannot be written, nobody knows then: the record is refused, and tried every night
            odd.mutability = {}
        for each in STAFF:
            odd.put(**copy.deepcopy(each))

        def keep(before: Account, after: Account) -> Account:
            for each in kept:
                after = each(before, after)
            return after

        odd.keep = keep
        night(school, *first)
        others_write(odd, keys)
        before = outside(odd, keys)
        night(school, *second)
        night(school, *second)
        odd.seen.clear()
        night(school, *second)
        assert [(each.method, each.body) for each in odd.writes] == []
        assert outside(odd, keys)[: len(before)] == before
        accounts = {each["externalId"]: each for each in odd.users.values() if each.get("externalId") in keys}
        assert len(accounts) == sum(each.get("externalId") in keys for each in odd.users.values()), "nobody twice"
        for pupil in second:
            assert accounts[pupil.key]["active"] is True
            assert accounts[pupil.key]["name"]["givenName"].casefold() == pupil.forename.casefold()
        if not kept and "phoneNumbers" not in {*odd.lacking, *odd.mutability}:
            numbers = {
                key: [(each["type"], each["value"]) for each in accounts[key].get("phoneNumbers", [])]
                for key in accounts
            }
            for pupil in second:
                wanted = [("home", pupil.telephone), ("mobile", pupil.mobile)]
                assert sorted(numbers[pupil.key]) == [each for each in wanted if each[1]]
        gone = accounts.keys() - {each.key for each in second}
        assert not any(accounts[key]["active"] for key in gone)
