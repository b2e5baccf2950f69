"""Fills a database with an invented school: a year of its roll, every case, and what happens in the last two nights.

The three days that matter are the day before yesterday, yesterday and ``today``. From one to the next students join,
leave and change, a few records break and one is mended; a *returner* is on roll on the first, not on the second, and
again on the third.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from sandbox.sims.cases import CASES, Case
from sandbox.sims.database import Database
from sandbox.sims.people import Inventor, Person, Row

SMALLEST, LARGEST = 10, 100_000
_EVERY_CASE = 50
"""From this number of students on there is at least one of every case."""

_FIRST_STUDENT, _FIRST_CONTACT, _FIRST_STAFF, _FIRST_APPLICANT = 1_000, 1_000_000, 2_000_000, 3_000_000
_LEFT_DURING_YEAR, _JOINED_DURING_YEAR = 0.04, 0.03
_LEAVERS = 0.005
_BATCH = 2_000  # people written at once
_TABLES = (
    "students",
    "addresses",
    "person_addresses",
    "telephones",
    "emails",
    "sen_provisions",
    "free_meals",
)


@dataclass(frozen=True)
class Filled:
    """What was filled in: the Person IDs by case, and of those who left or joined."""

    on_roll: int
    cases: dict[str, list[int]]


def fill(
    database: Database | Path | str,
    *,
    students: int,
    seed: int | str = 1,
    today: date,
    name: str = "Green Abbey School",
    la: str = "823",
    estab: str = "4321",
    missing_person_ids: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Filled:
    """Fill a database with an invented school; what it held before is gone. The same arguments give the same rows.

    :param students: people on roll today, 10 to 100,000 (a duplicate PersonID is one person in two rows).
    :param today: the newest day; later days are like it.
    :param missing_person_ids: students without a PersonID besides (with one, nobody may be disabled: SPEC section 2).
    :param progress: called with the number of students so far.
    :raises ValueError: a number of students outside those limits.
    """
    if not SMALLEST <= students <= LARGEST:
        raise ValueError(f"A school has {SMALLEST} to {LARGEST} students.")
    school = database if isinstance(database, Database) else Database(database)
    try:
        for table in _TABLES:
            school.delete(table)
        school.put_school(name=name, la=la, estab=estab)
        inventor = Inventor(seed, today)
        cases: dict[str, list[int]] = defaultdict(list)
        people = _everybody(inventor, students, missing_person_ids, cases, progress)
        while batch := list(islice(people, _BATCH)):
            school.load({table: [row for person in batch for row in _rows(person, table)] for table in _TABLES})
    finally:
        if school is not database:
            school.close()
    return Filled(students, dict(cases))


def _everybody(
    inventor: Inventor,
    students: int,
    missing_person_ids: int,
    cases: dict[str, list[int]],
    progress: Callable[[int], None],
) -> Iterator[Person]:
    contact, applicant, staff = _FIRST_CONTACT, _FIRST_APPLICANT, _FIRST_STAFF
    for number, student in enumerate(_all_students(inventor, students, cases), start=1):
        yield student
        if number % 5 < 2:
            yield inventor.contact_of(student, contact := contact + 1)
        if number % 12 == 0:
            yield inventor.member_of_staff(staff := staff + 1)
        if number % 25 == 1:
            yield inventor.applicant(applicant := applicant + 1)
        if number % _BATCH == 0:
            progress(number)
    for number in range(missing_person_ids):
        lost = inventor.student(applicant + 1 + number)
        lost.students[0]["person_id"] = ("", None, "unknown")[number % 3]
        yield Person(lost.person_id, students=lost.students)


def _all_students(inventor: Inventor, students: int, cases: dict[str, list[int]]) -> Iterator[Person]:
    """Those on roll today, with their cases, and those who left, mixed."""
    rng = inventor.rng
    leavers = max(1, round(students * _LEAVERS))
    left = [inventor.day_of_year() for _ in range(round(students * _LEFT_DURING_YEAR))]
    left += [inventor.day(-2)] * leavers + [inventor.day(-1)] * leavers
    total = students + len(left)
    person_ids = rng.sample(range(_FIRST_STUDENT, _FIRST_STUDENT + 4 * total), total)
    allotted = _allot(inventor, students)
    last_days = dict(zip(rng.sample(range(total), len(left)), left, strict=True))
    names = {inventor.day(-2): "leaver_yesterday", inventor.day(-1): "leaver_today"}
    index = 0
    for place, person_id in enumerate(person_ids):
        person = inventor.student(person_id)
        if last_day := last_days.get(place):
            person.students[0]["valid_to"] = last_day
            cases[names.get(last_day, "left_during_year")].append(person_id)
        else:
            if rng.random() < _JOINED_DURING_YEAR:
                person.students[0]["valid_from"] = inventor.day_of_year()
                cases["joined_during_year"].append(person_id)
            for case in allotted.get(index, ()):
                case.make(inventor, person)
                cases[case.name].append(person_id)
            index += 1
        yield person


def _allot(inventor: Inventor, students: int) -> dict[int, list[Case]]:
    """Which student (by index) gets which cases: of one area at most one, and of all areas as few as can be."""
    allotted: dict[int, list[Case]] = defaultdict(list)
    for area in dict.fromkeys(case.area for case in CASES):
        order = list(range(students))
        inventor.rng.shuffle(order)
        order.sort(key=lambda index: len(allotted.get(index, ())))
        free = iter(order)
        for case in (case for case in CASES if case.area == area):
            for index in islice(free, _count(case, students)):
                allotted[index].append(case)
    return allotted


def _count(case: Case, students: int) -> int:
    count = round(case.share * students)
    if students >= _EVERY_CASE or (case.kind != "rejected" and not case.name.startswith("newly")):
        return max(1, count)
    return max(count, _SMALL_SCHOOL.get(case.name, 0))


_SMALL_SCHOOL = {"no_surname": 1, "newly_no_email": 1}
"""What breaks in a school too small to hold every case and stay below the limits of SPEC section 7."""


def _rows(person: Person, table: str) -> Sequence[Row]:
    rows: list[Row] = getattr(person, table)
    return rows
