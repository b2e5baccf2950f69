"""A form of writing that a directory does not take is left for the next lower one, and not tried again (SPEC section
3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from odd_directory import Answer, Asked, OddDirectory, error
from pupils import Pupil, night, run_night

from csv_nights import counts
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.learnt import Learnt
from sims_sync.model.attributes import EXTENSION
from sims_sync.runs.state import SchoolState

Refuses = Callable[[str, str, Any], Answer | None]
ROLL = tuple(Pupil(key, telephone=f"01632 9600{key}") for key in ("11", "12", "13", "14"))

NO_FILTERS = {
    "invalidPath": error(400, "invalidPath"),
    "noTarget": error(400, "noTarget"),
    "invalidSyntax": error(400, "invalidSyntax"),
    "no scimType": error(400),
    "no body": (400, None),
    "not allowed": error(405),
    "not implemented": error(501),
    "an error of the server": error(500),
}


def moved(*pupils: Pupil, to: str) -> tuple[Pupil, ...]:
    """With another number of telephone."""
    return tuple(Pupil(each.key, telephone=f"01632 96{to}{each.key}") for each in pupils)


def has_filter(body: Any) -> bool:
    return any("[" in each["path"] for each in body["Operations"])


def no_filter(answer: Answer) -> Refuses:
    """A directory that takes no filter in the path of a PATCH."""
    return lambda method, path, body: answer if method == "PATCH" and has_filter(body) else None


def no_patch(answer: Answer) -> Refuses:
    return lambda method, path, body: answer if method == "PATCH" else None


def numbers(odd: OddDirectory) -> dict[str, list[str]]:
    """The telephones of each account."""
    return {each["externalId"]: [one["value"] for one in each.get("phoneNumbers", [])] for each in odd.users.values()}


def refused(odd: OddDirectory) -> list[Asked]:
    return [each for each in odd.seen if each.status >= 400]


def learnt(school: SchoolWithoutAirflow) -> Learnt:
    return SchoolState(school.store, school.school.id).learnt(school.directory, school.school.directory)


def check_arrives(school: SchoolWithoutAirflow, odd: OddDirectory) -> None:
    """Two nights with changes: the numbers arrive, and the second one sends nothing that is refused."""
    night(school, *ROLL)
    for to in ("11", "22"):
        odd.seen.clear()
        assert counts(night(school, *moved(*ROLL, to=to))) == {"extracted": 4, "updated": 4}
        assert numbers(odd) == {each.key: [each.telephone] for each in moved(*ROLL, to=to)}
        if to == "22":
            assert refused(odd) == []


@pytest.mark.parametrize("answer", NO_FILTERS.values(), ids=NO_FILTERS)
def test_where_no_path_may_have_a_filter_the_whole_attribute_is_written_and_that_is_remembered(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, answer: Answer
) -> None:
    odd.etag = answer[0] != 500
    odd.refuse = no_filter(answer)
    check_arrives(odd_school, odd)
    assert learnt(odd_school).form == "attribute"
    assert not any(each.method == "PUT" for each in odd.seen)


@pytest.mark.parametrize("answer", [error(400, "invalidSyntax"), error(405), error(500)], ids=["400", "405", "500"])
def test_where_no_patch_is_taken_whole_accounts_are_put_and_that_is_remembered(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, answer: Answer
) -> None:
    odd.refuse = no_patch(answer)
    check_arrives(odd_school, odd)
    assert learnt(odd_school).form == "put"


def test_after_one_error_of_the_server_alone_the_form_is_tried_again(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    night(odd_school, *ROLL)
    left = [error(500)]
    odd.refuse = lambda method, path, body: (
        left.pop() if left and method == "PATCH" and "Operations" in body and has_filter(body) else None
    )
    assert counts(night(odd_school, *moved(*ROLL, to="11"))) == {"extracted": 4, "updated": 4}
    assert numbers(odd)["11"] == ["01632 961111"]
    assert learnt(odd_school).form == "value_path"


@pytest.mark.parametrize("status", [429, 503])
def test_a_directory_that_is_not_well_is_not_asked_in_another_form(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, status: int
) -> None:
    night(odd_school, *ROLL)
    odd.refuse = lambda method, path, body: (status, {}, {"Retry-After": "0"}) if method == "PATCH" else None
    odd.seen.clear()
    assert run_night(odd_school, *moved(*ROLL, to="11")).fault
    assert {each.method for each in odd.writes} == {"PATCH"}
    assert all(has_filter(each.body) for each in odd.writes)
    assert learnt(odd_school).form == "value_path"


def test_a_value_that_is_refused_in_every_form_says_nothing_of_the_form(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    night(odd_school, *ROLL)
    odd.refuse = lambda method, path, body: error(400) if "01632 961111" in str(body) else None
    told = night(odd_school, *moved(*ROLL, to="11"))
    assert counts(told) == {"extracted": 4, "rejected": 1, "updated": 3}
    assert learnt(odd_school).form == "value_path"


def test_a_whole_account_is_put_with_what_others_keep_and_without_what_cannot_be_written(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.patch = False
    odd.mutability = {"displayName": "readOnly"}
    night(odd_school, *ROLL)
    account = odd.users["id1"]
    others = {
        "title": "Prefect",
        "phoneNumbers": [{"type": "work", "value": "01632 960999"}, *account["phoneNumbers"]],
        "roles": [*account["roles"], {"value": "choir"}],
        "urn:example:other:1.0:User": {"house": "Blue", "points": [1, 2]},
    }
    odd.users["id1"] = {**account, **others, "displayName": "R. Example", "groups": [{"value": "7b"}], "password": "#"}
    odd.seen.clear()
    night(odd_school, *moved(*ROLL, to="11"))
    sent = [each.body for each in odd.writes if each.path == "/Users/id1"]
    assert [each.method for each in odd.writes] == ["PUT"] * 4
    assert not any({"password", "displayName", "meta", "groups"} & each.keys() for each in sent)
    after = odd.users["id1"]
    assert after["phoneNumbers"] == [others["phoneNumbers"][0], {"type": "home", "value": "01632 961111"}]
    assert (after["password"], after["displayName"]) == ("#", "R. Example")
    for name in ("title", "roles", "urn:example:other:1.0:User"):
        assert after[name] == others[name]


def test_a_leaver_is_disabled_and_a_role_taken_away_in_the_lowest_form_too(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.refuse = no_patch(error(501))
    night(odd_school, *ROLL)
    odd.users["id2"]["roles"].append({"value": "staff"})
    assert counts(night(odd_school, *ROLL[2:])) == {"extracted": 2, "unchanged": 2, "disabled": 2}
    assert odd.user("11")["active"] is False
    assert odd.user("11")[EXTENSION]["disabledBySync"] is True
    assert (odd.user("12")["active"], odd.user("12")["roles"]) == (True, [{"value": "staff"}])
    assert counts(night(odd_school, *ROLL))["enabled"] == 1


NO_BULK = {status: error(status) for status in (400, 404, 405, 501)}


@pytest.mark.parametrize("answer", NO_BULK.values(), ids=NO_BULK)
def test_where_no_bulk_request_is_taken_accounts_are_written_alone_and_nobody_twice(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, answer: Answer
) -> None:
    odd.bulk = True
    odd.refuse = lambda method, path, body: answer if path == "/Bulk" else None
    assert counts(night(odd_school, *ROLL)) == {"extracted": 4, "created": 4}
    assert [each.status for each in odd.writes] == [201] * 4
    odd.seen.clear()
    assert counts(night(odd_school, *moved(*ROLL, to="11"))) == {"extracted": 4, "updated": 4}
    assert refused(odd) == [], "it is remembered"


def test_one_error_of_the_server_to_a_bulk_request_may_pass_and_after_two_accounts_are_written_alone(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.bulk = True
    night(odd_school, *ROLL)
    odd.refuse = lambda method, path, body: error(500) if path == "/Bulk" else None
    assert run_night(odd_school, *moved(*ROLL, to="11")).fault, "the task is tried again"
    odd.refuse = lambda *_: None
    assert counts(night(odd_school, *moved(*ROLL, to="11"))) == {"extracted": 4, "updated": 4}
    assert learnt(odd_school).bulk is True
    odd.refuse = lambda method, path, body: error(500) if path == "/Bulk" else None
    assert run_night(odd_school, *moved(*ROLL, to="22")).fault
    assert counts(night(odd_school, *moved(*ROLL, to="22"))) == {"extracted": 4, "updated": 4}
    assert learnt(odd_school).bulk is False
    odd.seen.clear()
    assert counts(night(odd_school, *moved(*ROLL, to="33"))) == {"extracted": 4, "updated": 4}
    assert refused(odd) == [], "it is remembered"


def test_accounts_that_a_bulk_request_created_and_answered_by_an_error_are_not_created_twice(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.bulk = True

    def does_and_fails(method: str, path: str, body: Any) -> Answer | None:
        if path != "/Bulk":
            return None
        odd.refuse = lambda *_: None
        odd.answer(method, path, body)
        odd.refuse = does_and_fails
        return error(500)

    odd.refuse = does_and_fails
    assert run_night(odd_school, *ROLL).fault
    assert counts(night(odd_school, *ROLL)) == {"extracted": 4, "unchanged": 4}
    assert len(odd.users) == 4
    assert [each.method for each in odd.writes] == ["POST"] * 4


BULK_STATUSES: dict[str, Callable[[int], Any]] = {
    "text": str,
    "number": int,
    "an object": lambda status: {"code": str(status)},
    "an object with a number": lambda status: {"code": status},
}


@pytest.mark.parametrize("bulk_status", BULK_STATUSES.values(), ids=BULK_STATUSES)
def test_the_status_of_an_operation_is_read_in_every_form(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, bulk_status: Callable[[int], Any]
) -> None:
    odd.bulk, odd.bulk_status = True, bulk_status
    assert counts(night(odd_school, *ROLL)) == {"extracted": 4, "created": 4}
    odd.put(userName="0099")
    told = night(odd_school, *moved(*ROLL, to="11"), Pupil("99"), Pupil("98"))
    assert counts(told) == {"extracted": 6, "created": 1, "updated": 4, "rejected": 1}
    assert [each.path for each in odd.seen if each.method == "PATCH" and not each.in_bulk] == []
    assert learnt(odd_school).bulk is True


@pytest.mark.parametrize("status", [200, 500])
def test_changes_that_a_bulk_request_does_not_do_are_done_alone_and_that_is_remembered(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, status: int
) -> None:
    odd.bulk = True
    night(odd_school, *ROLL)

    def does_nothing(method: str, path: str, body: Any) -> Answer | None:
        if not odd.in_bulk or method != "PATCH":
            return None
        return (200, odd.users[path.rpartition("/")[2]]) if status == 200 else error(status)

    odd.refuse = does_nothing
    assert counts(night(odd_school, *moved(*ROLL, to="11"))) == {"extracted": 4, "updated": 4}
    assert numbers(odd) == {each.key: [each.telephone] for each in moved(*ROLL, to="11")}
    odd.seen.clear()
    assert counts(night(odd_school, *moved(*ROLL, to="22"))) == {"extracted": 4, "updated": 4}
    assert not any(each.in_bulk for each in odd.seen)
    assert numbers(odd) == {each.key: [each.telephone] for each in moved(*ROLL, to="22")}


def forget(school: SchoolWithoutAirflow) -> None:
    SchoolState(school.store, school.school.id).forget_directory()


def other_settings(school: SchoolWithoutAirflow) -> None:
    school.school = school.school.model_copy(update={"directory": DirectorySettings(page_size=500)})


def other_address(school: SchoolWithoutAirflow) -> None:
    school.directory = school.directory.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("change", [forget, other_settings, other_address])
def test_what_was_learnt_is_tried_again_when_it_is_forgotten_or_the_directory_is_another(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, change: Callable[[SchoolWithoutAirflow], None]
) -> None:
    odd.refuse = no_patch(error(501))
    night(odd_school, *ROLL)
    night(odd_school, *moved(*ROLL, to="11"))
    assert learnt(odd_school).form == "put"
    change(odd_school)
    assert learnt(odd_school).form == "value_path"
    odd.refuse = lambda *_: None
    odd.seen.clear()
    night(odd_school, *moved(*ROLL, to="22"))
    assert {each.method for each in odd.writes} == {"PATCH"}
    shown = SchoolState(odd_school.store, odd_school.school.id).last_learnt()
    assert shown is None or shown.words == [], "what is shown is of the directory as it is now"
