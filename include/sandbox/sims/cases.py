"""The cases: everything that SPEC sections 2, 4 and 5 name about a record, each as a change to an ordinary student.

A case belongs to one area of a person's rows. A student has at most one case of an area, so that cases do not undo each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.sims import nights
from sandbox.sims.people import Inventor, Person
from sandbox.sims.tables import Value

Area = Literal["student", "address", "telephone", "email", "meals", "sen"]
Kind = Literal["night", "rejected", "other"]

_NO_DATE = ("31/02/2012", "2012-02-30T00:00:00", "unknown", "0000-00-00T00:00:00")
_FOREIGN_NAMES = (
    ("Łukasz", "Wiśniewski"),
    ("Şeyma", "Öztürk"),
    ("Đorđe", "Živković"),
    ("Nguyễn", "Trần"),
    ("Zoë", "Øst"),
)
_FLAGS = (("Yes", "No"), ("Y", "N"), ("true", "false"), ("1", "0"), ("t", "f"), ("TRUE", "FALSE"), (" T ", " F "))


@dataclass(frozen=True)
class Case:
    """One case.

    :param share: of all students; in a school of 50 or more there is at least one.
    :param make: changes the person; says so by returning nothing.
    :param kind: ``night`` for what happens in the nights that are shown, ``rejected`` for what is not imported.
    """

    name: str
    area: Area
    share: float
    make: Callable[[Inventor, Person], None]
    kind: Kind = "other"


# -- names and dates of the student -------------------------------------------------------------------------------


def _students(**values: Value) -> Callable[[Inventor, Person], None]:
    def make(_: Inventor, person: Person) -> None:
        person.students[0].update(values)

    return make


def _duplicate_person(inventor: Inventor, person: Person) -> None:
    other = inventor.next_id("admission", 4001)
    person.students.append({**person.students[0], "forename": "Alex", "admission_number": f"{other:06d}"})


def _no_admission_number(inventor: Inventor, person: Person) -> None:
    blank = inventor.rng.choice((None, "", "  "))
    person.students[0].update(admission_number=blank, enrolment_status=inventor.rng.choice("MSG"))


def _spaces(_: Inventor, person: Person) -> None:
    row = person.students[0]
    row.update({name: f" {row[name]} " for name in ("person_id", "forename", "surname", "gender", "admission_number")})
    for email in person.emails:
        email["email_address"] = f"  {email['email_address']}\n"


def _foreign_name(inventor: Inventor, person: Person) -> None:
    forename, surname = inventor.rng.choice(_FOREIGN_NAMES[:-1])
    person.students[0].update(forename=forename, chosen_name=forename, surname=surname, legal_surname=surname)


def _latin_name(_: Inventor, person: Person) -> None:
    forename, surname = _FOREIGN_NAMES[-1]
    person.students[0].update(forename=forename, chosen_name=forename, surname=surname, legal_surname=surname)


def _invalid_birth_date(inventor: Inventor, person: Person) -> None:
    person.students[0]["date_of_birth"] = inventor.rng.choice(_NO_DATE)


# -- home address -------------------------------------------------------------------------------------------------

Period = tuple[Value | Callable[[Inventor], Value], Value | Callable[[Inventor], Value]]


def _early(inventor: Inventor) -> Value:
    return inventor.past(3000, 1600)


def _late(inventor: Inventor) -> Value:
    return inventor.past(1000)


def _yet(inventor: Inventor) -> Value:
    return inventor.future()


def _no_date(inventor: Inventor) -> Value:
    return inventor.rng.choice(_NO_DATE)


def _drawn(inventor: Inventor, periods: tuple[Period, ...]) -> list[tuple[Value, Value]]:
    pairs = [tuple(bound(inventor) if callable(bound) else bound for bound in period) for period in periods]
    return [(start, end) for start, end in pairs]


def _addresses(*periods: Period) -> Callable[[Inventor, Person], None]:
    def make(inventor: Inventor, person: Person) -> None:
        person.person_addresses.clear()
        for start, end in _drawn(inventor, periods):
            inventor.move_in(person, start, end)

    return make


def _addresses_from_one_day(inventor: Inventor, person: Person) -> None:
    start = inventor.past()
    person.person_addresses.clear()
    inventor.move_in(person, start)
    inventor.move_in(person, start)


def _blank_address(inventor: Inventor, person: Person) -> None:
    inventor.move_in(person, inventor.day(-20))
    blank = dict.fromkeys(person.addresses[-1], "")
    person.addresses[-1] = {**blank, "address_id": person.addresses[-1]["address_id"], "street": "  "}


def _newer_other_address(inventor: Inventor, person: Person) -> None:
    inventor.move_in(person, inventor.day(-20), address_type="W")


# -- telephones and emails: location, value, main, primary ---------------------------------------------------------


def _telephones(*rows: tuple[str, Value, Value, Value]) -> Callable[[Inventor, Person], None]:
    """Telephones; one without a value gets an invented number."""

    def make(inventor: Inventor, person: Person) -> None:
        person.telephones.clear()
        for location, value, main, primary in rows:
            number = inventor.mobile_number() if location == "M" else inventor.home_number()
            inventor.telephone(person, location, number if value is None else value, main, primary)

    return make


def _flags_spelled_otherwise(inventor: Inventor, person: Person) -> None:
    yes, no = inventor.rng.choice(_FLAGS)
    for row in (*person.telephones, *person.emails):
        row.update({flag: yes if row[flag] else no for flag in ("main", "primary")})


def _emails(*rows: tuple[str, Value, Value, Value]) -> Callable[[Inventor, Person], None]:
    """Emails; one without a value gets an invented address."""

    def make(inventor: Inventor, person: Person) -> None:
        person.emails.clear()
        for number, (location, value, main, primary) in enumerate(rows):
            address = f"{location.lower()}{number}.{person.person_id}@example.org"
            inventor.email(person, location, address if value is None else value, main, primary)

    return make


# -- periods of meals and provisions ------------------------------------------------------------------------------


def _meals(*periods: Period) -> Callable[[Inventor, Person], None]:
    def make(inventor: Inventor, person: Person) -> None:
        person.free_meals.clear()
        for start, end in _drawn(inventor, periods):
            inventor.free_meal(person, start, end)

    return make


def _provisions(*periods: Period) -> Callable[[Inventor, Person], None]:
    def make(inventor: Inventor, person: Person) -> None:
        person.sen_provisions.clear()
        for start, end in _drawn(inventor, periods):
            inventor.provision(person, start, end)

    return make


CASES: tuple[Case, ...] = (
    Case("joiner_today", "student", 0.004, nights.joiner(0), "night"),
    Case("returner", "student", 0.001, nights.returner, "night"),
    Case("joiner_yesterday", "student", 0.004, nights.joiner(-1), "night"),
    Case("renamed_today", "student", 0.002, nights.renamed(0), "night"),
    Case("newly_no_surname", "student", 0.001, nights.newly_nameless, "night"),
    Case("renamed_yesterday", "student", 0.002, nights.renamed(-1), "night"),
    Case("no_surname", "student", 0.002, _students(surname=""), "rejected"),
    Case("no_forename", "student", 0.002, _students(forename=None), "rejected"),
    Case("duplicate_person", "student", 0.0005, _duplicate_person, "rejected"),
    Case("no_admission_number", "student", 0.02, _no_admission_number),
    Case("name_beyond_latin_1", "student", 0.02, _foreign_name),
    Case("name_of_latin_1", "student", 0.02, _latin_name),
    Case("spaces_round_values", "student", 0.01, _spaces),
    Case("gender_unknown", "student", 0.005, _students(gender="Prefers to self-describe")),
    Case("gender_blank", "student", 0.005, _students(gender="")),
    Case("invalid_birth_date", "student", 0.002, _invalid_birth_date),
    Case("moved_today", "address", 0.004, nights.moved(0), "night"),
    Case("moved_yesterday", "address", 0.004, nights.moved(-1), "night"),
    Case("several_addresses_in_force", "address", 0.03, _addresses((_early, None), (_late, None), (None, None))),
    Case("address_without_start", "address", 0.02, _addresses((None, None), (_early, _late), (_yet, None))),
    Case("addresses_to_come", "address", 0.005, _addresses((_yet, None), (_yet, None))),
    Case("addresses_ended", "address", 0.01, _addresses((_early, _late), (_early, _late))),
    Case("addresses_from_one_day", "address", 0.01, _addresses_from_one_day),
    Case("no_address", "address", 0.01, _addresses()),
    Case("blank_address", "address", 0.005, _blank_address),
    Case("newer_address_of_another_type", "address", 0.01, _newer_other_address),
    Case("invalid_address_date", "address", 0.003, _addresses((_late, None), (_no_date, None), (_early, _no_date))),
    Case("new_mobile_today", "telephone", 0.004, nights.new_mobile(0), "night"),
    Case("new_mobile_yesterday", "telephone", 0.004, nights.new_mobile(-1), "night"),
    Case("telephone_removed_today", "telephone", 0.002, nights.telephone_removed, "night"),
    Case("several_primary_telephones", "telephone", 0.01, _telephones(("M", None, "T", "T"), ("M", None, "F", "T"))),
    Case("several_main_telephones", "telephone", 0.02, _telephones(("H", None, "T", "F"), ("H", None, "T", "F"))),
    Case("unmarked_telephones", "telephone", 0.02, _telephones(("H", None, "F", ""), ("H", None, "", "F"))),
    Case("blank_primary_telephone", "telephone", 0.005, _telephones(("H", "  ", "T", "T"), ("H", None, "F", "F"))),
    Case("no_telephone", "telephone", 0.02, _telephones()),
    Case("flags_spelled_otherwise", "telephone", 0.02, _flags_spelled_otherwise),
    Case("newly_no_email", "email", 0.001, nights.newly_unreachable, "night"),
    Case("mended_today", "email", 0.001, nights.mended, "night"),
    Case("no_email", "email", 0.005, _emails(), "rejected"),
    Case("only_other_emails", "email", 0.003, _emails(("O", None, "T", "T")), "rejected"),
    Case("only_invalid_emails", "email", 0.003, _emails(("H", "pupil at example.org", "T", "T")), "rejected"),
    Case("only_blank_emails", "email", 0.001, _emails(("H", " ", "T", "T"), ("W", "", "F", "F")), "rejected"),
    Case("several_primary_emails", "email", 0.01, _emails(("H", None, "F", "T"), ("W", None, "T", "T"))),
    Case("several_main_emails", "email", 0.02, _emails(("W", None, "T", "F"), ("H", None, "T", "F"))),
    Case("no_primary_email", "email", 0.02, _emails(("H", None, "F", "F"), ("W", None, "", ""))),
    Case(
        "invalid_primary_email", "email", 0.005, _emails(("H", "pupil@@example.org", "T", "T"), ("W", None, "F", "F"))
    ),
    Case("primary_email_of_another_type", "email", 0.005, _emails(("O", None, "F", "T"), ("W", None, "T", "F"))),
    Case("work_email_preferred", "email", 0.05, _emails(("H", None, "T", "F"), ("W", None, "F", "T"))),
    Case("meals_begin_today", "meals", 0.001, nights.meals_begin, "night"),
    Case("meals_open", "meals", 0.02, _meals((_late, None))),
    Case("meals_ended", "meals", 0.05, _meals((_early, _late))),
    Case("meals_without_start", "meals", 0.01, _meals((None, _yet))),
    Case("meals_to_come", "meals", 0.005, _meals((_yet, None))),
    Case("invalid_meals_date", "meals", 0.002, _meals((_no_date, None))),
    Case("several_provisions", "sen", 0.02, _provisions((_late, None), (_early, None), (_late, _yet))),
    Case("provision_ended", "sen", 0.03, _provisions((_early, _late))),
    Case("provision_without_start", "sen", 0.01, _provisions((None, None))),
    Case("provision_to_come", "sen", 0.005, _provisions((_yet, None))),
    Case("invalid_provision_date", "sen", 0.002, _provisions((_no_date, None))),
)
