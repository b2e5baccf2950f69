"""Invented people of a school who are not students of SIMS: staff, contacts, an administrator, and odd accounts.

Names by Faker (en_GB), mail at example.org, telephones from Ofcom's numbers for drama.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from faker import Faker
from sqlalchemy import func, select

from sandbox.directory.capabilities import STUDENT_EXTENSION, Capabilities
from sandbox.directory.storage import DatabaseStorage
from sandbox.directory.tables import accounts

FIRST_STAFF_ID = 900_001
FIRST_ODD_ID = 990_001  # both far from the Person IDs of students

ODD_STUDENTS: tuple[dict[str, Any], ...] = (
    {"roles": [{"value": "student"}]},
    {"roles": [{"value": "student"}], "externalId": "AD-7F3"},
    {"roles": [{"value": "Student"}, {"value": "user"}], "externalId": f"{FIRST_ODD_ID}"},
    {"roles": [{"value": "student"}, {"value": "staff"}], "externalId": f"{FIRST_ODD_ID + 1}"},
    {"roles": [{"value": "student"}], "externalId": f"{FIRST_ODD_ID + 2}", "active": False},
    {"roles": [{"value": "student"}], "externalId": f"00{FIRST_ODD_ID + 3}", STUDENT_EXTENSION: {"gender": "Female"}},
)
"""Student accounts of nobody on roll: one linked to nobody, one whose externalId is no integer, one whose role is
capitalised and who has a role that everybody has, one who also works here, one that a person disabled, and one whose
externalId has leading zeros."""


class AlreadyFilled(Exception):
    """The database holds accounts; filling it again would mix two schools."""


def fill(database: str | Path, *, seed: int, staff: int = 12, contacts: int = 20, odd_students: bool = False) -> int:
    """Fills an empty directory; the same seed gives the same people.

    :param database: an SQLite file, or a database URL of SQLAlchemy.
    :param staff: how many have the role ``staff``; every third has an integer externalId from 900001 on, every sixth
        is a contact (parent) as well.
    :param contacts: how many have the role ``contact``.
    :param odd_students: whether to add :data:`ODD_STUDENTS`.
    :returns: how many accounts were made, the administrator included.
    :raises AlreadyFilled: the database holds resources already.
    """
    storage = DatabaseStorage(database, Capabilities().provider())
    try:
        with storage.transaction() as connection:
            if connection.scalar(select(func.count()).select_from(accounts)):
                raise AlreadyFilled("the database holds accounts already: delete it first, or fill another one")
            people = list(_people(seed, staff, contacts, ODD_STUDENTS if odd_students else ()))
            for person in people:
                storage.put("User", person)
    finally:
        storage.close()
    return len(people)


def _people(seed: int, staff: int, contacts: int, odd: tuple[dict[str, Any], ...]) -> Iterator[dict[str, Any]]:
    fake = Faker("en_GB")
    fake.seed_instance(seed)
    numbers = count(1)
    yield {"userName": "administrator", "displayName": "Administrator", "active": True}
    for number in range(staff):
        values = ["staff", "contact"] if number % 6 == 5 else ["staff"]
        linked = {"externalId": f"{FIRST_STAFF_ID + number}"} if number % 3 == 0 else {}
        title = {"title": fake.random_element(("Teacher", "Teaching assistant", "School office"))}
        yield _person(fake, next(numbers)) | {"roles": [{"value": value} for value in values]} | linked | title
    for _ in range(contacts):
        home = {
            "type": "home",
            "streetAddress": fake.street_address(),
            "locality": fake.city(),
            "postalCode": fake.postcode(),
            "country": "GB",
        }
        yield _person(fake, next(numbers)) | {"roles": [{"value": "contact"}], "addresses": [home]}
    for account in odd:
        yield _person(fake, next(numbers)) | account


def _person(fake: Faker, number: int) -> dict[str, Any]:
    given, family = fake.first_name(), fake.last_name()
    user_name = f"{given[0]}.{family}{number}".lower().replace(" ", "").replace("'", "")
    return {
        "userName": user_name,
        "name": {"givenName": given, "familyName": family},
        "active": True,
        "emails": [{"value": f"{user_name}@example.org", "type": "work", "primary": True}],
        "phoneNumbers": [{"value": f"07700 900{fake.random_int(0, 999):03}", "type": "mobile"}],
    }
