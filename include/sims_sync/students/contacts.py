"""Telephones and email addresses (SPEC section 4)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sims_sync.model.kinds import flags
from sims_sync.students.selection import (
    Selection,
    chosen_rows,
    first_of_each_person,
    left_out_and_nothing_else,
    warnings_for,
)

_EMAIL_TYPES = {"H": "Personal", "W": "Work"}
_MARKS = np.array(["primary", "main", "first in the list"])


_NO_TELEPHONE = r"(?i)^f$|fax|facsimile|mini ?com|text[ -]?(?:tele)?phone"
"""What a device says that nobody is called on. Any other is a telephone."""


def telephone_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The telephones whose number is not blank, without those that are a fax or a text phone.

    :param rows: SIMS's telephones (see ``rows_of_people``).
    :returns: the rows with ``location`` in capitals, ``main`` and ``primary`` as flags (bool).
    """
    is_telephone = ~rows["device"].str.contains(_NO_TELEPHONE).fillna(False).astype(bool)
    rows = rows[rows["number"].notna() & is_telephone].reset_index(drop=True)
    return rows.assign(location=rows["location"].str.upper(), main=flags(rows["main"]), primary=flags(rows["primary"]))


def home_telephone(telephones: pd.DataFrame) -> Selection:
    """Of the rows with location H: the one marked Primary; else the one marked Main; else the first in the list."""
    rows = telephones[telephones["location"] == "H"]
    return _marked_first(rows, "home_telephone", "number", "telephone_id")


def mobile_telephone(telephones: pd.DataFrame) -> Selection:
    """Of the rows with location M: the one marked Primary; else the one marked Main; else the first in the list."""
    rows = telephones[telephones["location"] == "M"]
    return _marked_first(rows, "mobile_telephone", "number", "telephone_id")


def personal_email(emails: pd.DataFrame) -> Selection:
    """Of the rows with location H: the one marked Primary; else Main; else the first in the list."""
    return _email(emails[emails["location"] == "H"], "home_email")


def work_email(emails: pd.DataFrame) -> Selection:
    """Of the rows with location W: the one marked Primary; else Main; else the first in the list."""
    return _email(emails[emails["location"] == "W"], "work_email")


def preferred_email_type(emails: pd.DataFrame) -> Selection:
    """The type of the Primary email, if there is one of type H or W; else the type of the Main one; else ``Personal``.

    Only usable emails of type H or W compete. Several Mains: the first in the list, which is no tie to warn of, for a
    student may well have a Main of each type.
    """
    usable = emails[emails["usable"]]
    usable = usable.assign(rank=_rank(usable), type=usable["location"].map(_EMAIL_TYPES).astype("str"))
    first = first_of_each_person(usable, "rank")
    unmarked = first["rank"] == 2
    first = first.assign(type=first["type"].mask(unmarked, "Personal"), email_id=first["email_id"].mask(unmarked))
    why = pd.Series(_MARKS[first["rank"]], index=first.index, dtype="str").mask(unmarked, "none is primary or main")
    return Selection(
        column="email_preference",
        chosen=chosen_rows(first, "type", "email_id", why),
        warnings=pd.concat(
            [
                warnings_for(first.loc[first["rank"] > 0, "person_id"], "no_primary_email"),
                _several(usable[usable["rank"] == 0], "several_primary"),
            ]
        ),
    )


def the_email_address(preference: Selection, personal: Selection, work: Selection) -> pd.DataFrame:
    """The email address is the one of the preferred type, else the other.

    :returns: ``person_id``, ``value``, ``sims_id`` of each person who has one.
    """
    addresses = pd.concat([personal.chosen.assign(type="Personal"), work.chosen.assign(type="Work")])
    preferred = preference.chosen.set_index("person_id")["value"]
    other = (addresses["type"] != addresses["person_id"].map(preferred)).astype("int64")
    return first_of_each_person(addresses.assign(other=other), "other")[["person_id", "value", "sims_id"]]


def _email(rows: pd.DataFrame, column: str) -> Selection:
    valid, invalid = rows[rows["valid"]], rows[~rows["valid"]]
    selection = _marked_first(valid, column, "email_address", "email_id")
    return Selection(
        column=column,
        chosen=selection.chosen,
        warnings=pd.concat([selection.warnings, warnings_for(invalid["person_id"], "invalid_email")]),
        keep=left_out_and_nothing_else(invalid["person_id"], valid["person_id"]),
    )


def _marked_first(rows: pd.DataFrame, column: str, value: str, sims_id: str) -> Selection:
    ranked = rows.assign(rank=_rank(rows))
    first = first_of_each_person(ranked, "rank")
    decisive = ranked[ranked["rank"] == ranked["person_id"].map(first.set_index("person_id")["rank"])]
    return Selection(
        column=column,
        chosen=chosen_rows(first, value, sims_id, pd.Series(_MARKS[first["rank"]], index=first.index, dtype="str")),
        warnings=pd.concat(
            [
                _several(decisive[decisive["rank"] == 0], "several_primary"),
                _several(decisive[decisive["rank"] == 1], "several_main"),
            ]
        ),
    )


def _rank(rows: pd.DataFrame) -> pd.Series[int]:
    """0 for a Primary, 1 for a Main, 2 for the others."""
    return pd.Series(np.select([rows["primary"], rows["main"]], [0, 1], 2), index=rows.index, dtype="int64")


def _several(rows: pd.DataFrame, code: str) -> pd.DataFrame:
    return warnings_for(rows.loc[rows.duplicated("person_id"), "person_id"], code)
