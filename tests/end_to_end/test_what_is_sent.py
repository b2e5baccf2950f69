"""Which values are sent is the school's choice (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Configure, Night, Ran

from proxy import Reply, proxy_to
from sandbox.directory import server
from sandbox.directory.server import Running
from sandbox.sims.database import Database
from sandbox.sims.server import Broker
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, OPTIONAL

MONDAY, TUESDAY = date(2026, 9, 14), date(2026, 9, 15)
SINCE = "2026-01-05T00:00:00"

OF_EXTENSION = [attribute.column for attribute in ATTRIBUTES if attribute.extension]
CONFIGURED = {"directory": {"attributes": {"upn": "nickName"}}}
"""What the school has of its own in each test: a place for what has none elsewhere."""

PLACE = CONFIGURED["directory"]["attributes"]
NAMES = {**{attribute.column: attribute.name for attribute in ATTRIBUTES}, **PLACE}


@pytest.fixture(autouse=True)
def _a_student_with_every_value(sims: Database, broker: Broker, configure: Configure) -> None:
    sims.put_student(
        101,
        forename="Robin",
        chosen_name="Bobby",
        surname="Example",
        gender="Male",
        upn="X000000000101",
        date_of_birth="2010-05-06T00:00:00",
        email="robin@example.org",
        telephone="01632 960001",
        mobile="07700 900001",
        address={"house_number": "7", "street": "High Street", "town": "Anytown"},
    )
    sims.put_email(101, "r.example@school.example", "W")
    sims.put_sen_provision(101, "EHCP", "Plan", start_date=SINCE)
    sims.put_free_meal(101, SINCE)


def account(directory: Running, person_id: int = 101) -> dict[str, Any]:
    (found,) = [user for user in directory.users() if user.get("externalId") == str(person_id)]
    return found


def held(user: dict[str, Any]) -> set[str]:
    """Columns of the optional attributes that an account holds."""
    of_type = {
        f"{place}:{each['type']}" for place in ("emails", "phoneNumbers", "addresses") for each in user.get(place, ())
    }
    return (
        {
            column
            for column, place in {
                "home_address": "addresses:home",
                "home_telephone": "phoneNumbers:home",
                "mobile_telephone": "phoneNumbers:mobile",
                "home_email": "emails:home",
                "work_email": "emails:work",
            }.items()
            if place in of_type
        }
        | ({"upn"} if user.get(NAMES["upn"]) else set())
        | {
            column
            for column in OPTIONAL
            if NAMES[column] in user.get(EXTENSION, {}) and user[EXTENSION][NAMES[column]] is not None
        }
    )


def text_of_tables(ran: Ran, *stages: str) -> str:
    """All that the tables of a run hold, as text."""
    paths = [
        path
        for stage in stages or ("extract", "validate", "transform", "plan")
        for path in ran.folder.glob(f"{stage}/*.parquet")
    ]
    return "\n".join(f"{path.name}\n{pd.read_parquet(path).to_csv()}" for path in paths)


# Each value with the calls that are not made when it is off, and a text that no table holds then.
OFF = {
    "home_address": ({"GetXmlAddresses", "GetXmlPersonAddresses"}, "High Street"),
    "home_telephone": (set(), "01632 960001"),
    "mobile_telephone": (set(), "07700 900001"),
    "home_email": (set(), None),
    "work_email": (set(), None),
    "school_identifier": (set(), None),
    "upn": (set(), "X000000000101"),
    "date_of_birth": (set(), "2010-05-06"),
    "free_school_meals": ({"GetXmlFreeMeals"}, None),
    "gender": (set(), "Male"),
    "sen_information": ({"GetXmlSENProvisions"}, "EHCP"),
    "email_preference": (set(), None),
}


def test_every_value_that_may_be_left_out_is_tried() -> None:
    assert set(OFF) == set(OPTIONAL)


@pytest.mark.parametrize("column", OPTIONAL)
def test_a_value_that_is_off_is_neither_asked_for_nor_kept_nor_written(
    column: str, broker: Broker, directory: Running, night: Night, configure: Configure
) -> None:
    configure(attributes={column: False})
    ran = night(MONDAY)
    assert ran.counts == {"extracted": 1, "created": 1}
    assert held(account(directory)) == set(OPTIONAL) - {column}
    unasked, text = OFF[column]
    assert unasked.isdisjoint(call.operation for call in broker.calls)
    assert len(broker.calls) == 8 - len(unasked)
    if text:
        assert text not in text_of_tables(ran)
    assert account(directory)["userName"] == "000101"


@pytest.mark.parametrize("off", [OPTIONAL[::2], OPTIONAL[1::2]])
def test_what_was_written_before_it_was_off_is_neither_changed_nor_cleared(
    off: Sequence[str], sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    night(MONDAY)
    before = account(directory)
    configure(attributes=dict.fromkeys(off, "off"))
    sims.change("telephones", {"person_id": 101}, number="01632 960999")
    sims.change("students", {"person_id": 101}, gender="Female", date_of_birth="2011-01-01T00:00:00")
    for table in ("sen_provisions", "free_meals", "person_addresses"):
        sims.delete(table, {"person_id": 101})
    night(TUESDAY)
    after = account(directory)
    for column in off:
        assert column in held(after)
        assert of(after, column) == of(before, column)


def of(user: dict[str, Any], column: str) -> Any:
    place, _, kind = NAMES[column].partition("[")
    if not kind:
        return {**user, **user[EXTENSION]}[place]
    return [each for each in user[place] if each["type"] in kind]


def test_telephones_are_not_asked_for_when_both_are_off(
    broker: Broker, directory: Running, night: Night, configure: Configure
) -> None:
    configure(attributes={"home_telephone": "off", "mobile_telephone": "OFF"})
    night(MONDAY)
    assert "GetXmlPersonTelephones" not in {call.operation for call in broker.calls}
    assert "phoneNumbers" not in account(directory)


def test_emails_that_are_off_are_still_read_to_validate_and_for_the_user_name(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    sims.put_student(102, email=None)
    configure(username="email", attributes={"home_email": "off", "work_email": "off", "email_preference": "off"})
    ran = night(MONDAY)
    assert ran.codes == {(102, "no_email")}
    assert account(directory)["userName"] == "robin@example.org"
    assert "emails" not in account(directory)


def test_a_night_without_changes_writes_nothing_whatever_is_off(
    directory: Running, night: Night, configure: Configure
) -> None:
    configure(attributes=dict.fromkeys(OPTIONAL, False))
    assert night(MONDAY).counts == {"extracted": 1, "created": 1}
    assert held(account(directory)) == set()
    directory.requests.clear()
    assert night(TUESDAY).counts == {"extracted": 1, "unchanged": 1}
    assert directory.writes == 0


def test_what_is_on_again_is_written(directory: Running, night: Night, configure: Configure) -> None:
    configure(attributes={"sen_information": "off"})
    night(MONDAY)
    configure(attributes={"sen_information": "on"})
    assert night(TUESDAY).counts == {"extracted": 1, "updated": 1}
    assert "sen_information" in held(account(directory))


def test_a_report_names_records_by_admission_number_though_that_is_not_sent(
    sims: Database, directory: Running, night: Night, configure: Configure
) -> None:
    configure(attributes={"school_identifier": "off"})
    directory.put_user({"userName": "000101", "externalId": "9001", "roles": [{"value": "staff"}], "active": True})
    report = night(MONDAY).report
    assert report
    assert [(each["code"], each["school_identifier"]) for each in report["errors"]] == [("username_in_use", "000101")]


@pytest.mark.parametrize(
    ("off", "note"),
    [
        ((), "Admission number, Date of birth, Free school meals, Gender, SEN information, Preferred email."),
        (
            ("school_identifier", "sen_information", "home_email"),
            "Date of birth, Free school meals, Gender, Preferred email.",
        ),
        (tuple(set(OF_EXTENSION) - {"gender"}), "Gender."),
        (tuple(OF_EXTENSION), None),
    ],
)
def test_nothing_is_said_to_be_lacking_that_the_school_does_not_send(
    off: tuple[str, ...],
    note: str | None,
    tmp_path: Path,
    connect: Callable[..., None],
    night: Night,
    configure: Configure,
) -> None:
    configure(attributes=dict.fromkeys(off, False))
    with server.running(tmp_path / "core.sqlite", token="token", extension=False) as directory:
        connect("directory_green_abbey", host=directory.url, password="token")
        report = night(MONDAY).report
    assert report
    known = "The directory does not know the student extension. These are not written: "
    assert report["notes"] == ([] if note is None else [f"{known}{note}"])


@pytest.mark.parametrize(
    ("policy", "chosen", "forename", "sent"),
    [
        ("forename", "Bobby", "Robin", "Robin"),
        ("chosen_name", "Bobby", "Robin", "Bobby"),
        ("chosen_name", "  Bobby ", "Robin", "Bobby"),
        ("chosen_name", "", "Robin", "Robin"),
        ("chosen_name", "  ", "Robin", "Robin"),
        ("chosen_name", None, "Robin", "Robin"),
        ("chosen_name", "Bobby", "", "Bobby"),
    ],
)
def test_the_forename_is_the_chosen_name_where_the_school_says_so_and_there_is_one(
    policy: str,
    chosen: str | None,
    forename: str,
    sent: str,
    sims: Database,
    directory: Running,
    night: Night,
    configure: Configure,
) -> None:
    sims.change("students", {"person_id": 101}, chosen_name=chosen, forename=forename)
    configure(forename=policy)
    assert night(MONDAY).counts == {"extracted": 1, "created": 1}
    assert account(directory)["name"]["givenName"] == sent


def test_a_chosen_name_alone_is_no_forename_where_the_school_sends_forenames(
    sims: Database, directory: Running, night: Night
) -> None:
    sims.change("students", {"person_id": 101}, forename="")
    assert night(MONDAY).codes == {(101, "no_forename")}


def test_who_changes_what_forenames_are_changes_the_accounts_and_mistakes_nobody_for_another(
    directory: Running, night: Night, configure: Configure
) -> None:
    night(MONDAY)
    configure(forename="chosen_name")
    assert night(TUESDAY).counts == {"extracted": 1, "updated": 1}
    assert account(directory)["name"]["givenName"] == "Bobby"


def test_chosen_names_stand_in_no_table_where_they_are_not_sent(directory: Running, night: Night) -> None:
    assert "Bobby" not in text_of_tables(night(MONDAY))


def test_how_many_writes_failed_tells_nobody_how_many_were_of_sen_and_meals_alone(
    sims: Database, directory: Running, night: Night, connect: Callable[..., None]
) -> None:
    for number in range(102, 115):
        sims.put_student(number)
        sims.put_free_meal(number, SINCE)
    with proxy_to(directory.url) as proxy:
        connect("directory_green_abbey", host=proxy.url, password="token")
        night(MONDAY)
        sims.put_student(115)
        sims.delete("free_meals", {"person_id": 102})
        proxy.meddle = lambda request, forward: forward(request) if request.method == "GET" else Reply(500)
        report = night(TUESDAY).report
    assert report
    assert "1 of 1 writes failed" in report["reason"]
