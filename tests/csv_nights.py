"""Nights of a school whose roll is a folder of CSV files: invented people, each with an email and a telephone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from csv_folder import CsvFolder
from nights_without_airflow import Night
from proxy import Proxy
from schools_without_airflow import SchoolWithoutAirflow

MONDAY = date(2026, 9, 14)
PERSON, LEAVER = "person-1", "person-2"


def put_on_roll(
    school: SchoolWithoutAirflow,
    *on_roll: str,
    surname: str = "Example",
    telephone: str = "01632 960001",
    location: str = "H",
    address: Mapping[str, str] | None = None,
) -> None:
    """Put people on roll, and nobody else: all with the same names, telephone (of a location) and home address."""
    assert isinstance(school.source, CsvFolder)
    names = {"forename": "Robin", "surname": surname}
    email = {"location": "H", "main": "T", "primary": "T"}
    phone = {"telephone_id": "1", "location": location, "number": telephone, "main": "T", "primary": "T"}
    tables = {
        "students": [{"person_id": each, **names, "admission_number": f"0{each[-1]}"} for each in on_roll],
        "emails": [{"person_id": p, "email_id": p, "email_address": f"{p}@example.org", **email} for p in on_roll],
        "telephones": [{"person_id": each, **phone} for each in on_roll],
        "addresses": [{"address_id": "1", **address}] if address else [],
        "person_addresses": [{"person_id": p, "address_id": "1", "address_type": "H"} for p in on_roll if address],
    }
    for table, rows in tables.items():
        school.source.write(table, rows)


def night(school: SchoolWithoutAirflow, *on_roll: str, **values: Any) -> Night:
    """A night that ends well; a plan that is held is approved.

    :param values: see :func:`put_on_roll`.
    """
    put_on_roll(school, *on_roll, **values)
    told = school.night(next_day(school), approved_by="Anna")
    assert told.fault is None, told.fault
    return told


def next_day(school: SchoolWithoutAirflow) -> date:
    """The effective date of the school's next night."""
    return MONDAY + timedelta(days=school.nights)


def counts(told: Night) -> dict[str, int]:
    assert told.reported
    return {name: number for name, number in told.reported.report.counts.items() if number}


def notes(told: Night) -> str:
    assert told.reported
    return " ".join(told.reported.report.notes)


def writes(proxy: Proxy) -> list[str]:
    return [each.body.decode() for each in proxy.seen if each.method != "GET" and "SyncReport" not in each.path]


def user(school: SchoolWithoutAirflow, person: str) -> dict[str, Any]:
    (found,) = [each for each in school.users() if each["externalId"] == person]
    return found
