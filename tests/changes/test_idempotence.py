"""Every write is repeatable: what a plan wrote needs no second write (SPEC section 6)."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sims_sync.changes.change import Change
from sims_sync.changes.plan import PlanOptions, make_plan
from sims_sync.directory.editing import merged, new_account
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.present import account_table
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION
from sims_sync.model.kinds import FLAG

PERSON_IDS = ("1", "2", "3", "4", "5")
COLUMNS = [attribute.column for attribute in ATTRIBUTES]
TEXT = st.sampled_from(["A", "B", "a@example.org", "b@example.org", "01632 960001"])
MAYBE = st.none() | TEXT


@st.composite
def students(draw: st.DrawFn) -> pd.DataFrame:
    rows = [
        {
            "person_id": person_id,
            **{each.column: draw(st.booleans() if each.kind is FLAG else MAYBE) for each in ATTRIBUTES},
            "user_name": f"user-{person_id}",
            "given_name": draw(TEXT),
            "family_name": draw(TEXT),
            "home_address": draw(
                st.none() | st.builds(lambda town: json.dumps({"locality": town}, separators=(",", ":")), TEXT)
            ),
            "sen_information": draw(st.sampled_from(["[]", '[{"value":"K"}]', '[{"value":"K"},{"value":"E"}]'])),
            "keep": draw(st.lists(st.sampled_from(["gender", "home_email", "home_address"]), unique=True)),
            "user_name_from_email": False,
        }
        for person_id in draw(st.lists(st.sampled_from(PERSON_IDS), unique=True).map(sorted))
    ]
    table = pd.DataFrame(rows, columns=["person_id", *COLUMNS, "keep", "user_name_from_email"])
    return table.astype({"person_id": "str", **{each.column: each.kind.dtype for each in ATTRIBUTES}})


@st.composite
def account(draw: st.DrawFn) -> dict[str, Any]:
    def entries(*types: str) -> st.SearchStrategy[list[dict[str, str]]]:
        entry = st.fixed_dictionaries({"value": TEXT}, optional={"type": st.sampled_from(types)})
        return st.lists(entry, max_size=3)

    roles = st.lists(st.sampled_from(["student", "Student", "staff", "user"]), unique_by=str.lower, max_size=2)
    extension = st.fixed_dictionaries(
        {},
        optional={
            "schoolIdentifier": TEXT,
            "gender": TEXT,
            "disabledBySync": st.booleans(),
            "freeSchoolMeals": st.booleans(),
        },
    )
    return {
        "externalId": draw(st.sampled_from(["1", "02", "3", "x", "9", ""])),
        "active": draw(st.booleans()),
        "name": draw(st.fixed_dictionaries({}, optional={"givenName": TEXT, "familyName": TEXT})),
        "roles": [{"value": role} for role in draw(roles)],
        "emails": draw(entries("home", "work", "other")),
        "phoneNumbers": draw(entries("home", "mobile", "fax")),
        EXTENSION: draw(extension),
    }


def written(accounts: list[dict[str, Any]], changes: list[Change]) -> list[dict[str, Any]]:
    """The directory after the changes, by the plain meaning of a PUT."""
    by_id = {each["id"]: each for each in accounts}
    for change in changes:
        if change.account_id is None:
            created = {**new_account(str(change.person_id), change.values, STANDARD), "id": f"new-{change.person_id}"}
            by_id[created["id"]] = created
        else:
            by_id[change.account_id] = merged(by_id[change.account_id], change.values, STANDARD)
    return list(by_id.values())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(should=students(), accounts=st.lists(account(), max_size=5))
def test_a_plan_that_was_written_leaves_nothing_to_write(should: pd.DataFrame, accounts: list[dict[str, Any]]) -> None:
    accounts = [{**each, "id": f"a{number}", "userName": f"name-{number}"} for number, each in enumerate(accounts)]
    names = {"given_name": "forename", "family_name": "surname"}
    roll = should[["person_id", "school_identifier", *names, "date_of_birth"]].rename(columns=names)
    emails = pd.DataFrame({"person_id": pd.array([], "str"), "email": pd.array([], "str")})
    options = PlanOptions()
    plan = make_plan(should, account_table(accounts, STANDARD), roll, emails, options)
    after = written(accounts, plan.changes)
    again = make_plan(should, account_table(after, STANDARD), roll, emails, options)
    assert again.changes == []
    staff = [each for each in accounts if not any(r["value"].lower() == "student" for r in each["roles"])]
    on_roll = set(should["person_id"])
    for before in staff:
        if not before["externalId"].isdecimal() or before["externalId"].lstrip("0") not in on_roll:
            assert before in after, "accounts of other people are never touched"
