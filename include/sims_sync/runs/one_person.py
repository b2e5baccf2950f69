"""What of a file of the store is one person's: the entries themselves, and the file without them (SPEC section 9).

It goes by the form of a file and the names of its columns and keys, not by which file it is: one that a stage saves
newly is looked into like the others.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from sims_sync.model.person import KeyForm
from sims_sync.store.content import as_json

ERASED = "(erased)"
"""What stands in a sentence in place of a Person ID or an account's id that was erased."""

_NUMBERS = ("school_identifier", "admission_number", "AdmissionNumber")
_SENTENCES = ("detail", "message", "reason")
"""What of another person's entry can name this one: who would get the same user name, say."""
_LISTED = re.compile(r"\bpersons?(?: IDs?)?:? [^.;:]*", re.IGNORECASE)
"""Where a sentence of the product names people: ``person 101``, ``persons 101, 102 and 103``."""

T = TypeVar("T")

Entry = Mapping[str, Any] | str
"""A row, an entry of a list, or a sentence, as it stands in a file."""


@dataclass(frozen=True)
class Person:
    """A person, as the files of one school know them.

    :param key: in the one spelling of ``form``.
    :param numbers: admission numbers that were this person's: what a record without a Person ID is known by.
    :param accounts: ids of accounts in the directory that are or were this person's.
    :param addresses: ids of the addresses that are this person's and no other student's.
    """

    key: str
    form: KeyForm
    numbers: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def owns(self, entry: Mapping[str, Any]) -> bool:
        """Whether a row or an entry is this person's. One without a Person ID is, when its admission number is theirs,
        or when it names an account of theirs."""
        if _held(entry, "account_person_id") == self.key:
            return True
        who = _held(entry, "person_id") or _held(entry, "personId")
        if who is not None:
            return who == self.key
        if (record := _held(entry, "record")) is not None:
            return self.is_record(record)
        return (
            any(_held(entry, name) in self.numbers for name in _NUMBERS)
            or _held(entry, "account_id") in self.accounts
            or _held(entry, "address_id") in self.addresses
            or self.without(str(entry.get("detail") or "")) != str(entry.get("detail") or "")
        )

    def is_record(self, text: str) -> bool:
        """Whether a text is ``<Person ID>`` or ``<Person ID>:<code>``, or likewise with an admission number (where
        that one cannot be a Person ID)."""
        names = (self.key, *(number for number in self.numbers if self.form.key(number) != number))
        return any(text == name or text.startswith(f"{name}:") for name in names)

    def without(self, sentence: str) -> str:
        """A sentence without this person. An id of an account that could be any number in it stays."""
        names = [self.key, *(each for each in self.accounts if each.isdecimal())]
        sentence = _LISTED.sub(lambda found: _replaced(found[0], names), sentence)
        return _replaced(sentence, [each for each in self.accounts if not each.isdecimal()])


@dataclass(frozen=True)
class Parted:
    """A file, parted in two.

    :param theirs: what is the person's.
    :param rest: the content without it; none where the file is to go as a whole.
    """

    theirs: list[Entry]
    rest: bytes | None


def parted(file: str, content: bytes, person: Person) -> Parted | None:
    """Part a file by its form.

    :param file: its name; that of a table, a list or a document.
    :returns: none where it has another form.
    :raises ValueError: it cannot be read.
    """
    part = next((part for ending, part in _PARTS.items() if file.endswith(ending)), None)
    return None if part is None else part(content, person)


def _of_table(content: bytes, person: Person) -> Parted:
    table = pd.read_parquet(io.BytesIO(content))
    candidates = table
    if "person_id" in table:  # so that of thousands of rows few are looked at one by one
        keys = [table[name].astype("str") == person.key for name in ("person_id", "account_person_id") if name in table]
        candidates = table[table["person_id"].isna() | pd.concat(keys, axis=1).any(axis=1)]
    rows = [_row(row) for row in candidates.to_dict("records")]
    own = [person.owns(row) for row in rows]
    rest = table.drop(index=_chosen(candidates.index, own))
    theirs: list[Entry] = [*_chosen(rows, own)]
    for name in (each for each in _SENTENCES if each in rest):
        told = rest[name].map(person.without, na_action="ignore")
        named = told.notna() & (told != rest[name])
        theirs += rest.loc[named, name].tolist()
        rest = rest.assign(**{name: rest[name].mask(named, told)})
    if not theirs:
        return Parted([], content)
    buffer = io.BytesIO()
    rest.to_parquet(buffer, index=False)
    return Parted(theirs, buffer.getvalue())


