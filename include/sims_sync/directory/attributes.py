"""The attributes that the sync writes (SPEC section 3), declared once, as data.

Accounts as they are (read from the directory) and accounts as they should be (made from SIMS) are tables with the same
columns, one for each attribute here, so that a difference is a comparison of two columns.
"""

from __future__ import annotations

from dataclasses import dataclass

EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
STUDENT_ROLE = "student"


@dataclass(frozen=True)
class Attribute:
    """One attribute of an account.

    :param name: the SCIM path; attributes of the student extension without its URN.
    :param column: the column of the account tables. All columns are text (null means blank) but ``free_school_meals``
        (nullable boolean). ``home_address`` and ``sen_information`` hold JSON.
    :param extension: whether it belongs to the student extension.
    :param written: ``always``, or ``once`` when the account is created.
    :param multi_valued: for a typed multi-valued attribute: its name and the type whose value is ours.
    """

    name: str
    column: str
    extension: bool = False
    written: str = "always"
    multi_valued: tuple[str, str] | None = None


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("userName", "user_name", written="once"),
    Attribute("name.givenName", "given_name"),
    Attribute("name.familyName", "family_name"),
    Attribute('addresses[type eq "home"]', "home_address", multi_valued=("addresses", "home")),
    Attribute('phoneNumbers[type eq "home"]', "home_telephone", multi_valued=("phoneNumbers", "home")),
    Attribute('phoneNumbers[type eq "mobile"]', "mobile_telephone", multi_valued=("phoneNumbers", "mobile")),
    Attribute('emails[type eq "home"]', "home_email", multi_valued=("emails", "home")),
    Attribute('emails[type eq "work"]', "work_email", multi_valued=("emails", "work")),
    Attribute("schoolIdentifier", "school_identifier", extension=True),
    Attribute("dateOfBirth", "date_of_birth", extension=True),
    Attribute("freeSchoolMeals", "free_school_meals", extension=True),
    Attribute("gender", "gender", extension=True),
    Attribute("senInformation", "sen_information", extension=True),
    Attribute("emailPreference", "email_preference", extension=True, written="once"),
)
"""``home_address``: JSON object with those of streetAddress, locality, region, postalCode, country that are not blank;
null when there is none. ``sen_information``: JSON list (empty when there is none) of objects with those of value,
display, startDate, endDate that are not blank, in list order; compared as a set. ``date_of_birth``: ISO date."""

COLUMNS: tuple[str, ...] = tuple(attribute.column for attribute in ATTRIBUTES)
