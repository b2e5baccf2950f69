"""What is withheld of single students (SPEC section 4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Configure, Night, Ran

from nights_without_airflow import Run, run_night, run_of
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, OPTIONAL
from sims_sync.night.applying import load
from sims_sync.runs.documents import ApproveFacts
from sims_sync.store.folder import Folder

MONDAY = date(2026, 9, 14)
SINCE = "2026-01-05T00:00:00"
CONFIGURED = {"directory": {"attributes": {"upn": "nickName"}}}
"""What the school has of its own in each test: a place for what has none elsewhere."""

PLACE = CONFIGURED["directory"]["attributes"]
NAMES = {**{attribute.column: attribute.name for attribute in ATTRIBUTES}, **PLACE}
WITHHELD, OTHER, SIBLING = 101, 102, 103
ADDRESS = {"address_id": 55, "house_number": "7", "street": "High Street", "town": "Anytown"}


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


@pytest.fixture(autouse=True)
def _students_with_every_value(sims: Database, broker: Broker, configure: Configure) -> None:
    for number in (WITHHELD, OTHER):
        put_student(sims, number)


def put_student(sims: Database, number: int) -> None:
    """A student with every value."""
    sims.put_student(
        number,
        forename=f"Robin{number}",
        surname="Example",
        gender="Male",
        upn=f"X000000000{number}",
        date_of_birth=f"{born(number)}T00:00:00",
        email=f"robin{number}@example.org",
        telephone=f"01632 960{number}",
        mobile=f"07700 900{number}",
        address={"house_number": str(number), "street": f"Street{number}", "town": "Anytown"},
    )
    sims.put_email(number, f"r{number}@school.example", "W")
    sims.put_sen_provision(number, "EHCP", f"Plan{number}", start_date=SINCE)
    sims.put_free_meal(number, SINCE)


def born(number: int) -> str:
    return (date(2010, 1, 1) + timedelta(days=number)).isoformat()


@pytest.fixture
def each_withheld(sims: Database) -> dict[str, int]:
    """A student for each value, of whom that is withheld: Person IDs by column."""
    people = {column: 201 + number for number, column in enumerate(OPTIONAL)}
    for number in people.values():
        put_student(sims, number)
    return people


def entry(*attributes: str, person_id: int = WITHHELD, **own: Any) -> dict[str, Any]:
    return {"person_id": person_id, "attributes": list(attributes), "reason": "a court order", **own}


def account(directory: Running, person_id: int = WITHHELD) -> dict[str, Any]:
    (found,) = [user for user in directory.users() if user.get("externalId") == str(person_id)]
    return found


def value(user: dict[str, Any], column: str) -> Any:
    """What an account holds of an optional attribute; none where it is blank."""
    place, _, kind = NAMES[column].partition("[")
    if kind:
        return [each for each in user.get(place) or () if f'"{each["type"]}"' in kind] or None
    return {**user, **user.get(EXTENSION, {})}.get(place) or None


def held(user: dict[str, Any]) -> set[str]:
    return {column for column in OPTIONAL if value(user, column) is not None}


def text_of_tables(ran: Ran) -> str:
    paths = [path for path in ran.folder.rglob("*.parquet") if path.parent.name != "state"]
    return "\n".join(pd.read_parquet(path).to_csv() for path in paths)


# A text of a student of whom the value is withheld that no table holds. Emails and the admission number are read all
# the same.
KEPT_OUT: dict[str, Callable[[int], str]] = {
    "home_address": "Street{}".format,
    "home_telephone": "01632 960{}".format,
    "mobile_telephone": "07700 900{}".format,
    "upn": "X000000000{}".format,
    "date_of_birth": born,
    "sen_information": "Plan{}".format,
}


def test_a_withheld_value_is_not_written_of_that_student_and_is_of_others(
    each_withheld: dict[str, int], directory: Running, night: Night, configure: Configure
) -> None:
    configure(withhold=[entry(column, person_id=number) for column, number in each_withheld.items()])
    ran = night(day(0))
    everybody = {*each_withheld.values(), WITHHELD, OTHER}
    assert ran.counts == {"extracted": len(everybody), "created": len(everybody)}
    for column, number in each_withheld.items():
        assert held(account(directory, number)) == set(OPTIONAL) - {column}
    assert held(account(directory, OTHER)) == set(OPTIONAL)
    tables = text_of_tables(ran)
    for column, text_of in KEPT_OUT.items():
        assert {number for number in everybody if text_of(number) in tables} == everybody - {each_withheld[column]}


def test_what_was_written_before_is_neither_changed_nor_cleared_unless_that_is_said(
    each_withheld: dict[str, int], sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    night(day(0))
    before = {column: account(directory, number) for column, number in each_withheld.items()}
    entries = [entry(column, person_id=number) for column, number in each_withheld.items()]
    configure(withhold=entries, limits={"clear": {"percent": 100}})
    for number in each_withheld.values():
        change_everything(sims, number)
    assert night(day(1)).counts["updated"] == len(OPTIONAL)
    for column, number in each_withheld.items():
        assert value(account(directory, number), column) == value(before[column], column)
    directory.requests.clear()
    assert set(night(day(2)).counts) == {"extracted", "unchanged"}
    assert directory.writes == 0


def change_everything(sims: Database, number: int) -> None:
    """New values in SIMS of all that is optional, of a student of whom something is withheld."""
    sims.change("telephones", {"person_id": number}, number="01632 960999")
    sims.change("emails", {"person_id": number}, email_address=f"new{number}@example.org")
    new = {"gender": "Female", "date_of_birth": "2011-01-01T00:00:00", "admission_number": f"009{number}"}
    sims.change("students", {"person_id": number}, upn=f"Y000000000{number}", **new)
    for table in ("sen_provisions", "free_meals", "person_addresses"):
        sims.delete(table, {"person_id": number})


def test_what_was_written_is_cleared_once_where_that_is_said(
    each_withheld: dict[str, int], directory: Running, night: Night, configure: Configure
) -> None:
    night(day(0))
    configure(withhold=[entry(column, person_id=number, clear=True) for column, number in each_withheld.items()])
    everybody = len(OPTIONAL) + 2
    assert night(day(1)).counts == {"extracted": everybody, "updated": len(OPTIONAL), "unchanged": 2}
    filled = {}
    for column, number in each_withheld.items():
        assert held(account(directory, number)) == set(OPTIONAL) - {column}
        fill_again(directory, column, number)
        filled[column] = value(account(directory, number), column)
    assert held(account(directory, OTHER)) == set(OPTIONAL)
    directory.requests.clear()
    for night_number in (2, 3):
        assert night(day(night_number)).counts == {"extracted": everybody, "unchanged": everybody}
    assert directory.writes == 0
    assert filled == {column: value(account(directory, number), column) for column, number in each_withheld.items()}


def fill_again(directory: Running, column: str, person_id: int = WITHHELD) -> None:
    """Somebody gives the account another value."""
    user = account(directory, person_id)
    place, _, kind = NAMES[column].partition("[")
    if kind:
        filled = {"locality": "Filled"} if place == "addresses" else {"value": "filled@example.org"}
        user[place] = [*(user.get(place) or ()), {"type": kind.split('"')[1], **filled}]
    else:
        others = {"freeSchoolMeals": True, "dateOfBirth": "2009-09-09", "senInformation": [{"value": "Filled"}]}
        holder = user if column in PLACE else user[EXTENSION]
        holder[place] = others.get(place, "Work" if place == "emailPreference" else "Female")
    directory.put_user(user)


def test_a_value_that_was_cleared_stays_so_when_the_same_plan_is_loaded_again(
    store: Folder, directory: Running, configure: Configure
) -> None:
    assert run_night(a_run(store, 0)).fault is None
    configure(withhold=[entry("mobile_telephone", clear=True)])
    run = a_run(store, 1)
    assert run_night(run).fault is None
    assert value(account(directory), "mobile_telephone") is None
    fill_again(directory, "mobile_telephone")
    filled = value(account(directory), "mobile_telephone")
    load(run, run.files.open(ApproveFacts).reference)
    assert value(account(directory), "mobile_telephone") == filled


@pytest.fixture
def store(tmp_path: Any) -> Folder:
    from sims_sync.store.opening import open_store

    return open_store(tmp_path / "own store")


def a_run(store: Folder, number: int, **parameters: Any) -> Run:
    return run_of(store, "green-abbey", f"run {number}", day(number), **parameters)


@pytest.mark.parametrize("trial", [{"dry_run": True}, {"only_person_ids": [OTHER]}])
def test_a_run_that_does_not_clear_it_does_not_count(
    trial: dict[str, Any], directory: Running, night: Night, configure: Configure
) -> None:
    night(day(0))
    configure(withhold=[entry("home_address", clear=True)])
    night(day(1), **trial)
    assert value(account(directory), "home_address")
    night(day(2))
    assert value(account(directory), "home_address") is None


def test_a_run_for_that_student_alone_clears_it(directory: Running, night: Night, configure: Configure) -> None:
    night(day(0))
    configure(withhold=[entry("home_address", clear=True)])
    assert night(day(1), only_person_ids=[WITHHELD]).counts == {"extracted": 1, "updated": 1}
    fill_again(directory, "home_address")
    assert night(day(2)).counts == {"extracted": 2, "unchanged": 2}


def test_what_is_withheld_no_longer_is_written_and_cleared_anew_when_it_is_withheld_again(
    directory: Running, night: Night, configure: Configure
) -> None:
    night(day(0))
    for number in (1, 3):
        configure(withhold=[entry("gender", "date_of_birth", clear=True)])
        assert night(day(number)).counts == {"extracted": 2, "updated": 1, "unchanged": 1}
        assert held(account(directory)) == set(OPTIONAL) - {"gender", "date_of_birth"}
        configure()
        assert night(day(number + 1)).counts == {"extracted": 2, "updated": 1, "unchanged": 1}
        assert held(account(directory)) == set(OPTIONAL)


def test_a_new_account_has_nothing_of_what_is_to_be_cleared_either(
    directory: Running, night: Night, configure: Configure
) -> None:
    configure(withhold=[entry(*OPTIONAL[:-1], clear=True), entry(OPTIONAL[-1], person_id=OTHER)])
    ran = night(day(0))
    assert ran.codes == {(WITHHELD, "no_user_name")}
    configure(withhold=[entry(*set(OPTIONAL) - {"school_identifier"}, clear=True)])
    night(day(1))
    assert held(account(directory)) == {"school_identifier"}
    assert night(day(2)).counts == {"extracted": 2, "unchanged": 2}


def test_what_is_withheld_after_the_plan_was_made_is_not_written(
    store: Folder, sims: Database, directory: Running, configure: Configure
) -> None:
    assert run_night(a_run(store, 0)).fault is None
    change_everything(sims, WITHHELD)
    run, before = a_run(store, 1), account(directory)
    planned = stages_up_to_approve(run)
    configure(withhold=[entry("mobile_telephone", "sen_information")], attributes={"home_telephone": "off"})
    load(a_run(store, 1), planned)
    after = account(directory)
    for column in ("mobile_telephone", "sen_information", "home_telephone"):
        assert value(after, column) == value(before, column)
    assert value(after, "gender") == "Female"


def stages_up_to_approve(run: Run) -> Any:
    from nights_without_airflow import WORK

    told = None
    for name in ("extract", "validate", "transform", "plan", "approve"):
        told = WORK[name](run, told)
    return told


@pytest.mark.parametrize(
    ("policy", "withheld", "changes", "user_name"),
    [
        ("email", (), {}, "robin101@example.org"),
        ("email", ("home_email",), {}, "r101@school.example"),
        ("email", ("work_email",), {}, "robin101@example.org"),
        ("email", ("home_email", "work_email"), {}, "000101"),
        ("email", ("home_email", "work_email"), {"admission_number": ""}, None),
        ("email", ("home_email", "work_email", "school_identifier"), {}, None),
        ("admission_number", ("home_email", "work_email"), {}, "000101"),
        ("admission_number", ("home_email",), {"admission_number": ""}, "r101@school.example"),
        ("admission_number", ("home_email", "work_email"), {"admission_number": ""}, None),
        ("admission_number", ("school_identifier",), {}, "robin101@example.org"),
        ("admission_number", ("school_identifier", "home_email"), {}, "r101@school.example"),
        ("admission_number", ("school_identifier", "home_email", "work_email"), {}, None),
    ],
)
def test_what_is_withheld_is_never_a_user_name(
    policy: str,
    withheld: tuple[str, ...],
    changes: dict[str, str],
    user_name: str | None,
    sims: Database,
    directory: Running,
    night: Night,
    configure: Configure,
) -> None:
    if changes:
        sims.change("students", {"person_id": WITHHELD}, **changes)
    configure(username=policy, withhold=[entry(*withheld)] if withheld else [])
    ran = night(day(0))
    if user_name is None:
        assert (WITHHELD, "no_user_name") in ran.codes
        assert ran.counts["created"] == ran.counts["rejected"] == 1
        assert [user for user in directory.users() if user.get("externalId") == str(WITHHELD)] == []
    else:
        assert account(directory)["userName"] == user_name


def test_who_has_an_account_needs_no_other_user_name(directory: Running, night: Night, configure: Configure) -> None:
    configure(username="email")
    night(day(0))
    configure(username="email", withhold=[entry("home_email", "work_email", "school_identifier")])
    assert night(day(1)).counts == {"extracted": 2, "unchanged": 2}
    assert account(directory)["userName"] == "robin101@example.org"


def test_emails_that_are_withheld_still_make_a_record_valid(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    configure(withhold=[entry("home_email", "work_email")])
    assert night(day(0)).counts == {"extracted": 2, "created": 2}
    assert "emails" not in account(directory)


def test_an_address_stays_in_the_tables_for_a_sibling_who_lives_there(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    sims.put_student(SIBLING)
    sims.load({"person_addresses": [{"person_id": SIBLING, "address_id": address_id(sims), "address_type": "H"}]})
    configure(withhold=[entry("home_address")])
    night(day(0))
    assert value(account(directory), "home_address") is None
    assert value(account(directory, SIBLING), "home_address")[0]["streetAddress"] == "101 Street101"


def address_id(sims: Database) -> str:
    (found,) = {row[1] for row in sims.rows("person_addresses", MONDAY) if row[0] == str(WITHHELD)}
    assert found
    return found


def test_withholding_a_leavers_value_clears_nothing(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    night(day(0))
    sims.leave(WITHHELD, day(0))
    configure(withhold=[entry("home_address", clear=True)])
    assert night(day(1)).counts == {"extracted": 1, "unchanged": 1, "disabled": 1}
    assert value(account(directory), "home_address")


def test_many_cleared_values_hold_no_plan_for_the_configuration_says_so(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    people = range(201, 221)
    for number in people:
        sims.put_student(number, mobile="07700 900555")
    night(day(0))
    configure(withhold=[entry("mobile_telephone", person_id=number, clear=True) for number in people])
    ran = night(day(1))
    assert ran.state == "success"
    assert ran.counts["updated"] == len(people)


def test_what_an_account_never_had_counts_as_cleared(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    sims.delete("telephones", {"person_id": WITHHELD})
    night(day(0))
    configure(withhold=[entry("mobile_telephone", clear=True)])
    assert night(day(1)).counts == {"extracted": 2, "unchanged": 2}
    fill_again(directory, "mobile_telephone")
    assert night(day(2)).counts == {"extracted": 2, "unchanged": 2}


def test_two_entries_of_one_student_count_together(directory: Running, night: Night, configure: Configure) -> None:
    configure(withhold=[entry("gender"), entry("date_of_birth"), entry("gender", "home_email", clear=True)])
    night(day(0))
    assert held(account(directory)) == set(OPTIONAL) - {"gender", "date_of_birth", "home_email"}


def test_what_is_handed_over_and_logged_is_the_same_whether_something_is_withheld_or_not(
    store: Folder,
    sims: Database,
    directory: Running,
    configure: Configure,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    told: list[Any] = []
    for number, withhold in enumerate(([], [entry("home_telephone", "home_address", "gender", "home_email")])):
        configure(withhold=withhold)
        caplog.clear()
        run = a_run(store, number, dry_run=True)
        assert run_night(run).fault is None
        counts = [
            json.loads(run.files.folder.read(f"{stage}.json"))["counts"]
            for stage in ("extract", "validate", "transform", "plan")
        ]
        told.append((counts, run.files.folder.read("report.redacted.json").count(b"\n"), _told(caplog.messages)))
    assert told[0] == told[1]


def _told(messages: list[str]) -> list[str]:
    """Log lines without how long something took."""
    return [message.rpartition(", ")[0] if message.endswith(" s") else message for message in messages]


def test_nobody_who_may_only_read_is_told_of_a_clearing_or_of_who_gets_no_user_name(
    store: Folder, sims: Database, directory: Running, configure: Configure
) -> None:
    from sims_sync.runs.redaction import RedactedReader

    assert run_night(a_run(store, 0)).fault is None
    sims.put_student(SIBLING, admission_number="")
    configure(
        withhold=[
            entry("mobile_telephone", "gender", clear=True),
            entry("home_email", person_id=SIBLING),
        ]
    )
    run = a_run(store, 1)
    assert run_night(run).fault is None
    whole = run.files.read()
    report = whole.report()
    assert report
    assert (report.counts["updated"], report.counts["rejected"]) == (1, 1)
    redacted = RedactedReader(run.files.folder)
    shown = redacted.report()
    assert shown
    assert (shown.counts["updated"], shown.counts["rejected"], shown.counts["unchanged"]) == (0, 0, 3)
    assert (shown.errors, shown.warnings) == ((), ())
    plan = redacted.plan()
    assert plan
    assert plan.changes == ()
    assert set(plan.unchanged) == {str(WITHHELD), str(OTHER), str(SIBLING)}
    assert redacted.results() == []
