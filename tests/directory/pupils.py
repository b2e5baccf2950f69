"""Nights of a school whose pupils a test writes down one by one, all of them invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from csv_folder import CsvFolder
from nights_without_airflow import Night
from schools_without_airflow import SchoolWithoutAirflow

MONDAY = date(2026, 9, 14)
SINCE = "2026-01-05T00:00:00"


class KnowsAll(CsvFolder):
    """The CSV folder as a source that knows SEN and free meals."""

    cannot_know = frozenset[str]()


@dataclass(frozen=True)
class Pupil:
    """One of the roll; what is empty SIMS does not have."""

    key: str
    forename: str = "Robin"
    surname: str = "Example"
    email: str = ""
    telephone: str = ""
    mobile: str = ""
    house_name: str = ""
    street: str = ""
    postcode: str = ""
    sen: str = ""
    meals: bool = False

    @property
    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """The row of each table, none where there is none."""
        key, chosen = {"person_id": self.key}, {"main": "T", "primary": "T"}
        return {
            "students": {
                **key,
                "forename": self.forename,
                "surname": self.surname,
                "admission_number": f"00{self.key}",
                "date_of_birth": f"2012-03-{int(self.key or 0) % 28 + 1:02d}T00:00:00",  # nobody is another's namesake
            },
            "emails": {
                **key,
                "email_id": self.key,
                "location": "H",
                "email_address": self.email or f"pupil{self.key}@example.org",
                **chosen,
            },
            "addresses": {
                "address_id": self.key,
                "house_name": self.house_name,
                "street": self.street,
                "postcode": self.postcode,
            },
            "person_addresses": {**key, "address_id": self.key, "start_date": SINCE, "address_type": "H"},
            "sen_provisions": {**key, "provision_type": self.sen, "start_date": SINCE} if self.sen else {},
            "free_meals": {**key, "start_date": SINCE} if self.meals else {},
        }

    @property
    def telephones(self) -> list[Mapping[str, str]]:
        """A row for each number."""
        return [
            {"person_id": self.key, "telephone_id": f"{self.key}{at}", "location": at, "number": number, "main": "T"}
            for at, number in (("H", self.telephone), ("M", self.mobile))
            if number
        ]


def run_night(school: SchoolWithoutAirflow, *pupils: Pupil, approved_by: str | None = "Anna", **own: Any) -> Night:
    """The next night, with these on roll, however it ends."""
    assert isinstance(school.source, CsvFolder)
    for table in Pupil("").rows:
        school.source.write(table, [each.rows[table] for each in pupils if each.rows[table]])
    school.source.write("telephones", [row for each in pupils for row in each.telephones])
    return school.night(MONDAY + timedelta(days=school.nights), approved_by=approved_by, **own)


def night(school: SchoolWithoutAirflow, *pupils: Pupil, **own: Any) -> Night:
    """The next night, which ends well."""
    told = run_night(school, *pupils, **own)
    assert told.fault is None, told.fault
    return told


def codes(told: Night) -> list[str]:
    """Of the records that were rejected."""
    assert told.reported
    return [each.code for each in told.reported.report.errors]
