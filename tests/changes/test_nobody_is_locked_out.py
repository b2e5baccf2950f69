"""Whatever the Person IDs become: nobody on roll is locked out, and nobody gets a second account (SPEC section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planned_school import planned

from sims_sync.changes.change import LEAVER_KINDS
from sims_sync.changes.linking import Linking
from sims_sync.changes.plan import Plan
from sims_sync.directory.editing import merged, new_account
from sims_sync.directory.mapping import STANDARD

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
def years(draw: st.DrawFn) -> Year:
    before = {person: str(person) for person in draw(st.sets(st.sampled_from(PEOPLE)))}
    people = sorted(draw(st.sets(st.sampled_from(PEOPLE), min_size=1)))
    ids = draw(
        st.lists(
            st.sampled_from(["1", "2", "3", "4", "5", "91", "92", "93"]),
            min_size=len(people),
            max_size=len(people),
            unique=True,
        )
    )
    rejected = draw(st.sets(st.sampled_from(ids)))
    unkeyed = draw(st.frozensets(st.sampled_from(PEOPLE)))
    return Year(
        before,
        dict(zip(people, ids, strict=True)),
        tuple(rejected),
        unkeyed,
        Linking(draw(st.sampled_from([None, "certain", "likely"]))),
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(year=years())
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


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(year=years())
def test_after_enough_linked_nights_everybody_has_their_account_and_nothing_is_left_to_write(year: Year) -> None:
    accounts = directory_of(year)
    roll = [on_roll(person, person_id) for person, person_id in year.after.items()]
    for _ in PEOPLE:
        accounts = written(accounts, planned(roll, list(accounts.values()), Linking("certain")))
    assert planned(roll, list(accounts.values()), Linking("certain")).changes == []
    held = {each["userName"]: each for each in accounts.values()}
    for person, person_id in year.after.items():
        mine = held[f"{person:04}"]
        if not _in_a_ring(year):
            assert (mine.get("externalId"), mine["active"]) == (person_id, True)


def _in_a_ring(year: Year) -> bool:
    """Whether Person IDs went round among people who stayed: then each stands in the account of another, and a person
    must decide."""
    owner = {person_id: person for person, person_id in year.before.items() if person not in year.unkeyed}
    for start in year.after:
        seen, person = set[int](), start
        while person in year.after and (holder := owner.get(year.after[person])) not in (None, person):
            if holder in seen:
                return True
            seen.add(holder)
            person = holder
    return False
