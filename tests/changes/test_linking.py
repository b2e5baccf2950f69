"""What a plan does with students whose account stands under another Person ID (SPEC sections 5 to 7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planned_school import account, planned, student, wanted

from sims_sync.changes.linking import Linking, reasons_to_hold, replan_link
from sims_sync.changes.plan import Plan
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.mapping import STANDARD, AccountMapping
from sims_sync.directory.present import account_table
from sims_sync.model.attributes import EXTENSION

CERTAIN, LIKELY = Linking("certain"), Linking("likely")


def changes(made: Plan) -> list[str]:
    return [f"{change.kind} {change.person_id or change.account_id}" for change in made.changes]


def codes(made: Plan) -> list[str]:
    return [f"{row.person_id} {row.code}" for row in made.findings.itertuples()]


def detail(made: Plan) -> str:
    (told,) = made.findings["detail"]
    return str(told)


def test_without_more_nobody_of_a_pair_is_created_disabled_or_enabled() -> None:
    made = planned([student("50101")], [account("a1", "101")])
    assert (changes(made), codes(made)) == ([], ["50101 account_to_link"])
    assert detail(made) == "certain: birth date, admission number and forename agree; an account of person 101"
    made = planned(
        [student("50101")], [account("a1", None, active=False, **{EXTENSION: {"disabledBySync": True}})], CERTAIN
    )
    assert changes(made) == [], "it has neither birth date nor admission number: the user name is a likely pair"
    assert detail(made).endswith("an account without Person ID; it is not active, so this student cannot log in")


def test_a_linked_account_gets_the_key_and_whatever_differs() -> None:
    made = planned(
        [student("50101")], [account("a1", "101", name={"givenName": "Ada", "familyName": "Older"})], CERTAIN
    )
    (change,) = made.changes
    assert (change.kind, change.person_id, change.account_id) == ("link", "50101", "a1")
    assert change.values == {"externalId": "50101", "name.familyName": "Archer"}
    assert codes(made) == []


def test_a_linked_account_that_is_the_same_gets_the_key_alone() -> None:
    (change,) = planned([student("50101")], [account("a1", "101")], CERTAIN).changes
    assert (change.values, change.cause) == ({"externalId": "50101"}, "on roll, the account has another Person ID")


def test_a_linked_account_without_the_marker_gets_it() -> None:
    (change,) = planned([student("50101")], [account("a1", None, roles=[])], CERTAIN).changes
    assert change.values == {"externalId": "50101", "roles": "add"}


@pytest.mark.parametrize(("by_sync", "enabled"), [(True, True), (False, False)])
def test_a_linked_account_is_enabled_if_this_sync_disabled_it_and_stays_so_if_a_person_did(
    by_sync: bool, enabled: bool
) -> None:
    held = account("a1", "101", active=False)
    held[EXTENSION]["disabledBySync"] = by_sync
    made = planned([student("50101")], [held], CERTAIN)
    assert made.changes[0].values.get("active") == (True if enabled else None)
    assert codes(made) == ([] if enabled else ["50101 disabled_by_hand"])


@pytest.mark.parametrize(
    ("linking", "of_account"),
    [
        (CERTAIN, {"schoolIdentifier": "4604"}),
        (CERTAIN, {"dateOfBirth": "2014-05-06T00:00:00Z", "schoolIdentifier": "4604"}),
    ],
)
def test_what_makes_a_pair_is_no_mismatch_in_another_spelling(linking: Linking, of_account: dict[str, Any]) -> None:
    held = account("a1", "101", name={"givenName": "Ada", "familyName": "Older"})
    held[EXTENSION].update(of_account)
    made = planned([student("50101")], [held], linking)
    assert (changes(made), codes(made)) == (["link 50101"], [])


@pytest.mark.parametrize("spelling", [{"schoolIdentifier": "4604"}, {"dateOfBirth": "2014-05-06T00:00:00Z"}])
def test_an_account_whose_number_lost_its_zeros_or_whose_birthday_has_a_time_is_still_the_students(
    spelling: dict[str, Any],
) -> None:
    held = account("a1", "50101", name={"givenName": "Ada", "familyName": "Older"})
    held[EXTENSION] = spelling
    made = planned([student("50101")], [held])
    assert (changes(made), codes(made)) == (["update 50101"], [])


def test_an_account_that_somebody_linked_meanwhile_to_another_person_is_not_linked() -> None:
    before, now = account("a1", None), account("a1", "77")
    (change,) = planned([student("50101")], [before], LIKELY).changes
    assert change.kind == "link"
    again = replan_link(change, wanted(student("50101")), account_table([now], STANDARD), STANDARD)
    assert again.changes == []
    assert list(again.findings["code"]) == ["account_to_link"]


def test_likely_pairs_are_linked_only_if_that_is_asked_for() -> None:
    held = account("a1", "101", "000001")
    assert changes(planned([student("50101")], [held], CERTAIN)) == []
    assert changes(planned([student("50101")], [held], LIKELY)) == ["link 50101"]


def test_ambiguous_pairs_are_never_linked() -> None:
    held = account("a1", "101", name={"givenName": "Bea", "familyName": "Archer"})
    made = planned([student("50101")], [held], LIKELY)
    assert (changes(made), codes(made)) == ([], ["50101 account_to_link"])


def test_those_who_are_left_out_of_this_run_are_not_linked() -> None:
    made = planned([student("50101")], [account("a1", "101")], replace(CERTAIN, left_out=frozenset({"50101"})))
    assert (changes(made), codes(made)) == ([], ["50101 account_to_link"])


def test_of_those_who_are_not_the_same_the_student_is_created_and_the_account_is_judged_as_usual() -> None:
    held = account("a1", "101", userName="ada.archer")
    made = planned([student("50101")], [held], Linking(not_the_same=frozenset({("50101", "a1")})))
    assert changes(made) == ["create 50101", "disable 101"]


def test_where_the_key_cannot_be_changed_nothing_is_linked_and_the_finding_says_so() -> None:
    mapping = replace(STANDARD, once=frozenset({"externalId"}))
    made = planned([student("50101")], [account("a1", "101")], LIKELY, mapping=mapping)
    assert changes(made) == []
    assert detail(made).endswith("the directory lets no account change its key, so its support must do it")


def test_a_key_at_another_path_with_a_prefix_is_written_there() -> None:
    mapping = AccountMapping(settings=DirectorySettings(key="employeeNumber", key_prefix="sims-"))
    held = account("a1", None, employeeNumber="sims-101")
    (change,) = planned([student("50101")], [held], CERTAIN, mapping=mapping).changes
    assert change.values == {"externalId": "sims-50101"}


def test_an_account_that_seems_to_be_of_a_student_who_was_rejected_is_not_disabled() -> None:
    made = planned([student("50101")], [account("a1", "101")], LIKELY, rejected=("50101",))
    assert (changes(made), codes(made)) == ([], ["50101 account_not_linked"])


def test_with_person_ids_that_were_others_before_nobody_is_disabled_and_nobody_gets_a_second_account() -> None:
    """2 has what was 1's Person ID before; 3 has 2's."""
    born = {"1": "2014-01-01", "2": "2014-02-02"}
    held = [
        account(
            f"a{n}",
            n,
            f"00{n}",
            name={"givenName": f"F{n}", "familyName": "Archer"},
            **{EXTENSION: {"schoolIdentifier": f"00{n}", "dateOfBirth": born[n]}},
        )
        for n in born
    ]
    roll = [student(str(int(n) + 1), f"00{n}", forename=f"F{n}", born=born[n]) for n in born]
    made = planned(roll, held)
    assert (changes(made), codes(made)) == (
        [],
        ["2 identity_mismatch", "3 account_to_link", "2 account_not_linked"],
    )
    assert changes(planned(roll, held, CERTAIN)) == ["link 3"]


def test_a_student_with_an_account_of_their_own_is_of_no_pair() -> None:
    made = planned([student("50101")], [account("a1", "50101"), account("a2", "101", userName="older")])
    assert changes(made) == ["disable 101"]


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({"userName": "4604"}, True),
        ({"userName": "ADA@example.org"}, True),
        ({"userName": "ada@example.org", "name": {"givenName": "Ben", "familyName": "Archer"}}, False),
        ({EXTENSION: {"schoolIdentifier": "004604"}}, True),
        ({"emails": [{"value": "Ada@example.org"}], "name": {"givenName": "Ada"}}, True),
        ({"emails": [{"value": "Ada@example.org"}], "name": {"familyName": "Archer"}}, True),
        ({"emails": [{"value": "ada@example.org"}], "name": {"givenName": "Ben", "familyName": "Archer"}}, False),
        ({"emails": [{"value": "ada@example.org"}]}, False),
        ({"emails": [{"value": "ben@example.org"}], "name": {"givenName": "Ada", "familyName": "Archer"}}, False),
    ],
    ids=[
        "number",
        "email as user name",
        "brother, email as user name",
        "school identifier",
        "email, forename",
        "email, surname",
        "brother",
        "email",
        "name",
    ],
)
def test_an_account_that_shares_only_its_email_with_a_student_on_roll_is_another_persons(
    values: dict[str, Any], stays: bool
) -> None:
    extra = {"id": "a2", "userName": "older", "roles": [{"value": "student"}], **values}
    made = planned([student("101")], [account("a1", "101"), extra], emails=(("101", "ada@example.org"),))
    assert changes(made) == ([] if stays else ["disable a2"])
    assert codes(made) == (["101 account_not_linked"] if stays else []), "it names the student who was found"


def test_two_students_who_would_get_one_user_name_are_both_not_created_and_name_each_other() -> None:
    made = planned([student("1"), student("2", forename="Bea"), student("3", "004605")], [])
    assert changes(made) == ["create 3"]
    assert codes(made) == ["1 user_name_clash", "2 user_name_clash"]
    assert made.findings["detail"].tolist() == ["person 2", "person 1"]


def test_of_thirty_students_with_one_user_name_nobody_is_created() -> None:
    made = planned([student(str(n), forename=f"F{n}") for n in range(1, 31)], [])
    assert (changes(made), len(made.findings)) == ([], 30)
    assert str(made.findings["detail"].iloc[0]).endswith(", 21 and 9 more")


@pytest.mark.parametrize(
    ("held", "whose"),
    [
        ({"externalId": "7", "roles": [{"value": "staff"}]}, "the account of person 7"),
        ({"externalId": "7", "name": {"givenName": "Bea"}}, "the account of person 7"),
        ({"externalId": "x", "roles": ["staff"]}, "an account without Person ID"),
        ({"externalId": None, "roles": []}, "an account without Person ID"),
    ],
    ids=["staff", "leaver", "another system's key", "nobody's"],
)
def test_a_user_name_that_somebody_has_is_found_when_planning_and_says_whose(held: dict[str, Any], whose: str) -> None:
    other = {"id": "a1", "userName": "004604", "roles": [{"value": "student"}], **held}
    made = planned([student("50101")], [other])
    found = made.findings[made.findings["code"] == "username_in_use"]
    assert (found["person_id"].tolist(), found["detail"].tolist()) == (["50101"], [whose])
    assert "create 50101" not in changes(made)


def test_more_than_3_new_pairs_hold_the_plan_and_say_what_has_happened() -> None:
    roll = [student(str(50000 + n), f"{n:03}", born=f"2014-05-{n:02}") for n in range(1, 6)]
    held = [account(f"a{n}", str(n), f"{n:03}") for n in range(1, 6)]
    for each, on_roll in zip(held, roll, strict=True):
        each[EXTENSION]["dateOfBirth"] = on_roll["date_of_birth"]
    made = planned(roll, held)
    (reason,) = reasons_to_hold(made.pairs, made.changes, (), key_is_fixed=False)
    assert reason.startswith("5 students have an account under another Person ID, as after a change of MIS: 5 certain")
    assert "`link_accounts`" in reason
    shown = {(str(50000 + n), f"a{n}") for n in range(1, 3)}
    assert reasons_to_hold(made.pairs, made.changes, shown, key_is_fixed=False) == [], "3 are new"
    linked = planned(roll, held, CERTAIN)
    assert reasons_to_hold(linked.pairs, linked.changes, (), key_is_fixed=False) == [
        "5 accounts would be linked to students: 5 certain."
    ]
    nobodys = planned(roll, [{**each, "externalId": None} for each in held])
    (reason,) = reasons_to_hold(nobodys.pairs, nobodys.changes, (), key_is_fixed=True)
    assert reason.startswith("5 students have an account without a Person ID")
    assert "lets no account change the key" in reason
