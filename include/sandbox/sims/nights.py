"""What happens in the nights that are shown, as changes to an ordinary student. Day 0 is today, day -1 yesterday."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sandbox.sims.people import Inventor, Person, Row, mail_name
from sandbox.sims.tables import Value


def joiner(day: int) -> Callable[[Inventor, Person], None]:
    """A student who is on roll from that day on."""

    def make(inventor: Inventor, person: Person) -> None:
        person.students[0]["valid_from"] = inventor.day(day)

    return make


def returner(inventor: Inventor, person: Person) -> None:
    """A student who left the day before yesterday, and is back today."""
    person.students.append({**person.students[0], "valid_from": inventor.today})
    person.students[0]["valid_to"] = inventor.day(-2)


def renamed(day: int) -> Callable[[Inventor, Person], None]:
    """A student who has another surname from that day on."""

    def make(inventor: Inventor, person: Person) -> None:
        surname = old = person.students[0]["surname"]
        while surname == old:
            surname = inventor.surname()
        _from(person.students, 0, inventor.day(day), surname=surname, legal_surname=surname)

    return make


def newly_nameless(inventor: Inventor, person: Person) -> None:
    """A student whose surname is blank from today on."""
    _from(person.students, 0, inventor.today, surname="")


def moved(day: int) -> Callable[[Inventor, Person], None]:
    """A student who lives at another address from that day on."""

    def make(inventor: Inventor, person: Person) -> None:
        for position in range(len(person.person_addresses) - 1, -1, -1):
            eve = inventor.day(day - 1)
            _from(person.person_addresses, position, inventor.day(day), end_date=eve)
        inventor.move_in(person, inventor.day(day), valid_from=inventor.day(day))

    return make


def new_mobile(day: int) -> Callable[[Inventor, Person], None]:
    """A student who has another mobile number from that day on."""

    def make(inventor: Inventor, person: Person) -> None:
        person.telephones.clear()
        inventor.telephone(person, "M", inventor.mobile_number(), True, True)
        old = person.telephones[0]["number"]
        new = old
        while new == old:
            new = inventor.mobile_number()
        _from(person.telephones, 0, inventor.day(day), number=new)

    return make


def telephone_removed(inventor: Inventor, person: Person) -> None:
    """A student who has no home telephone from today on."""
    inventor.telephone(person, "H", inventor.home_number(), True, True)
    for telephone in person.telephones:
        if telephone["location"] == "H":
            telephone["valid_to"] = inventor.day(-1)


def newly_unreachable(inventor: Inventor, person: Person) -> None:
    """A student who has no email address from today on."""
    _one_email(inventor, person)
    person.emails[0]["valid_to"] = inventor.day(-1)


def mended(inventor: Inventor, person: Person) -> None:
    """A student whose only email address was none until yesterday, and is one from today on."""
    address = _one_email(inventor, person)
    person.emails[0]["email_address"] = address.replace("@", " at ")
    _from(person.emails, 0, inventor.today, email_address=address)


def meals_begin(inventor: Inventor, person: Person) -> None:
    """A student who gets free meals from today on."""
    person.free_meals.clear()
    inventor.free_meal(person, inventor.today)
    person.free_meals[0]["valid_from"] = inventor.today


def _one_email(inventor: Inventor, person: Person) -> str:
    address = mail_name("pupil", "mail", person.person_id)
    person.emails.clear()
    inventor.email(person, "H", address, True, True)
    return address


def _from(rows: list[Row], position: int, day: date, **values: Value) -> None:
    """The row changes on that day; before, it was as it is."""
    old = rows[position]
    rows[position] = {**old, "valid_to": day - timedelta(days=1)}
    rows.insert(position + 1, {**old, "valid_from": day, **values})
