"""Whatever the Person IDs become: nobody on roll is locked out, and nobody gets a second account (SPEC section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from planned_school import planned

from sims_sync.changes.linking import Linking
from sims_sync.changes.plan import Plan
from sims_sync.directory.editing import merged, new_account
from sims_sync.directory.mapping import STANDARD
from sims_sync.model.change_kinds import LEAVER_KINDS

PEOPLE = range(1, 6)


def on_roll(person: int, person_id: str) -> dict[str, Any]:
    """A person, whom all but the Person ID tells from the others."""
    return {
        "person_id": person_id,
        "school_identifier": f"{person:04}",
        "forename": "ABCDE"[person - 1],
        "surname": "Archer",
        "date_of_birth": f"2014-05-{person:02}",
    }


@dataclass(frozen=True)
class Year:
    """Two rolls of a school.

    :param before: Person IDs by person, when the directory was filled.
    :param after: Person IDs by person now, some of them others, or another's before.
    :param rejected: Person IDs of those whose record does not validate now.
    :param unkeyed: people whose account has lost its Person ID.
    :param linking: what is decided about pairs.
    """

    before: dict[int, str]
    after: dict[int, str]
    rejected: tuple[str, ...]
    unkeyed: frozenset[int]
    linking: Linking


@st.composite
def years(draw: st.DrawFn, *, others_ids: bool = True) -> Year:
    """:param others_ids: whether somebody can have a Person ID now that was another's."""
    before = {person: str(person) for person in draw(st.sets(st.sampled_from(PEOPLE)))}
    people = sorted(draw(st.sets(st.sampled_from(PEOPLE), min_size=1)))
    free = [str(person) for person in PEOPLE] if others_ids else []
    ids = draw(st.permutations([*free, *(f"9{person}" for person in PEOPLE)]))
    after = {person: draw(st.sampled_from([str(person), ids[person - 1]])) for person in people}
    assume(len(set(after.values())) == len(after))
    return Year(
        before,
        after,
        rejected=tuple(draw(st.sets(st.sampled_from(sorted(after.values()))))),
        unkeyed=draw(st.frozensets(st.sampled_from(PEOPLE))),
        linking=Linking(draw(st.sampled_from([None, "certain", "likely"]))),
    )


def directory_of(year: Year) -> dict[str, dict[str, Any]]:
    """The accounts by id, as the sync made them for the roll before; ``a<person>`` is the person's."""
    made = (
        planned([on_roll(person, person_id) for person, person_id in year.before.items()], []) if year.before else None
    )
    accounts = written({}, made) if made else {}
    renamed = {f"a{int(each['userName'])}": {**each, "id": f"a{int(each['userName'])}"} for each in accounts.values()}
    for person in year.unkeyed:
        renamed.get(f"a{person}", {}).pop("externalId", None)
    return renamed


def written(accounts: dict[str, dict[str, Any]], plan: Plan) -> dict[str, dict[str, Any]]:
    """The directory after a plan; like any directory it gives a user name once."""
    after = dict(accounts)
    for change in plan.changes:
        if change.account_id is None:
            new = new_account(str(change.person_id), change.values, STANDARD)
            assert new["userName"] not in {each["userName"] for each in after.values()}, "a dry run knows what is taken"
            after[f"new-{change.person_id}"] = {**new, "id": f"new-{change.person_id}"}
        else:
            after[change.account_id] = merged(after[change.account_id], change.values, STANDARD)
    return after


@pytest.mark.timeout(600)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(year=years())
@example(
    Year({1: "1", 2: "2", 3: "3"}, {1: "1", 2: "3"}, ("3", "1"), frozenset(), Linking())
)  # a rejected newcomer's ID
def test_nobody_on_roll_is_locked_out_or_gets_a_second_account_whatever_the_person_ids_become(year: Year) -> None:
    accounts = directory_of(year)
    roll = [on_roll(person, person_id) for person, person_id in year.after.items()]
    plan = planned(roll, list(accounts.values()), year.linking, rejected=year.rejected)
    theirs = {f"a{person}" for person in year.after}
    assert not [change for change in plan.changes if change.kind in LEAVER_KINDS and change.account_id in theirs]
    created = {change.person_id for change in plan.changes if change.kind == "create"}
    assert not created & {year.after[person] for person in year.after if f"a{person}" in accounts}
    for change in plan.changes:
        if change.kind == "link":
            assert year.after[int(str(change.account_id)[1:])] == change.person_id, "it is the person's own"
    after = written(accounts, plan)
    names = [each["userName"] for each in after.values()]
    assert len(names) == len(set(names))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(year=years(others_ids=False))
def test_once_they_are_linked_everybody_has_their_account_and_nothing_is_left_to_write(year: Year) -> None:
    roll = [on_roll(person, person_id) for person, person_id in year.after.items()]
    accounts = written(directory_of(year), planned(roll, list(directory_of(year).values()), Linking("certain")))
    assert planned(roll, list(accounts.values())).changes == []
    held = {int(each["userName"]): (each.get("externalId"), each["active"]) for each in accounts.values()}
    assert {person: held[person] for person in year.after} == {
        person: (person_id, True) for person, person_id in year.after.items()
    }