def _of_document(content: bytes, person: Person) -> Parted:
    theirs: list[Entry] = []
    rest = _without(json.loads(content), person, theirs)
    return Parted(theirs, as_json(rest) if theirs else content)


def _of_list(content: bytes, person: Person) -> Parted:
    head, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    rows = [dict(zip(head, (cell.removeprefix("'") for cell in line), strict=False)) for line in lines]
    own = [person.owns(row) for row in rows]
    theirs: list[Entry] = [*_chosen(rows, own)]
    others = _chosen(lines, [not each for each in own])
    for line in others:
        for at, cell in enumerate(line):
            if head[at : at + 1] and head[at] in _SENTENCES and person.without(cell) != cell:
                theirs.append(cell)
                line[at] = person.without(cell)
    if not theirs:
        return Parted([], content)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *others])
    return Parted(theirs, text.getvalue().encode("utf-8-sig"))


_PARTS: Mapping[str, Callable[[bytes, Person], Parted]] = {
    ".parquet": _of_table,
    ".json": _of_document,
    ".csv": _of_list,
}


def _without(node: Any, person: Person, theirs: list[Entry]) -> Any:
    """A part of a JSON document without the person.

    :param theirs: what is the person's is added to it.
    """
    match node:
        case dict() if "person_id" in node:  # another person's: an own one is taken out of its list
            told = {key: _without(node[key], person, theirs) for key in _SENTENCES if isinstance(node.get(key), str)}
            return {**node, **told}
        case dict():
            theirs.extend({key: value} for key, value in node.items() if person.is_record(key))
            kept = {key: value for key, value in node.items() if not person.is_record(key)}
            return {key: _without(value, person, theirs) for key, value in kept.items()}
        case list():
            theirs.extend(each if isinstance(each, dict) else str(each) for each in node if _is_own(each, person))
            return [_without(each, person, theirs) for each in node if not _is_own(each, person)]
        case str() if (rest := person.without(node)) != node:
            theirs.append(node)
            return rest
    return node


def _is_own(each: Any, person: Person) -> bool:
    """Whether an entry of a list is the person's: an object, a Person ID, a record, or the id of an account."""
    if isinstance(each, dict):
        return bool({"person_id", "personId", "record"} & each.keys()) and person.owns(each)
    return isinstance(each, str | int) and (person.is_record(str(each)) or str(each) in person.accounts)


def ids_in(entries: Collection[Entry]) -> tuple[frozenset[str], frozenset[str]]:
    """The admission numbers and the accounts that a person's entries name."""
    rows = [entry for entry in entries if not isinstance(entry, str)]
    numbers = {_held(row, name) for row in rows for name in _NUMBERS}
    accounts = {_held(row, "account_id") for row in rows}
    return frozenset(filter(None, numbers)), frozenset(filter(None, accounts))


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a table as JSON has it, without what is null."""
    values = {column: value.tolist() if hasattr(value, "tolist") else value for column, value in row.items()}
    return {column: value for column, value in values.items() if isinstance(value, list) or not pd.isna(value)}


def _chosen(rows: Iterable[T], own: Sequence[bool]) -> list[T]:
    return [row for row, is_own in zip(rows, own, strict=True) if is_own]


def _held(entry: Mapping[str, Any], name: str) -> str | None:
    """A value as text, none where there is none."""
    value = entry.get(name)
    return None if value is None or value == "" else str(value).strip()


def _replaced(text: str, names: Collection[str]) -> str:
    for name in names:
        text = re.sub(rf"(?<![\w.@-]){re.escape(name)}(?![\w@-])", ERASED, text)
    return text
