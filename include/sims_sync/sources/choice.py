"""What of a roll a school wants: the rest is neither asked for nor kept in the tables (SPEC sections 4 and 9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from sims_sync.model.attributes import ATTRIBUTES, Attribute

READ_ANYWAY = frozenset({"students", "emails"})
"""The tables that are read whatever a school leaves out: who is on roll, and the emails, by which records are validated
and user names given."""

_READ_ANYWAY_OF_STUDENTS = frozenset({"person_id", "forename", "surname", "admission_number"})

CHOSEN_NAME = "chosen_name"
"""The column of students that only some schools want."""


@dataclass(frozen=True)
class Choice:
    """A school's choice.

    :param attributes: all that could be sent.
    :param off: columns of those that are not, of nobody.
    :param withheld: columns of those that are not of a single student, by Person ID.
    :param chosen_name: whether the names that students choose are wanted.
    """

    attributes: tuple[Attribute, ...] = ATTRIBUTES
    off: frozenset[str] = frozenset()
    withheld: Mapping[str, Collection[str]] = field(default_factory=dict, repr=False)
    chosen_name: bool = False

    @property
    def unasked(self) -> frozenset[str]:
        """The tables that nothing wanted is taken from."""
        read = {
            table for attribute in self.attributes if attribute.column not in self.off for table in attribute.tables
        }
        of_those_off = {table for attribute in self._named(self.off) for table in attribute.tables}
        return frozenset(of_those_off - read - READ_ANYWAY)

    @property
    def unknown(self) -> frozenset[str]:
        """Columns of what is off and so stands in no table; an admission number does, which names records, too."""
        return frozenset(
            each.column for each in self._named(self.off) if each.taken_from not in _READ_ANYWAY_OF_STUDENTS
        )

    def without_what_is_off(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The tables (``sources.source.TABLES``) without the values that the school sends of nobody."""
        kept = dict(tables)
        for attribute in self._named(self.off):
            kept = _left_out(kept, attribute, None)
        if not self.chosen_name:
            kept["students"] = kept["students"].drop(columns=CHOSEN_NAME, errors="ignore")
        return kept

    def without_what_is_withheld(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The tables without the values that are withheld of single students."""
        kept = dict(tables)
        for column in dict.fromkeys(column for columns in self.withheld.values() for column in columns):
            people = [person for person, columns in self.withheld.items() if column in columns]
            for attribute in self._named({column}):
                kept = _left_out(kept, attribute, people)
        return kept

    def _named(self, columns: Collection[str]) -> list[Attribute]:
        return [attribute for attribute in self.attributes if attribute.column in columns]


EVERYTHING = Choice()
"""The choice of a school that leaves nothing out."""


def _left_out(
    tables: Mapping[str, pd.DataFrame], attribute: Attribute, people: Collection[str] | None
) -> dict[str, pd.DataFrame]:
    """The tables without what an attribute is taken from, as far as it is read for that alone.

    :param people: whose, default everybody's. An address goes with the rows that say who lives there.
    """
    kept = dict(tables)
    for name in set(attribute.tables) - READ_ANYWAY:
        if "person_id" in kept[name]:
            kept[name] = kept[name][~_is_of(kept[name], attribute, people)].reset_index(drop=True)
    column, students = attribute.taken_from, kept["students"]
    if column is None or column not in students or column in _READ_ANYWAY_OF_STUDENTS:
        return kept
    if people is None:
        return {**kept, "students": students.drop(columns=column)}
    theirs = students["person_id"].isin(list(people))
    return {**kept, "students": students.assign(**{column: students[column].mask(theirs)})}


def _is_of(table: pd.DataFrame, attribute: Attribute, people: Collection[str] | None) -> pd.Series[bool]:
    every = pd.Series(True, index=table.index)
    theirs = every if people is None else table["person_id"].isin(list(people))
    if not attribute.location:
        return theirs
    return theirs & (table["location"].astype("str").str.strip().str.upper() == attribute.location)
