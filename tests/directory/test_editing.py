"""What is sent to change an account, on a real server (SPEC section 3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.directory import server
from sims_sync.directory.editing import PATCH_SCHEMA, merged, patch_operations
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.model.attributes import EXTENSION

VALUE = st.sampled_from(["A", "B", "C", "a@example.org", "b@example.org"])


def entries(*types: str) -> st.SearchStrategy[list[dict[str, str]]]:
    entry = st.fixed_dictionaries({"value": VALUE}, optional={"type": st.sampled_from(types)})
    return st.lists(entry, max_size=3, unique_by=lambda each: json.dumps(each, sort_keys=True))


ACCOUNTS = st.fixed_dictionaries(
    {"active": st.booleans()},
    optional={
        "externalId": VALUE,
        "name": st.fixed_dictionaries({"givenName": VALUE}, optional={"familyName": VALUE, "middleName": VALUE}),
        "emails": entries("home", "work", "other"),
        "phoneNumbers": entries("home", "mobile", "fax"),
        "addresses": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["home", "work"]), "locality": VALUE}, optional={"region": VALUE}
            ),
            max_size=2,
            unique_by=lambda each: each["type"],
        ),
        "roles": st.lists(
            st.fixed_dictionaries({"value": st.sampled_from(["Student", "staff", "user"])}),
            unique_by=lambda each: each["value"],
            max_size=2,
        ),
        EXTENSION: st.fixed_dictionaries({"gender": VALUE}, optional={"disabledBySync": st.booleans()}),
    },
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "externalId": VALUE,
        "name.givenName": VALUE,
        "name.familyName": st.none() | VALUE,
        'emails[type eq "home"]': st.none() | VALUE,
        'emails[type eq "work"]': st.none() | VALUE,
        'phoneNumbers[type eq "mobile"]': st.none() | VALUE,
        'addresses[type eq "home"]': st.none() | st.fixed_dictionaries({"locality": VALUE}),
        "schoolIdentifier": st.none() | VALUE,
        "freeSchoolMeals": st.booleans(),
        "senInformation": st.sampled_from([[], [{"value": "K"}], [{"value": "K"}, {"value": "E"}]]),
        "active": st.booleans(),
        "disabledBySync": st.sampled_from([True, None]),
        "roles": st.sampled_from(["add", "remove"]),
    },
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Running]:
    with server.running(tmp_path_factory.mktemp("directory") / "directory.sqlite", token="token") as directory:
        yield directory


def comparable(account: dict[str, Any]) -> dict[str, Any]:
    """What the sync manages of an account, where the order within an attribute does not count."""
    document = {name: value for name, value in STANDARD.managed(account).items() if value not in ([], {}, None)}
    return {
        name: sorted(value, key=lambda each: json.dumps(each, sort_keys=True)) if isinstance(value, list) else value
        for name, value in document.items()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(account=ACCOUNTS, values=VALUES)
def test_patch_operations_do_on_a_real_server_what_a_put_of_the_merged_account_does(
    directory: server.Running, account: dict[str, Any], values: dict[str, Any]
) -> None:
    users = f"{directory.url}/Users"
    headers = {"Authorization": "Bearer token", "Content-Type": "application/scim+json"}
    names = [f"{how}-{len(directory.requests)}" for how in ("patched", "replaced")]
    ids = [directory.put_user({**account, "userName": name}) for name in names]
    before = requests.get(f"{users}/{ids[0]}", headers=headers, timeout=10).json()

    operations = patch_operations(before, values, STANDARD)
    if operations:
        body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
        answer = requests.patch(f"{users}/{ids[0]}", json=body, headers=headers, timeout=10)
        assert answer.ok, answer.text
    whole = merged({**before, "id": ids[1], "userName": names[1]}, values, STANDARD)
    answer = requests.put(f"{users}/{ids[1]}", json=whole, headers=headers, timeout=10)
    assert answer.ok, answer.text

    patched, replaced = (requests.get(f"{users}/{each}", headers=headers, timeout=10).json() for each in ids)
    same = {"id": "", "userName": ""}
    assert comparable({**patched, **same}) == comparable({**replaced, **same})
    assert patch_operations(patched, values, STANDARD) == [], "written again, nothing is sent"
    for name, kinds in {"emails": ("home", "work"), "phoneNumbers": ("mobile",), "addresses": ("home",)}.items():
        others = [each for each in account.get(name, []) if each.get("type") not in (*kinds, None)]
        assert all(any(other.items() <= each.items() for each in patched.get(name, [])) for other in others)


def test_person_ids_compare_as_integers_and_a_missing_active_means_active() -> None:
    ids = ["0101", " 7 ", "abc", "", None, "1.5", "-3", "99999999999999999999"]
    table = account_table([{"id": str(number), "externalId": each} for number, each in enumerate(ids)], STANDARD)
    assert table["linked_person_id"].tolist()[:2] == ["101", "7"]
    assert table["linked_person_id"].isna().tolist()[2:] == [True] * 6
    assert table["active"].all()
    assert not table["is_student"].any()
    assert account_table([], STANDARD).empty
