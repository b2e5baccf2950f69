"""The nights after a school changed its MIS: every Person ID is new (SPEC section 6, "Linking")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from csv_folder import CsvFolder
from nights_without_airflow import Night, run_night
from sandbox.directory import server
from sandbox.directory.server import Running
from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.config.school_entry import NotTheSame
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.errors import NotApproved
from sims_sync.store.opening import open_store
from stock import stock_server

MONDAY = date(2026, 9, 14)
NAMES = ("Ada", "Bea", "Cy", "Dan", "Eve", "Flo", "Gus")


def pupil(number: int, **values: str) -> dict[str, str]:
    return {
        "person_id": str(number),
        "forename": NAMES[number % 7] + "abcdefghij"[number // 7 % 10],
        "surname": f"Example{number // 70}",
        "admission_number": f"{number:06}",
        "date_of_birth": (date(2010, 9, 1) + timedelta(days=number)).isoformat(),
        **values,
    }


def renumbered(pupils: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The same pupils under new Person IDs."""
    return [{**each, "person_id": f"9{int(each['person_id']):06}"} for each in pupils]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Running]:
    with server.running(tmp_path / "directory.sqlite", token="token") as directory:
        yield directory


@pytest.fixture
def school(directory: Running, tmp_path: Path) -> SchoolWithoutAirflow:
    source = CsvFolder(tmp_path / "roll")
    source.folder.mkdir()
    return SchoolWithoutAirflow(open_store(tmp_path / "store"), source, directory.url)


def night(school: SchoolWithoutAirflow, pupils: Sequence[Mapping[str, str]], **options: Any) -> Night:
    assert isinstance(school.source, CsvFolder)
    school.source.write("students", pupils)
    emails = [
        {
            "person_id": each["person_id"],
            "location": "H",
            "email_address": f"{each['admission_number']}@example.org",
            "primary": "T",
        }
        for each in pupils
    ]
    school.source.write("emails", emails)
    return school.night(MONDAY + timedelta(days=school.nights), **options)


def counts(told: Night) -> dict[str, int]:
    assert told.reported
    return {name: number for name, number in told.reported.report.counts.items() if number}


def codes(told: Night) -> set[tuple[str | None, str]]:
    assert told.reported
    report = told.reported.report
    return {(entry.person_id, entry.code) for entry in (*report.errors, *report.warnings)}


@pytest.mark.parametrize("number", [30, pytest.param(1200, marks=pytest.mark.slow)])
def test_pupils_with_new_person_ids_keep_their_accounts_and_are_linked_when_a_person_says_so(
    school: SchoolWithoutAirflow, directory: Running, number: int
) -> None:
    pupils = [pupil(each) for each in range(1, number + 1)]
    twins = [pupil(1301, surname="Twin"), pupil(1302, surname="Twin", date_of_birth=pupil(1301)["date_of_birth"])]
    namesakes = [pupil(1401), {**pupil(1401), "person_id": "1402", "admission_number": "001402"}]
    before, everybody = [*pupils, *twins, *namesakes], number + 4
    assert counts(night(school, before)) == {"extracted": everybody, "created": everybody}
    exchanged = dict(zip(("001301", "001302"), ("001302", "001301"), strict=True))
    after = [
        {**each, "admission_number": exchanged.get(each["admission_number"], each["admission_number"])}
        for each in renumbered(before)
    ]
    ids = {user["externalId"] for user in directory.users()}

    directory.requests.clear()
    held = night(school, after)
    assert isinstance(held.fault, NotApproved)
    assert (
        f"{everybody:,} students have an account under another Person ID, as after a change of MIS"
        in held.fault.message
    )
    assert f"{number:,} certain, 4 ambiguous" in held.fault.message
    assert "`link_accounts`" in held.fault.message
    assert directory.writes == 0

    shown = night(school, after, approved_by="Anna")
    assert counts(shown) == {"extracted": everybody, "rejected": everybody}
    assert directory.writes == 0, "nobody is created, disabled or linked without more"
    assert night(school, after).fault is None, "who was shown once is not asked about again"

    linked = night(school, after, approved_by="Anna", link_accounts="certain")
    assert counts(linked) == {"extracted": everybody, "updated": number, "rejected": 4}
    users = directory.users()
    assert len(users) == everybody
    assert all(user["active"] for user in users)
    assert {user["externalId"] for user in users} == {each["person_id"] for each in after[:number]} | {
        "1301",
        "1302",
        "1401",
        "1402",
    }
    assert {user["externalId"] for user in users} & ids == {"1301", "1302", "1401", "1402"}

    directory.requests.clear()
    quiet = night(school, after)
    assert counts(quiet) == {"extracted": everybody, "unchanged": number, "rejected": 4}
    assert codes(quiet) == {(each["person_id"], "account_to_link") for each in after[number:]}
    assert directory.writes == 0


