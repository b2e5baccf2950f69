"""A school without Airflow whose roll a test writes, on a real directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from csv_folder import CsvFolder
from schools_without_airflow import GREEN_ABBEY, SchoolWithoutAirflow
from sims_sync.config.school_entry import School


@dataclass
class NightSchool(SchoolWithoutAirflow):
    """A school whose roll a test writes."""

    def on_roll(self, *groups: tuple[range, str | None], mobiles: Mapping[int, str] = MappingProxyType({})) -> None:
        """Write who is on roll: numbers of people, with their year group."""
        people = [(person, year) for numbers, year in groups for person in numbers]
        assert isinstance(self.source, CsvFolder)
        self.source.write(
            "students",
            [
                {
                    "person_id": str(person),
                    "forename": "Robin",
                    "surname": "Example",
                    "admission_number": f"{person:06d}",
                    **({"year_group": year} if year else {}),
                }
                for person, year in people
            ],
        )
        self.source.write(
            "emails",
            [
                {"person_id": str(person), "location": "H", "email_address": f"p{person}@example.org", "primary": "T"}
                for person, _ in people
            ],
        )
        self.source.write(
            "telephones",
            [
                {"person_id": str(person), "location": "M", "number": number, "main": "T"}
                for person, number in mobiles.items()
            ],
        )

    def configure(self, **own: Any) -> None:
        """Have other keys in the school's entry."""
        self.school = School.model_validate({**GREEN_ABBEY.model_dump(by_alias=True), **own})

    def active(self) -> set[int]:
        """Whose account is active."""
        return {int(user["externalId"]) for user in self.users() if user["active"]}
