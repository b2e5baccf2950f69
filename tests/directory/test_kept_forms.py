"""A value that a directory keeps otherwise than it is written is not written every night (SPEC section 3)."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
from odd_directory import Account, OddDirectory
from pupils import Pupil, night

from csv_nights import counts
from nights_without_airflow import Night
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.model.attributes import EXTENSION
from sims_sync.runs.state import SchoolState

Keep = Callable[[Account, Account], Account]

ADA = Pupil(
    "11",
    "Ada",
    "McExample",
    "Ada.McExample@Example.org",
    telephone="01632 960011",
    mobile="07700 900011",
    house_name="The Old Mill",
    street="Long Lane",
    postcode="ZZ1 1ZZ",
)
BO = replace(ADA, key="12", forename="Bo", email="Bo@Example.org", telephone="01632 960012", mobile="07700 900012")
ROLL = (ADA, BO)


def of_texts(change: Callable[[str], str]) -> Keep:
    """Every text is kept otherwise, but what people log in with and are found by."""

    def deep(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: each if name in ("type", "id", "schemas") else deep(each) for name, each in value.items()}
        if isinstance(value, list):
            return [deep(each) for each in value]
        return change(value) if isinstance(value, str) else value

    left = ("schemas", "id", "externalId", "userName", "roles", EXTENSION, "meta")
    return lambda before, after: {
        name: value if name in left else deep(value) for name, value in copy.deepcopy(after).items()
    }


def without_types(before: Account, after: Account) -> Account:
    return {
        name: [{part: each[part] for part in each if part != "type"} for each in value]
        if name in ("emails", "phoneNumbers", "addresses")
        else value
        for name, value in after.items()
    }


def no_telephones(before: Account, after: Account) -> Account:
    return {name: value for name, value in after.items() if name != "phoneNumbers"}


def one_telephone(before: Account, after: Account) -> Account:
    return {**after, "phoneNumbers": after["phoneNumbers"][:1]} if "phoneNumbers" in after else after


def e164(text: str) -> str:
    return "+44" + re.sub(r"\D", "", text)[1:] if re.fullmatch(r"0[\d ]{9,12}", text) else text


KEPT: dict[str, Keep] = {
    "telephones as E.164": of_texts(e164),
    "emails in lower case": of_texts(lambda text: text.lower() if "@" in text else text),
    "no types": without_types,
    "no telephones": no_telephones,
    "one telephone": one_telephone,
    "a street in one line": of_texts(lambda text: text.replace("\n", ", ")),
    "a postcode without its space": of_texts(lambda text: re.sub(r"^(ZZ\d) (\dZZ)$", r"\1\2", text)),
    "all in capitals": of_texts(str.upper),
    "texts of nine characters": of_texts(lambda text: text[:9].strip()),
    "a country that nobody gave": lambda before, after: {
        **after,
        "addresses": [{"country": "GB", **each} for each in after.get("addresses", [])],
    },
    "spaces at the end": of_texts(lambda text: f"{text} "),
}


def odd_writes(odd: OddDirectory, school: SchoolWithoutAirflow, *pupils: Pupil) -> int:
    """How many writes a night makes."""
    odd.seen.clear()
    night(school, *pupils)
    return len(odd.writes)


def told(ended: Night) -> list[str]:
    assert ended.reported
    return [each.message for each in ended.reported.report.warnings if each.code == "value_not_kept"]


def state_file(school: SchoolWithoutAirflow) -> str:
    return SchoolState(school.store, school.school.id).folder.read("directory.json").decode()


FEATURES = cycle([{}, {"etag": True, "bulk": True}, {"patch": False}])


@pytest.mark.parametrize(("keep", "features"), [*zip(KEPT.values(), FEATURES, strict=False)], ids=KEPT)
def test_what_is_kept_otherwise_is_not_written_again_while_both_stand(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, keep: Keep, features: dict[str, bool]
) -> None:
    for name, has in features.items():
        setattr(odd, name, has)
    odd.keep = keep
    night(odd_school, *ROLL)
    assert odd_writes(odd, odd_school, *ROLL) == 0


def test_a_removal_that_is_ignored_is_sent_in_one_night_and_not_again(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    night(odd_school, *ROLL)
    odd.keep = lambda before, after: {**before, **after}
    without = [replace(each, telephone="", mobile="") for each in ROLL]
    assert odd_writes(odd, odd_school, *without)
    assert odd_writes(odd, odd_school, *without) == 0
    assert odd_writes(odd, odd_school, *ROLL) == 0, "it is there still"
    changed = [replace(each, telephone="01632 960099") for each in ROLL]
    assert odd_writes(odd, odd_school, *changed)
    assert odd.user("11")["phoneNumbers"][0]["value"] == "01632 960099"


@pytest.mark.parametrize("etag", [True, False], ids=["versions", "no versions"])
@pytest.mark.parametrize("mask", [None, [{"type": "home", "value": "***"}]], ids=["left out", "masked"])
def test_what_a_list_hides_is_written_in_the_second_night_at_most(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, etag: bool, mask: Any
) -> None:
    odd.etag = etag
    hidden = {} if mask is None else {"phoneNumbers": mask}
    odd.show = lambda account: {
        **{name: value for name, value in account.items() if name != "phoneNumbers"},
        **hidden,
    }
    night(odd_school, *ROLL)
    night(odd_school, *ROLL)
    assert odd_writes(odd, odd_school, *ROLL) == 0
    assert odd_writes(odd, odd_school, replace(ADA, telephone="01632 960099"), BO)
    numbers = {(each["type"], each["value"]) for each in odd.user("11")["phoneNumbers"]}
    assert numbers == {("home", "01632 960099"), ("mobile", "07700 900011")}


def test_it_is_told_once_a_run_with_the_attribute_and_how_many_accounts(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.keep = of_texts(e164)
    night(odd_school, *ROLL)
    first, second = (told(night(odd_school, *ROLL)) for _ in range(2))
    assert first == second
    assert [re.findall(r"(Home|Mobile) telephone: (\d+) account", each) for each in first] == [
        [("Home", "2")],
        [("Mobile", "2")],
    ]
    assert not any(number in each for each in first for number in ("960011", "+44"))


def test_a_difference_of_case_alone_is_not_told(odd_school: SchoolWithoutAirflow, odd: OddDirectory) -> None:
    odd.keep = of_texts(lambda text: text.lower() if "@" in text else text.upper())
    night(odd_school, *ROLL)
    assert told(night(odd_school, *ROLL)) == []


def test_what_sims_changes_is_written_and_what_a_person_edits_is_corrected(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.keep = of_texts(e164)
    night(odd_school, *ROLL)
    changed = replace(ADA, telephone="01632 960099")
    assert counts(night(odd_school, changed, BO)) == {"extracted": 2, "updated": 1, "unchanged": 1, "warnings": 2}
    assert odd.user("11")["phoneNumbers"][0]["value"] == "+441632960099"
    assert odd_writes(odd, odd_school, changed, BO) == 0
    odd.user("12")["phoneNumbers"][0]["value"] = "+441632960666"
    assert odd_writes(odd, odd_school, changed, BO) > 0
    assert odd.user("12")["phoneNumbers"][0]["value"] == "+441632960012"
    assert odd_writes(odd, odd_school, changed, BO) == 0


def test_a_directory_that_is_mended_gets_the_next_change_and_is_not_told_of_any_more(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.keep = of_texts(e164)
    night(odd_school, *ROLL)
    odd.keep = lambda before, after: after
    changed = [replace(each, telephone="01632 960099", mobile="07700 900099") for each in ROLL]
    night(odd_school, *changed)
    assert told(night(odd_school, *changed)) == []
    assert odd.user("11")["phoneNumbers"][0]["value"] == "01632 960099"


def test_key_marker_and_active_are_never_left_as_they_are_found(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    night(odd_school, *ROLL)
    odd.keep = lambda before, after: {**after, "active": True}
    for _ in range(2):
        with pytest.raises(AssertionError, match="person 12"):
            night(odd_school, ADA)
    odd.keep = lambda before, after: after
    assert counts(night(odd_school, ADA))["disabled"] == 1
    odd.user("11")["roles"] = [{"value": "choir"}]
    odd.keep = lambda before, after: {**after, "roles": before["roles"]}
    for _ in range(2):
        with pytest.raises(AssertionError, match="1 of 1 writes failed"):
            night(odd_school, ADA)


def test_the_state_holds_no_value_and_no_digest_that_anybody_could_try(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.keep = of_texts(str.upper)
    night(odd_school, *ROLL)
    night(odd_school, *ROLL)
    held = state_file(odd_school)
    digests = [each for each in json.loads(held)["kept"].values() if each]
    assert digests
    for account in odd.users.values():
        values = [account["name"]["givenName"], account["id"], *(each["value"] for each in account["phoneNumbers"])]
        values += [each["value"] for each in account["emails"]]
        for value in [spelt for each in values for spelt in (each, each.lower(), each.title())]:
            assert f'"{value}' not in held
            for algorithm in ("md5", "sha1", "sha256", "sha512"):
                assert hashlib.new(algorithm, value.encode()).hexdigest()[:12] not in held


def without_sen(before: Account, after: Account) -> Account:
    extension = {name: value for name, value in after.get(EXTENSION, {}).items() if name != "senInformation"}
    return {**after, EXTENSION: extension}


def test_of_sen_and_meals_it_is_known_of_the_directory_alone_and_nothing_is_told_to_who_may_only_read(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    odd.keep = without_sen
    state = SchoolState(odd_school.store, odd_school.school.id)
    caplog.set_level("INFO")
    logged = []
    for sen in ("", "K"):
        caplog.clear()
        ended = night(odd_school, replace(ADA, sen=sen), BO)
        logged.append([record.getMessage() for record in caplog.records])
        held = json.loads(state_file(odd_school)) if sen else {}
        state.forget_directory()
        odd.users.clear()
    assert logged[0] == logged[1], "nobody can tell by the log of a task whether somebody has SEN"
    assert held["kept"] == {}
    assert held["not_kept"] == ["senInformation"]

    for _ in range(2):
        ended = night(odd_school, replace(ADA, sen="K"), BO)
    assert odd_writes(odd, odd_school, replace(ADA, sen="K"), BO) == 0
    assert ended.reported
    assert "SEN" not in ended.reported.redacted.model_dump_json()


def test_what_the_list_of_many_hides_is_not_taken_for_a_form_that_the_directory_does_not_take(
    odd_school: SchoolWithoutAirflow, odd: OddDirectory
) -> None:
    odd.etag = odd.bulk = True
    odd.show = lambda account: {name: value for name, value in account.items() if name != "phoneNumbers"}
    many = [Pupil(str(number), telephone=f"01632 9600{number}") for number in range(11, 36)]
    night(odd_school, *many)
    known = SchoolState(odd_school.store, odd_school.school.id).last_learnt()
    assert known is None or (known.form, known.bulk) == ("value_path", True)
    night(odd_school, *many)
    assert odd_writes(odd, odd_school, *many) == 0