def test_who_has_nothing_left_but_the_upn_is_linked_where_the_directory_has_one(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    settings = DirectorySettings(attributes={"upn": "nickName"})
    mapped = replace(school, school=GREEN_ABBEY.model_copy(update={"directory": settings}))
    before = [pupil(each, upn=f"A{each:012}") for each in range(1, 6)]
    assert counts(night(mapped, before)) == {"extracted": 5, "created": 5}
    assert {user["nickName"] for user in directory.users()} == {each["upn"] for each in before}
    after = [
        {**each, "forename": "Other", "surname": f"New{each['upn']}", "admission_number": f"7{each['upn'][-5:]}"}
        for each in renumbered(before)
    ]
    linked = night(mapped, after, approved_by="Anna", link_accounts="certain")
    assert counts(linked) == {"extracted": 5, "updated": 5}
    assert {user["externalId"] for user in directory.users()} == {each["person_id"] for each in after}


def test_a_plan_that_links_is_always_held(school: SchoolWithoutAirflow, directory: Running) -> None:
    night(school, [pupil(1)])
    directory.requests.clear()
    held = night(school, renumbered([pupil(1)]), link_accounts="certain")
    assert isinstance(held.fault, NotApproved)
    assert "1 accounts would be linked to students: 1 certain." in held.fault.message
    assert directory.writes == 0


def test_three_pairs_hold_nothing_and_the_others_get_what_is_theirs(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    night(school, [pupil(1), pupil(2), pupil(3)])
    told = night(school, [*renumbered([pupil(1), pupil(2), pupil(3)]), pupil(4)])
    assert told.fault is None
    assert counts(told) == {"extracted": 4, "created": 1, "rejected": 3}
    assert all(user["active"] for user in directory.users())


def test_a_linked_account_that_this_sync_disabled_is_enabled(school: SchoolWithoutAirflow, directory: Running) -> None:
    night(school, [pupil(1), pupil(2)])
    assert counts(night(school, [pupil(2)], approved_by="Anna"))["disabled"] == 1
    back = [*renumbered([pupil(1)]), pupil(2)]
    planned = night(school, back, link_accounts="certain", dry_run=True)
    assert counts(planned) == {"extracted": 2, "updated": 1, "enabled": 1, "unchanged": 1}
    waiting = night(school, back)
    assert codes(waiting) == {("9000001", "account_to_link")}
    assert waiting.reported
    assert "this student cannot log in" in waiting.reported.report.errors[0].message
    told = night(school, back, link_accounts="certain", approved_by="Anna")
    assert counts(told) == {"extracted": 2, "updated": 1, "enabled": 1, "unchanged": 1}
    (user,) = [user for user in directory.users() if user["externalId"] == "9000001"]
    assert (user["active"], "disabledBySync" in user[EXTENSION]) == (True, False)


@pytest.mark.parametrize("offers", [{"patch": False, "bulk": False, "etag": False}, {"bulk": False}])
def test_accounts_are_linked_by_whatever_the_directory_offers(tmp_path: Path, offers: Mapping[str, bool]) -> None:
    with server.running(tmp_path / "directory.sqlite", token="token", **offers) as directory:
        link_two(SchoolWithoutAirflow(open_store(tmp_path / "store"), CsvFolder(tmp_path), directory.url))


@pytest.mark.parametrize(
    "settings", [{"key": "nickName", "key_prefix": "sims:"}, {"students": "userType:Student", "key": "nickName"}]
)
def test_accounts_are_linked_wherever_the_key_and_the_marker_stand(tmp_path: Path, settings: Mapping[str, str]) -> None:
    with stock_server(tmp_path, extension=True, token="token") as directory:
        school = SchoolWithoutAirflow(open_store(tmp_path / "store"), CsvFolder(tmp_path), directory.url)
        school.school = GREEN_ABBEY.model_copy(update={"directory": DirectorySettings(**settings)})
        link_two(school)
        prefix = settings.get("key_prefix", "")
        assert {user["nickName"] for user in school.users()} == {f"{prefix}9000001", f"{prefix}9000002"}


def link_two(school: SchoolWithoutAirflow) -> None:
    """Two pupils get new Person IDs, and are linked; the night after has nothing to write."""
    night(school, [pupil(1), pupil(2)])
    after = renumbered([pupil(1), pupil(2)])
    assert counts(night(school, after)) == {"extracted": 2, "rejected": 2}
    told = night(school, after, link_accounts="certain", approved_by="Anna")
    assert counts(told) == {"extracted": 2, "updated": 2}
    assert counts(night(school, after)) == {"extracted": 2, "unchanged": 2}


def test_an_account_that_changed_in_between_is_linked_all_the_same(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    night(school, [pupil(1)])
    (user,) = directory.users()
    other = [{"type": "other", "value": "own@example.org"}, *user["emails"]]
    run = school.run(MONDAY + timedelta(days=1), link_accounts="certain")
    open_directory = run.open_directory
    asked = iter(range(100))

    def changing() -> Any:
        if next(asked) == 1:  # `plan` has listed; `load` begins
            directory.put_user({**user, "emails": other})
        return open_directory()

    assert isinstance(school.source, CsvFolder)
    school.source.write("students", renumbered([pupil(1)]))
    school.source.write(
        "emails", [{"person_id": "9000001", "location": "H", "email_address": "000001@example.org", "primary": "T"}]
    )
    told = run_night(replace(run, open_directory=changing), approved_by="Anna")
    assert counts(told) == {"extracted": 1, "updated": 1}
    (user,) = directory.users()
    assert (user["externalId"], len(user["emails"])) == ("9000001", 2)


def test_in_a_run_for_some_students_alone_nobody_gets_the_account_of_another_student_on_roll(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    first = pupil(1)
    night(school, [first])
    double = {**first, "person_id": "2", "admission_number": "000002"}
    told = night(school, [first, double], only_person_ids=frozenset({"2"}))
    assert counts(told) == {"extracted": 1, "created": 1}, (
        "of the same name and birth date, but the account has a student"
    )


def test_a_run_for_some_students_alone_tells_of_nobody_elses_account(school: SchoolWithoutAirflow) -> None:
    before = [pupil(each) for each in range(1, 6)]
    night(school, before)
    told = night(school, renumbered(before), only_person_ids=frozenset({"9000001"}))
    assert codes(told) == {("9000001", "account_to_link")}


def test_an_account_that_somebody_linked_to_another_person_in_between_stays_theirs(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    night(school, [pupil(1)])
    (user,) = directory.users()
    directory.put_user({**user, "externalId": None})
    run = school.run(MONDAY + timedelta(days=1), link_accounts="certain")
    open_directory, asked = run.open_directory, iter(range(100))

    def linking() -> Any:
        if next(asked) == 1:  # `plan` has listed; `load` begins
            directory.put_user({**user, "externalId": "77"})
        return open_directory()

    assert isinstance(school.source, CsvFolder)
    school.source.write("students", renumbered([pupil(1)]))
    email = {"person_id": "9000001", "location": "H", "email_address": "000001@example.org", "primary": "T"}
    school.source.write("emails", [email])
    told = run_night(replace(run, open_directory=linking), approved_by="Anna")
    assert codes(told) == {("9000001", "account_to_link")}
    assert [each["externalId"] for each in directory.users()] == ["77"]


def test_who_is_said_not_to_be_the_same_gets_an_account(school: SchoolWithoutAirflow, directory: Running) -> None:
    night(school, [pupil(1), pupil(2)])
    (account,) = [user["id"] for user in directory.users() if user["externalId"] == "1"]
    other = [{**pupil(1), "person_id": "91", "admission_number": "000091"}, pupil(2)]
    assert codes(night(school, other)) == {("91", "account_to_link")}
    pair = NotTheSame(person_id="91", account=account)
    school.school = GREEN_ABBEY.model_copy(update={"not_the_same": [pair]})
    assert counts(night(school, other, approved_by="Anna")) == {
        "extracted": 2, "created": 1, "unchanged": 1, "disabled": 1,
    }  # fmt: skip


def test_a_user_name_that_staff_have_is_told_by_a_dry_run_as_by_a_real_one(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    directory.put_user({"userName": "000001", "externalId": "77", "roles": [{"value": "staff"}], "active": True})
    directory.put_user({"userName": "000002", "roles": [{"value": "staff"}], "active": True})
    told = [night(school, [pupil(1), pupil(2)], dry_run=dry) for dry in (True, False)]
    for each in told:
        assert each.reported
        messages = {entry.person_id: entry.message for entry in each.reported.report.errors}
        assert messages["1"].endswith("(the account of person 77)")
        assert messages["2"].endswith("(an account without Person ID)")
        assert counts(each) == {"extracted": 2, "rejected": 2}
    assert directory.writes == 0
    assert not [path for path in Path(str(school.store)).rglob("*.parquet") if b"staff" in path.read_bytes()]


def test_where_the_server_picks_the_accounts_user_names_are_looked_up(
    school: SchoolWithoutAirflow, directory: Running
) -> None:
    settings = GREEN_ABBEY.directory.model_copy(update={"filter": True})
    school.school = GREEN_ABBEY.model_copy(update={"directory": settings})
    directory.put_user({"userName": "000001", "roles": [{"value": "staff"}], "active": True})
    assert codes(night(school, [pupil(1), pupil(2)], dry_run=True)) == {("1", "username_in_use")}
