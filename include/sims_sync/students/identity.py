"""Date of birth, gender and user name (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from sims_sync.students.rows import days
from sims_sync.students.selection import Selection, chosen_rows, warnings_for

UserNamePolicy = Literal["admission_number", "email"]


def date_of_birth(students: pd.DataFrame) -> Selection:
    """The day of birth. A date that is none gives a warning and leaves what is there."""
    day = days(students["date_of_birth"])
    no_date = students.loc[day.isna() & students["date_of_birth"].notna(), "person_id"]
    born = students.assign(value=day)[day.notna()]
    return Selection(
        column="date_of_birth",
        chosen=chosen_rows(born, "value", None, None),
        warnings=warnings_for(no_date, "invalid_date"),
        keep=frozenset(no_date.tolist()),
    )


def match_gender(students: pd.DataFrame, genders: Sequence[str] | None) -> Selection:
    """The directory's own gender whose name equals SIMS's (case and outer space ignored).

    No match: nothing is added and what the account has stays, with a warning. No gender in SIMS: no warning.

    :param genders: those that the directory declares, or the school's configured list; none where there is neither:
        then SIMS's own word is taken.
    """
    named = students[students["gender"].notna()]
    if genders is None:
        value, why = named["gender"], "as in SIMS: the directory declares no genders"
    else:
        own = {gender.strip().casefold(): gender for gender in reversed(genders)}
        value = named["gender"].map(lambda word: own.get(word.strip().casefold())).astype("str")
        why = "the directory's gender of that name"
    unknown = named.loc[value.isna(), "person_id"]
    return Selection(
        column="gender",
        chosen=chosen_rows(named.assign(value=value)[value.notna()], "value", None, why),
        warnings=warnings_for(unknown, "gender_unknown"),
        keep=frozenset(unknown.tolist()),
    )


def user_name(students: pd.DataFrame, policy: UserNamePolicy, email_addresses: pd.DataFrame) -> Selection:
    """Policy of the school: ``admission_number`` or ``email``. With ``admission_number``, a student without one gets
    the email address instead.

    :param email_addresses: as ``contacts.the_email_address`` returns them.
    """
    numbered = students[students["admission_number"].notna() & (policy == "admission_number")]
    others = email_addresses[~email_addresses["person_id"].isin(numbered["person_id"])]
    return Selection(
        column="user_name",
        chosen=pd.concat(
            [
                chosen_rows(numbered, "admission_number", None, "admission number"),
                chosen_rows(others, "value", "sims_id", "email address"),
            ]
        ),
    )
