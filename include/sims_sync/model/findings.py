"""What can be wrong with a record: every code, declared once (SPEC section 5).

A *finding* is one code about one person. Tables of findings have the columns of :data:`FINDING_COLUMNS`; the words
for the school office come from :data:`CODES`, so that no value of a person can get into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sims_sync.model.attributes import ADDRESSES, BASIC_DETAILS, REGISTRATION, TELEPHONES_AND_EMAIL

Stage = Literal["validate", "transform", "plan", "load"]

FINDING_COLUMNS = ("person_id", "school_identifier", "stage", "code", "detail")
"""``person_id`` str (null where SIMS has none), ``school_identifier`` str (the admission number, nullable),
``stage`` str, ``code`` str (a key of :data:`CODES`), ``detail`` str (null; for ``rejected_by_directory`` what
``directory.refusals`` tells; for ``account_not_linked`` the account; for a user name or an account to link whose it is;
of a code that names attributes their labels; for what concerns special categories alone, the label of one)."""

FOR_EDITORS = frozenset({"account_not_linked", "account_not_readable"})
"""The codes whose detail is only for those who may edit: an account's id is the directory's, and can be an address."""

OF_WITHHOLDING = frozenset({"no_user_name"})
"""The codes that there are only where a value of a student is withheld: who may only read is told of none."""


SCHOOL_OFFICE: Final = "school office"
DATA_TEAM: Final = "data team"
"""Who acts on a finding."""


@dataclass(frozen=True)
class Code:
    """One way in which a record can be wrong.

    :param stops: True when the record is not imported, False for a warning.
    :param reason: the reason in words that a school office understands.
    :param correct: what to correct, and where.
    :param panel: the panel of SIMS's student details to open; empty where it is not SIMS that is to be corrected, or
        where the attribute tells it.
    :param who: who acts.
    :param names: whether it is told of which attributes a finding is.
    :param once: whether it can be found once alone, as when an account is created: that it is gone solves nothing.
    """

    code: str
    stops: bool
    reason: str
    correct: str
    panel: str = ""
    who: Literal["school office", "data team"] = SCHOOL_OFFICE
    names: bool = False
    once: bool = False


CODES: dict[str, Code] = {
    code.code: code
    for code in (
        Code(
            "no_forename",
            True,
            "The student has no forename in SIMS.",
            "Enter the forename in SIMS (Basic Details).",
            panel=BASIC_DETAILS,
        ),
        Code(
            "no_surname",
            True,
            "The student has no surname in SIMS.",
            "Enter the surname in SIMS (Basic Details).",
            BASIC_DETAILS,
        ),
        Code(
            "no_email",
            True,
            "The student has no email address in SIMS.",
            "Enter an email address of type Home or Work in SIMS (Addresses, Telephones and Email).",
            panel=TELEPHONES_AND_EMAIL,
        ),
        Code(
            "email_not_usable",
            True,
            "The student has email addresses in SIMS, but none of type Home or Work that is a valid address.",
            "Correct the address in SIMS, or set its location to Home or Work.",
            panel=TELEPHONES_AND_EMAIL,
        ),
        Code(
            "no_person_id",
            True,
            "SIMS sent a student without a valid Person ID, so nobody can tell whose record it is.",
            "Ask SIMS support; until then no account of this school is disabled.",
            who=DATA_TEAM,
        ),
        Code(
            "duplicate_person",
            True,
            "SIMS sent more than one student with this Person ID.",
            "Merge or correct the duplicate student in SIMS.",
        ),
        Code(
            "identity_mismatch",
            True,
            "The account with this Person ID seems to be another person's: its name differs, and its date of birth or "
            "admission number too.",
            "Check whether the directory connection is the right school's and whether SIMS was renumbered; "
            "then correct the account's externalId.",
            who=DATA_TEAM,
        ),
        Code(
            "account_of_another_kind",
            True,
            "The account with this Person ID is marked as another kind of person's (staff, say); it was left alone.",
            "If it is the student's, clear that mark in the directory; else clear the Person ID of the account.",
            who=DATA_TEAM,
        ),
        Code(
            "account_shared",
            True,
            "The directory made one account of this student and another person; it was given back to that person.",
            "See whether the two have one email address or user name, and correct it in SIMS; or ask the directory's "
            "support.",
            who=DATA_TEAM,
        ),
        Code(
            "duplicate_account",
            True,
            "More than one account in the directory has this Person ID.",
            "Decide in the directory which account is the student's, and clear the externalId of the others.",
            who=DATA_TEAM,
        ),
        Code(
            "username_in_use",
            True,
            "The user name that the student would get belongs to another account.",
            "Rename the other account in the directory, or link it by setting its externalId to this Person ID.",
            who=DATA_TEAM,
        ),
        Code(
            "no_user_name",
            True,
            "Nothing is left that may be the student's user name: neither an admission number nor an email address.",
            "Enter the admission number in SIMS, or change what the configuration withholds of the student.",
            panel=REGISTRATION,
        ),
        Code(
            "user_name_clash",
            True,
            "Other students would get the same user name, so none of them got an account.",
            "Give each an admission number, or an email address, of their own in SIMS.",
            panel=REGISTRATION,
        ),
        Code(
            "account_to_link",
            True,
            "The student seems to have an account already, under another Person ID or under none: no second one was "
            "created, and that one was left as it is.",
            "Trigger the DAG with `link_accounts`, which gives the account this Person ID; or set its externalId "
            "yourself. If they are two people, say so under `not_the_same` in schools.yaml.",
            who=DATA_TEAM,
        ),
        Code(
            "rejected_by_directory",
            True,
            "The directory refused the record.",
            "See the directory's reason; correct the value in SIMS or ask the directory's support.",
            who=DATA_TEAM,
        ),
        Code(
            "no_primary_email",
            False,
            "None of the student's email addresses is marked as primary.",
            "Mark the preferred address as Primary in SIMS.",
            panel=TELEPHONES_AND_EMAIL,
        ),
        Code(
            "gender_unknown",
            False,
            "The directory knows no gender of the name that SIMS holds; the account keeps the one it has.",
            "Correct the gender in SIMS, or add it to the genders of the directory or of the school's configuration.",
            panel=BASIC_DETAILS,
        ),
        Code(
            "several_primary",
            False,
            "Several of the student's telephones or email addresses are marked as primary; the first one was taken.",
            "Leave only one marked as Primary in SIMS.",
            panel=TELEPHONES_AND_EMAIL,
            names=True,
        ),
        Code(
            "several_main",
            False,
            "Several of the student's telephones or email addresses are marked as main and none as primary; "
            "the first one was taken.",
            "Mark the preferred one as Primary in SIMS.",
            panel=TELEPHONES_AND_EMAIL,
            names=True,
        ),
        Code(
            "several_addresses",
            False,
            "Several home addresses of the student start on the same day; the first one was taken.",
            "Close the addresses that no longer hold in SIMS.",
            panel=ADDRESSES,
        ),
        Code(
            "username_from_email",
            False,
            "The student has no admission number, so the email address became the user name.",
            "Enter the admission number in SIMS before the account is created, where there is one.",
            panel=REGISTRATION,
            once=True,
        ),
        Code(
            "invalid_email",
            False,
            "An email address of the student is no valid address; it was left out.",
            "Correct the email address in SIMS.",
            panel=TELEPHONES_AND_EMAIL,
            names=True,
        ),
        Code(
            "invalid_date",
            False,
            "A date of the student's record (birth, address, free meals or special needs) is no valid date; "
            "it was left out.",
            "Correct the date in SIMS.",
            names=True,
        ),
        Code(
            "invalid_character",
            False,
            "A value of the student's record holds a character that stands for nothing, such as a pasted control "
            "character; it was left out.",
            "Type the value anew in SIMS (names, addresses, telephones and emails).",
        ),
        Code(
            "account_not_linked",
            False,
            "An account that is linked to nobody on roll seems to be the student's, by its user name or school "
            "identifier, by name and email, or by other values; it was left alone.",
            "If it is the student's, set its externalId to the Person ID in the directory; else change what is alike.",
            who=DATA_TEAM,
        ),
        Code(
            "account_not_readable",
            False,
            "A value of the account has a form that cannot be read; the account was left alone.",
            "Correct the account in the directory, or ask its support.",
            who=DATA_TEAM,
        ),
        Code(
            "value_not_kept",
            False,
            "The directory keeps a value otherwise than it is written; it is not written again while both stand.",
            "Look in the directory whether its form will do; if not, ask its support.",
            who=DATA_TEAM,
        ),
        Code(
            "disabled_by_hand",
            False,
            "The student is on roll, but a person disabled the account; it stays disabled.",
            "Enable the account in the directory if the student should use it.",
            who=DATA_TEAM,
        ),
    )
}
