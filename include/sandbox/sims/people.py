"""Invented people: names and addresses from pools by Faker (en_GB), telephones from Ofcom's ranges for drama, mail of
example.org. A field costs one draw from a pool, so that 100,000 students take a minute."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from faker import Faker

from sandbox.sims.tables import Value

Row = dict[str, Value]

_DRAMA_NUMBERS = ("01632 960", "0113 496 0", "0114 496 0", "0115 496 0", "0117 496 0", "0161 496 0", "020 7946 0")
_DRAMA_MOBILES = "07700 900"
_HOUSES = ("Rose & Crown Cottage", "The Old Forge", "Abbey View", "Mill House", "<Unnamed>", "Orchard End")
_PROVISIONS = (
    ("N", "SEN Support"),
    ("K", "SEN Support"),
    ("E", "Education, Health and Care Plan"),
    ("SALT", "Speech and Language Therapy"),
    ("DYS", "Dyslexia Support"),
    ("VI", "Visual Impairment"),
)
_ETHNICITIES = ("WBRI", "APKN", "AIND", "BAFR", "MWBC", "NOBT", "REFU")


@dataclass
class Person:
    """A person with the rows that SIMS has of them, each list in the order of its document."""

    person_id: int
    students: list[Row] = field(default_factory=list)
    addresses: list[Row] = field(default_factory=list)
    person_addresses: list[Row] = field(default_factory=list)
    telephones: list[Row] = field(default_factory=list)
    emails: list[Row] = field(default_factory=list)
    sen_provisions: list[Row] = field(default_factory=list)
    free_meals: list[Row] = field(default_factory=list)


class Inventor:
    """Invents people, always the same for the same seed and day.

    :param seed: any text or number.
    :param today: the day on which the newest of the data is true.
    """

    def __init__(self, seed: int | str, today: date) -> None:
        self.today = today
        self.rng = random.Random(f"{seed} {today}")  # noqa: S311 - nothing here is secret
        faker = Faker("en_GB")
        faker.seed_instance(self.rng.getrandbits(32))
        self._female = _pool(faker.first_name_female, 300)
        self._male = _pool(faker.first_name_male, 300)
        self._surnames = _pool(faker.last_name, 500)
        self._streets = _pool(faker.street_name, 600)
        self._towns = _pool(faker.city, 60)
        self._counties = _pool(faker.county, 30)
        self._postcodes = _pool(faker.postcode, 2000)
        self._ids: dict[str, int] = {}
        self._household: tuple[Value, Value] | None = None
        # the school year that had begun two months ago: so that no whole year group joins on the days that are shown
        settled = today - timedelta(days=60)
        self.school_year = settled.year if settled.month >= 9 else settled.year - 1

    # -- days -----------------------------------------------------------------------------------------------------

    def day(self, offset: int) -> date:
        """Today plus so many days."""
        return self.today + timedelta(days=offset)

    def past(self, longest: int = 1500, shortest: int = 30) -> date:
        """A day between ``longest`` and ``shortest`` days ago."""
        return self.day(-self.rng.randint(shortest, longest))

    def future(self) -> date:
        """A day between one and ten months from now."""
        return self.day(self.rng.randint(30, 300))

    def day_of_year(self) -> date:
        """A day of the school year, well before the days that are shown."""
        start = date(self.school_year, 9, 1)
        return start + timedelta(days=self.rng.randint(7, (self.today - start).days - 14))

    # -- people ---------------------------------------------------------------------------------------------------

    def student(self, person_id: int) -> Person:
        """An ordinary student, on roll since the September in which they came."""
        rng = self.rng
        year = rng.randint(7, 13)
        gender = rng.choice(("Female", "Male"))
        sibling = self._household is not None and rng.random() < 0.15
        household = self._household if sibling else None
        forename = rng.choice(self._female if gender == "Female" else self._male)
        surname = household[0] if household else rng.choice(self._surnames)
        came = date(self.school_year - min(year - 7, rng.randint(0, 6)), 9, 1)
        birthday = date(self.school_year - year - 5, 9, 1) + timedelta(days=rng.randint(0, 364))
        person = Person(person_id)
        person.students.append(
            {
                "person_id": person_id,
                "forename": forename,
                "surname": surname,
                "chosen_name": forename if rng.random() < 0.8 else "",
                "legal_surname": surname,
                "gender": gender,
                "date_of_birth": birthday,
                "admission_number": f"{self.next_id('admission', 4001):06d}",
                "enrolment_status": "C",
                "year_taught_in": year,
                "upn": f"X{person_id:012d}",
                "ethnicity": rng.choice(_ETHNICITIES),
                "valid_from": came,
            }
        )
        if household:
            self.live_at(person, household[1], came)
        else:
            self._household = (surname, self.move_in(person, came))
        self._reach(person, str(forename), str(surname))
        if rng.random() < 0.2:
            self.free_meal(person, self.past(), None if rng.random() < 0.7 else self.future())
        if rng.random() < 0.14:
            self.provision(person, self.past(), None if rng.random() < 0.7 else self.future())
        return person

    def contact_of(self, student: Person, person_id: int) -> Person:
        """A parent or carer who lives with the student."""
        contact = self._adult(person_id, str(student.students[0]["surname"]))
        if student.person_addresses:
            link = student.person_addresses[-1]
            self.live_at(contact, link["address_id"], self.past())
        return contact

    def member_of_staff(self, person_id: int) -> Person:
        """A member of staff, with an address of their own."""
        staff = self._adult(person_id, self.rng.choice(self._surnames))
        self.move_in(staff, self.past())
        return staff

    def applicant(self, person_id: int) -> Person:
        """A child who may come next year: in every document but that of the students."""
        applicant = self.student(person_id)
        applicant.students.clear()
        self.free_meal(applicant, self.past())
        self.provision(applicant, self.past())
        return applicant

    # -- what a person has ----------------------------------------------------------------------------------------

    def surname(self) -> str:
        """A surname from the pool."""
        return self.rng.choice(self._surnames)

    def move_in(self, person: Person, start: Value, end: Value = None, **link: Value) -> Value:
        """A new address for the person; its AddressID."""
        address = self._address()
        person.addresses.append(address)
        self.live_at(person, address["address_id"], start, end, **link)
        return address["address_id"]

    def live_at(self, person: Person, address_id: Value, start: Value, end: Value = None, **link: Value) -> None:
        """Link the person to an address that is there, as their home.

        :param start: the first day of the link.
        :param end: its last day, none where it goes on.
        :param link: columns of ``person_addresses`` beside these, or in their place.
        """
        row: Row = {"person_id": person.person_id, "address_id": address_id, "start_date": start, "end_date": end}
        person.person_addresses.append({**row, "address_type": "H", **link})

    def telephone(
        self, person: Person, location: str, number: Value, main: Value = False, primary: Value = False
    ) -> None:
        """Give the person a telephone.

        :param location: H, W, M, O or another letter of SIMS.
        :param main: whether it is marked so.
        :param primary: likewise.
        """
        row: Row = {"person_id": person.person_id, "telephone_id": self.next_id("telephone"), "location": location}
        person.telephones.append({**row, "number": number, "main": main, "primary": primary})

    def email(self, person: Person, location: str, address: Value, main: Value = False, primary: Value = False) -> None:
        """Give the person an email address.

        :param location: H, W or O.
        :param main: whether it is marked so.
        :param primary: likewise.
        """
        row: Row = {"person_id": person.person_id, "email_id": self.next_id("email"), "location": location}
        person.emails.append({**row, "email_address": address, "main": main, "primary": primary})

    def free_meal(self, person: Person, start: Value, end: Value = None) -> None:
        """Give the person a period of free meals.

        :param start: its first day.
        :param end: its last day, none where it goes on.
        """
        person.free_meals.append({"person_id": person.person_id, "start_date": start, "end_date": end})

    def provision(self, person: Person, start: Value, end: Value = None) -> None:
        """Give the person an SEN provision.

        :param start: its first day.
        :param end: its last day, none where it goes on.
        """
        kind, description = self.rng.choice(_PROVISIONS)
        row: Row = {"person_id": person.person_id, "provision_type": kind, "provision_description": description}
        person.sen_provisions.append({**row, "start_date": start, "end_date": end})

    def mobile_number(self) -> str:
        """A mobile number that belongs to nobody."""
        return f"{_DRAMA_MOBILES}{self.rng.randint(0, 999):03d}"

    def home_number(self) -> str:
        """A landline number that belongs to nobody."""
        return f"{self.rng.choice(_DRAMA_NUMBERS)}{self.rng.randint(0, 999):03d}"

    def next_id(self, of_what: str, first: int = 1) -> int:
        """The next AddressID, TelephoneID, ..."""
        self._ids[of_what] = self._ids.get(of_what, first - 1) + 1
        return self._ids[of_what]

    def _adult(self, person_id: int, surname: str) -> Person:
        adult = Person(person_id)
        self._reach(adult, self.rng.choice(self._female), surname)
        return adult

    def _reach(self, person: Person, forename: str, surname: str) -> None:
        """Telephones and emails as most people have them."""
        rng = self.rng
        mobile_first = rng.random() < 0.6
        if rng.random() < 0.8:
            self.telephone(person, "H", self.home_number(), True, not mobile_first)
        if mobile_first or rng.random() < 0.6:
            self.telephone(person, "M", self.mobile_number(), False, mobile_first)
        if rng.random() < 0.1:
            self.telephone(person, rng.choice("WOF"), self.home_number(), None, None)
        at_home = rng.random() < 0.9
        if at_home:
            self.email(person, "H", mail_name(forename, surname, person.person_id), True, True)
        if not at_home or rng.random() < 0.5:
            self.email(person, "W", f"p{person.person_id}@school.example.org", None if at_home else True, not at_home)

    def _address(self) -> Row:
        rng = self.rng
        named = rng.random() < 0.15
        return {
            "address_id": self.next_id("address"),
            "apartment": f"Flat {rng.randint(1, 30)}" if rng.random() < 0.1 else None,
            "house_name": rng.choice(_HOUSES) if named else None,
            "house_number": "" if named else rng.randint(1, 240),
            "street": rng.choice(self._streets),
            "district": rng.choice(self._towns) if rng.random() < 0.2 else "",
            "town": rng.choice(self._towns),
            "county": rng.choice(self._counties) if rng.random() < 0.7 else None,
            "postcode": _as_typed(rng.choice(self._postcodes), rng),
            "country": rng.choices(("United Kingdom", "England", "Wales", "", None, "France"), (60, 20, 5, 5, 8, 2))[0],
            "uprn": f"1{rng.randint(0, 10**10):011d}",
        }


def mail_name(forename: str, surname: str, person_id: int) -> str:
    """An address of mail that is nobody's, from a person's name."""
    plain = unicodedata.normalize("NFKD", f"{forename}.{surname}").encode("ascii", "ignore").decode()
    return f"{''.join(c for c in plain.lower() if c.isalnum() or c == '.').strip('.')}.{person_id}@example.org"


def _pool(draw: Callable[[], str], size: int) -> Sequence[str]:
    return [draw() for _ in range(size)]


def _as_typed(postcode: str, rng: random.Random) -> str:
    """Postcodes come as offices type them: some in small letters, with two spaces, without one."""
    if (chance := rng.random()) < 0.9:
        return postcode
    return postcode.lower() if chance < 0.95 else postcode.replace(" ", "  " if chance < 0.98 else "")
