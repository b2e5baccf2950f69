"""What is taken as the source has it, gender and user name (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from sims_sync.model.attributes import Attribute
from sims_sync.students.rows import trimmed
from sims_sync.students.selection import Selection, chosen_rows, warnings_for

UserNamePolicy = Literal["admission_number", "email"]
ForenamePolicy = Literal["forename", "chosen_name"]


def as_in_the_source(students: pd.DataFrame, attribute: Attribute) -> Selection:
    """The value that the source has in one column of its students; one that is no such value leaves what is there.

    :param attribute: whose ``taken_from`` is the column.
    """
    text = students[attribute.taken_from]
    values = attribute.kind.from_source(text)
    invalid = students.loc[values.isna() & text.notna(), "person_id"]
    return Selection(
        column=attribute.column,
        chosen=chosen_rows(students.assign(value=values)[values.notna()], "value", None, None),
        warnings=warnings_for(invalid, "invalid_date"),
        keep=frozenset(invalid.tolist()),
    )


def with_forename(students: pd.DataFrame, policy: ForenamePolicy) -> pd.DataFrame:
    """The students with the forename that the school sends: SIMS's own, or the chosen name where there is one."""
    if policy == "forename" or "chosen_name" not in students:
        return students
    chosen = trimmed(students)["chosen_name"].set_axis(students.index)
    return students.assign(forename=chosen.fillna(students["forename"]))


def people_on_roll(students: pd.DataFrame) -> pd.DataFrame:
    """Who is on roll, validated or not, as far as an account is recognised as theirs (SPEC section 6, "Linking").

    :param students: the source's table of students.
    :returns: ``person_id`` (str, null where the source sent none that is valid), ``school_identifier`` (str, the
        admission number), and of ``forename``, ``chosen_name``, ``surname``, ``date_of_birth`` and ``upn`` those that
        the source has (str).
    """
    names = {"admission_number": "school_identifier"}
    wanted = ("person_id", "admission_number", "forename", "chosen_name", "surname", "date_of_birth", "upn")
    return trimmed(students[[name for name in wanted if name in students]]).rename(columns=names)


def left_as_it_is(students: pd.DataFrame, attribute: Attribute) -> Selection:
    """No value of an attribute that the source cannot know: what the accounts have stays."""
    nothing = chosen_rows(students.iloc[:0], "person_id", None, None)
    return Selection(attribute.column, nothing, keep=frozenset(students["person_id"]))


def match_genders(accounts: pd.DataFrame, genders: Sequence[str] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The directory's own gender whose name equals SIMS's (case and outer space ignored).

    No match: nothing is added and what the account has stays, with a warning. No gender in SIMS: no warning. Where
    nobody names any gender, nothing is added either, and nobody in particular is told of.

    :param accounts: accounts as they should be.
    :param genders: those that the directory declares, or the school's configured list.
    :returns: the accounts with the directory's words, and the rows of those whose gender it does not know.
    """
    if "gender" not in accounts:
        return accounts, accounts.iloc[:0]
    own = {gender.strip().casefold(): gender for gender in reversed(genders or ())}
    matched = accounts["gender"].map(lambda word: own.get(word.casefold()), na_action="ignore").astype("str")
    unknown = accounts["gender"].notna() & matched.isna() & bool(own)
    left = zip(accounts["keep"], unknown | (not own), strict=True)
    keep = [list(dict.fromkeys([*kept, *(["gender"] if stays else [])])) for kept, stays in left]
    return accounts.assign(gender=matched, keep=pd.Series(keep, index=accounts.index, dtype=object)), accounts[unknown]


def user_name(students: pd.DataFrame, policy: UserNamePolicy, email_addresses: pd.DataFrame) -> Selection:
    """Policy of the school: ``admission_number`` or ``email``. A student who has not the one gets the other instead.

    :param email_addresses: as ``contacts.the_email_address`` returns them.
    """
    numbers = chosen_rows(students[students["admission_number"].notna()], "admission_number", None, "admission number")
    emails = chosen_rows(email_addresses, "value", "sims_id", "email address")
    first, second = (numbers, emails) if policy == "admission_number" else (emails, numbers)
    return Selection("user_name", pd.concat([first, second[~second["person_id"].isin(first["person_id"])]]))
