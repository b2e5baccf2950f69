"""The attributes of an account that the sync writes, each declared once, here (SPEC sections 3 and 4).

Accounts as they are (read from the directory) and accounts as they should be (made from the source) are tables with the
same columns, one for each attribute, so that a difference is a comparison of two columns. What is managed of an
account, what a viewer of the pages may see, and the words for it all follow from the declaration. ``docs/adding.md``
shows how to add one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from sims_sync.model.kinds import ADDRESS, DAY, FLAG, PROVISIONS, TEXT, Kind

EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
STUDENT_ROLE = "student"

BASIC_DETAILS, REGISTRATION, ADDRESSES = "Basic Details", "Registration", "Addresses"
TELEPHONES_AND_EMAIL, DIETARY, SEN = "Telephones and Email", "Dietary", "Special Educational Needs"
"""Panels of SIMS's student details."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of an account.

    :param name: the SCIM path; attributes of the student extension without its URN. Plans and reports call it so.
    :param column: the column of the account tables.
    :param kind: what its values are.
    :param label: what the pages call it.
    :param rule: how its value is taken, in words.
    :param taken_from: the source's column of students that is taken as it is; none where ``students.wanted`` has a rule
        of its own for the attribute.
    :param tables: the source's tables that the rule reads, beside that of the students.
    :param location: of the rows of those tables that are the attribute's, where others' rows stand among them.
    :param row_id: what SIMS calls the id of the row that a rule chose, if there is one.
    :param panel: the panel of SIMS's student details where its value is entered.
    :param extension: whether it belongs to the student extension.
    :param written: ``always``; ``once``, into an account that is created or becomes a student's and has no value; or
        ``at_creation``.
    :param optional: whether a school may leave it out.
    :param only_if_mapped: whether it is off where the school names no place for it (``directory.attributes``).
    :param special: whether it tells health or poverty (UK GDPR Article 9): the mere choice is shown only to who may
        edit the school's DAG.
    """

    name: str
    column: str
    kind: Kind
    label: str
    rule: str = "as in SIMS"
    taken_from: str | None = None
    tables: tuple[str, ...] = ()
    location: str = ""
    row_id: str = ""
    panel: str = BASIC_DETAILS
    extension: bool = False
    written: Literal["always", "once", "at_creation"] = "always"
    optional: bool = True
    only_if_mapped: bool = False
    special: bool = False


_MARKED = "of {}, the one marked Primary; else the one marked Main; else the first in the list"

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        "userName",
        "user_name",
        TEXT,
        "User name",
        "given once, when the account is created; later runs never change it",
        tables=("emails",),
        row_id="EmailID",
        written="at_creation",
        optional=False,
    ),
    Attribute("name.givenName", "given_name", TEXT, "Forename", taken_from="forename", optional=False),
    Attribute("name.familyName", "family_name", TEXT, "Surname", taken_from="surname", optional=False),
    Attribute(
        'addresses[type eq "home"]',
        "home_address",
        ADDRESS,
        "Home address",
        "of the home addresses in force, the one that began last; else one without a start; else the next to begin; "
        "else the last to end",
        tables=("person_addresses", "addresses"),
        row_id="AddressID",
        panel=ADDRESSES,
    ),
    Attribute(
        'phoneNumbers[type eq "home"]',
        "home_telephone",
        TEXT,
        "Home telephone",
        _MARKED.format("those of type H"),
        tables=("telephones",),
        location="H",
        row_id="TelephoneID",
        panel=TELEPHONES_AND_EMAIL,
    ),
    Attribute(
        'phoneNumbers[type eq "mobile"]',
        "mobile_telephone",
        TEXT,
        "Mobile telephone",
        _MARKED.format("those of type M"),
        tables=("telephones",),
        location="M",
        row_id="TelephoneID",
        panel=TELEPHONES_AND_EMAIL,
    ),
    Attribute(
        'emails[type eq "home"]',
        "home_email",
        TEXT,
        "Personal email",
        _MARKED.format("those of type H"),
        tables=("emails",),
        location="H",
        row_id="EmailID",
        panel=TELEPHONES_AND_EMAIL,
    ),
    Attribute(
        'emails[type eq "work"]',
        "work_email",
        TEXT,
        "Work email",
        _MARKED.format("those of type W"),
        tables=("emails",),
        location="W",
        row_id="EmailID",
        panel=TELEPHONES_AND_EMAIL,
    ),
    Attribute(
        "schoolIdentifier",
        "school_identifier",
        TEXT,
        "Admission number",
        taken_from="admission_number",
        panel=REGISTRATION,
        extension=True,
    ),
    Attribute("upn", "upn", TEXT, "UPN", taken_from="upn", panel=REGISTRATION, only_if_mapped=True),
    Attribute("dateOfBirth", "date_of_birth", DAY, "Date of birth", taken_from="date_of_birth", extension=True),
    Attribute(
        "freeSchoolMeals",
        "free_school_meals",
        FLAG,
        "Free school meals",
        "whether a period covers the effective date",
        tables=("free_meals",),
        extension=True,
        special=True,
        panel=DIETARY,
    ),
    Attribute(
        "gender",
        "gender",
        TEXT,
        "Gender",
        "the directory's own gender of the name that SIMS holds",
        taken_from="gender",
        extension=True,
    ),
    Attribute(
        "senInformation",
        "sen_information",
        PROVISIONS,
        "SEN information",
        "the provisions that cover the effective date",
        tables=("sen_provisions",),
        extension=True,
        special=True,
        panel=SEN,
    ),
    Attribute(
        "emailPreference",
        "email_preference",
        TEXT,
        "Preferred email",
        "the type of the Primary email; else of the Main one; else Personal. Written once",
        tables=("emails",),
        row_id="EmailID",
        extension=True,
        written="once",
        panel=TELEPHONES_AND_EMAIL,
    ),
)
"""All attributes, in the order in which pages and plans name them."""

OPTIONAL = tuple(attribute.column for attribute in ATTRIBUTES if attribute.optional)
"""What a school may leave out, as its configuration names it."""


def label_of(name: str) -> str:
    """What people call the attribute of a SCIM path; an unknown path is called as it is."""
    return next((attribute.label for attribute in ATTRIBUTES if attribute.name == name), name)


def special_names(attributes: Iterable[Attribute] = ATTRIBUTES) -> frozenset[str]:
    """The names of those that tell health or poverty."""
    return frozenset(attribute.name for attribute in attributes if attribute.special)


def only_special(
    kind: str, written: Iterable[str], attributes: Iterable[Attribute] = ATTRIBUTES, withheld: Collection[str] = ()
) -> bool:
    """Whether the mere fact of a change tells health or poverty, or that something is withheld, so that who may only
    read is told that the account is unchanged (SPEC section 9).

    :param kind: of the change.
    :param written: the names of what it writes.
    :param withheld: the names of what is withheld of the person.
    """
    return kind == "update" and special_names(attributes).union(withheld).issuperset(written)
