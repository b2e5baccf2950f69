"""The rules of SPEC sections 4 and 5 once more: plain, slow, one student after another, obviously right."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any

from invented_tables import Row

Rows = Sequence[Row]


def text(row: Row, column: str) -> str | None:
    value = unicodedata.normalize("NFC", row.get(column) or "")
    while value and is_invisible(value[0]):
        value = value[1:]
    while value and is_invisible(value[-1]):
        value = value[:-1]
    return value or None


def is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Zs", "Cc")


def person_id(row: Row) -> str | None:
    value = text(row, "person_id")
    return str(int(value)) if value and re.fullmatch(r"[0-9]+", value) else None


def flag(row: Row, column: str) -> bool:
    return (text(row, column) or "").lower() in ("t", "true", "y", "yes", "1")


def is_email_address(value: str) -> bool:
    before, _, domain = value.partition("@")
    return bool(
        before
        and value.count("@") == 1
        and not any(is_invisible(character) for character in value)
        and domain.count(".") >= 1
        and all(domain.split("."))
    )


def day(row: Row, column: str) -> date | None:
    """:raises ValueError: it is no date."""
    value = text(row, column)
    if value is None:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?", value):
        raise ValueError
    return None if int(value[:4]) < 1900 else date.fromisoformat(value[:10])


def has_days(row: Row) -> bool:
    try:
        day(row, "start_date")
        day(row, "end_date")
    except ValueError:
        return False
    return True


def covers(row: Row, today: date) -> bool:
    start, end = day(row, "start_date"), day(row, "end_date")
    return (start is None or start <= today) and (end is None or end >= today)


def rejections(students: Rows, emails: Rows) -> list[tuple[str | None, str]]:
    """Person ID and code of every rejection, a person and code once."""
    found: list[tuple[str | None, str]] = []
    ids = [person_id(student) for student in students]
    for student in students:
        own = person_id(student)
        codes = []
        if own is None:
            codes.append("no_person_id")
        elif ids.count(own) > 1:
            codes.append("duplicate_person")
        if text(student, "forename") is None:
            codes.append("no_forename")
        if text(student, "surname") is None:
            codes.append("no_surname")
        if own is not None:
            theirs = [email for email in emails if person_id(email) == own and text(email, "email_address")]
            if not theirs:
                codes.append("no_email")
            elif not any(is_usable(email) for email in theirs):
                codes.append("email_not_usable")
        found += [(own, code) for code in codes if own is None or (own, code) not in found]
    return found


def is_usable(email: Row) -> bool:
    value = text(email, "email_address")
    return text(email, "location") in ("H", "W") and value is not None and is_email_address(value)


class PlainAccount:
    """The account of one student who validated: ``values``, ``keep``, ``warnings``, ``why`` and ``sims_ids``."""

    def __init__(
        self,
        student: Row,
        tables: dict[str, Rows],
        today: date,
        policy: str,
        genders: Sequence[str] | None,
    ) -> None:
        self.id = person_id(student)
        self.tables = tables
        self.today = today
        self.values: dict[str, Any] = {
            "given_name": text(student, "forename"),
            "family_name": text(student, "surname"),
            "school_identifier": text(student, "admission_number"),
        }
        self.keep: set[str] = set()
        self.warnings: set[str] = set()
        self.why: dict[str, str] = {}
        self.sims_ids: dict[str, str | None] = {}
        self.take_date_of_birth(student)
        self.take_gender(student, genders)
        self.take_marked("home_telephone", self.telephones("H"), "number", "telephone_id")
        self.take_marked("mobile_telephone", self.telephones("M"), "number", "telephone_id")
        self.take_email("home_email", "H")
        self.take_email("work_email", "W")
        self.take_preference()
        self.take_user_name(student, policy)
        self.take_address()
        self.take_meals()
        self.take_sen()

    def rows(self, table: str) -> list[Row]:
        return [row for row in self.tables[table] if person_id(row) == self.id]

    def telephones(self, location: str) -> list[Row]:
        return [
            row
            for row in self.rows("telephones")
            if text(row, "location") == location
            and text(row, "number")
            and (text(row, "device") or "").lower() not in ("f", "fax", "text phone", "textphone", "minicom")
        ]

    def take_marked(self, column: str, rows: Rows, value: str, sims_id: str) -> None:
        primaries = [row for row in rows if flag(row, "primary")]
        mains = [row for row in rows if flag(row, "main")]
        if len(primaries) > 1:
            self.warnings.add("several_primary")
        elif not primaries and len(mains) > 1:
            self.warnings.add("several_main")
        self.values[column] = None
        for candidates, why in ((primaries, "primary"), (mains, "main"), (rows, "first in the list")):
            if candidates:
                self.values[column] = text(candidates[0], value)
                self.sims_ids[column] = text(candidates[0], sims_id)
                self.why[column] = why
                return

    def take_email(self, column: str, location: str) -> None:
        filled = [
            row for row in self.rows("emails") if text(row, "location") == location and text(row, "email_address")
        ]
        valid = [row for row in filled if is_usable(row)]
        if len(valid) < len(filled):
            self.warnings.add("invalid_email")
            if not valid:
                self.keep.add(column)
        self.take_marked(column, valid, "email_address", "email_id")

    def take_preference(self) -> None:
        usable = [row for row in self.rows("emails") if is_usable(row)]
        primaries = [row for row in usable if flag(row, "primary")]
        mains = [row for row in usable if flag(row, "main")]
        if len(primaries) > 1:
            self.warnings.add("several_primary")
        if not primaries:
            self.warnings.add("no_primary_email")
        deciding = next(iter(primaries + mains), None)
        is_work = deciding is not None and text(deciding, "location") == "W"
        self.values["email_preference"] = "Work" if is_work else "Personal"
        self.sims_ids["email_preference"] = text(deciding, "email_id") if deciding else None
        self.why["email_preference"] = "primary" if primaries else "main" if mains else "none is primary or main"

    def take_user_name(self, student: Row, policy: str) -> None:
        order = ["home_email", "work_email"]
        if self.values["email_preference"] == "Work":
            order.reverse()
        number = text(student, "admission_number")
        self.user_name_from_email = policy == "admission_number" and number is None
        if policy == "admission_number" and number is not None:
            self.values["user_name"], self.sims_ids["user_name"] = number, None
            self.why["user_name"] = "admission number"
            return
        taken = order[0] if self.values[order[0]] else order[1]
        self.values["user_name"], self.sims_ids["user_name"] = self.values[taken], self.sims_ids[taken]
        self.why["user_name"] = "email address"

    def take_date_of_birth(self, student: Row) -> None:
        self.values["date_of_birth"] = None
        try:
            born = day(student, "date_of_birth")
            if text(student, "date_of_birth") and not born:
                raise ValueError
        except ValueError:
            self.keep.add("date_of_birth")
            self.warnings.add("invalid_date")
        else:
            self.values["date_of_birth"] = born.isoformat() if born else None

    def take_gender(self, student: Row, genders: Sequence[str] | None) -> None:
        word = text(student, "gender")
        self.values["gender"] = None
        if not genders:
            self.keep.add("gender")
            return
        if word is None:
            return
        for gender in genders:
            if gender.strip().casefold() == word.casefold():
                self.values["gender"] = gender
                return
        self.keep.add("gender")
        self.warnings.add("gender_unknown")

    def take_address(self) -> None:
        column = "home_address"
        candidates: list[tuple[Row, Row]] = []
        left_out = False
        for row in self.rows("person_addresses"):
            if text(row, "address_type") != "H":
                continue
            address = self.address(text(row, "address_id"))
            if not has_days(row):
                self.warnings.add("invalid_date")
                left_out = True
            elif address is None:
                left_out = True
            elif any(text(address, part) for part in address if part not in ("address_id", "country")):
                candidates.append((row, address))
        self.values[column] = None
        for belongs, which_day, best, why in self.groups_of_addresses():
            members = [pair for pair in candidates if belongs(pair[0])]
            if members:
                winner = best(day(row, which_day) or date.min for row, _ in members)
                tied = [pair for pair in members if (day(pair[0], which_day) or date.min) == winner]
                if len({text(row, "address_id") for row, _ in tied}) > 1:
                    self.warnings.add("several_addresses")
                row, address = tied[0]
                self.values[column] = dump(address_object(address))
                self.sims_ids[column] = text(row, "address_id")
                self.why[column] = why.format(winner)
                return
        if left_out:
            self.keep.add(column)

    def address(self, address_id: str | None) -> Row | None:
        if address_id is None:
            return None
        return next((row for row in self.tables["addresses"] if text(row, "address_id") == address_id), None)

    def groups_of_addresses(self) -> list[tuple[Any, str, Any, str]]:
        """Which rows, by which day the best of them is found, how, and the words for it."""

        def in_force(row: Row) -> bool:
            return day(row, "start_date") is not None and covers(row, self.today)

        def in_force_without_start(row: Row) -> bool:
            return day(row, "start_date") is None and covers(row, self.today)

        def begins_later(row: Row) -> bool:
            start = day(row, "start_date")
            return start is not None and start > self.today

        def ended(row: Row) -> bool:
            return not (covers(row, self.today) or begins_later(row))

        return [
            (in_force, "start_date", max, "in force since {}"),
            (in_force_without_start, "start_date", max, "in force, no start date"),
            (begins_later, "start_date", min, "begins later, on {}"),
            (ended, "end_date", max, "ended on {}"),
        ]

    def take_meals(self) -> None:
        rows = self.rows("free_meals")
        self.take_periods("free_school_meals", rows, any(has_days(row) and covers(row, self.today) for row in rows))

    def take_sen(self) -> None:
        rows = self.rows("sen_provisions")
        objects: list[dict[str, str]] = []
        for row in rows:
            if has_days(row) and covers(row, self.today) and (named := sen_object(row)) and named not in objects:
                objects.append(named)
        self.take_periods("sen_information", rows, dump(objects), nothing="[]")

    def take_periods(self, column: str, rows: Rows, value: Any, nothing: Any = False) -> None:
        left_out = not all(has_days(row) for row in rows)
        if left_out:
            self.warnings.add("invalid_date")
        self.values[column] = value
        if left_out and value == nothing:
            self.keep.add(column)
            self.values[column] = None


def sen_object(row: Row) -> dict[str, str] | None:
    if not text(row, "provision_type") and not text(row, "provision_description"):
        return None
    start, end = day(row, "start_date"), day(row, "end_date")
    parts = {
        "value": text(row, "provision_type"),
        "display": text(row, "provision_description"),
        "startDate": start.isoformat() if start else None,
        "endDate": end.isoformat() if end else None,
    }
    return {name: part for name, part in parts.items() if part}


def address_object(address: Row) -> dict[str, str]:
    house_and_street = " ".join(filter(None, (text(address, "house_number"), text(address, "street"))))
    lines = [text(address, "apartment"), text(address, "house_name"), house_and_street, text(address, "district")]
    parts = {
        "streetAddress": "\n".join(line for line in lines if line),
        "locality": text(address, "town"),
        "region": text(address, "county"),
        "postalCode": postcode(text(address, "postcode") or ""),
        "country": "GB" if (text(address, "country") or "").lower() in ("united kingdom", "wales") else None,
    }
    return {name: part for name, part in parts.items() if part}


def postcode(value: str) -> str:
    closed = "".join(value.split()).upper()
    if re.fullmatch("[A-Z][A-Z]?[0-9][A-Z0-9]?[0-9][A-Z][A-Z]", closed):
        return f"{closed[:-3]} {closed[-3:]}"
    return " ".join(value.split()).upper()


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
