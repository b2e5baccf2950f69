"""SIMS's documents, declared once: operation, names, and the permissions that it takes (SPEC sections 2 and 10).

The rows of students, addresses and person addresses follow SIMS's documented third-party API; those of telephones,
emails, SEN provisions and free meals follow the names that SIMS uses elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_ADDRESS_DETAILS = "All People -> Address Details -> View (All)"
_ADDITIONAL_INFORMATION = "Students -> Additional Information -> View (All)"
_BASIC_DETAILS = "Students -> Basic Details -> View (All)"
_ETHNIC_CULTURAL = "Students -> Ethnic/Cultural -> View (All)"
_RECORD = "Students -> Record -> View"
_REGISTRATION = "Students -> Registration -> View (All)"
_WELFARE = "Students -> Welfare -> View (All)"

PERMISSIONS = (
    _ADDRESS_DETAILS,
    _ADDITIONAL_INFORMATION,
    _BASIC_DETAILS,
    _ETHNIC_CULTURAL,
    _RECORD,
    _REGISTRATION,
    _WELFARE,
)
"""What the SIMS user needs (SPEC section 10)."""

PERSON_ID = "PersonID"

Names = Mapping[str, tuple[str, ...]]
"""Other names of roots, rows and elements, by the standard one."""

ALIASES: Names = {
    "Students": ("StudentExtendeds",),
    "PersonEmails": ("EmailAddresses",),
    "PersonEmail": ("EmailAddress",),
    "EmailAddress": ("Email_Address",),
}
"""What SIMS itself calls them elsewhere: its public partner pages show the emails so, and the students where no date is
given. A school's configuration adds those of its broker (``sims.names``)."""


@dataclass(frozen=True)
class Operation:
    """One SIMS third-party call, and the document that it answers. Names are the standard ones.

    :param root: the root element.
    :param row: the element of a row.
    :param table: the table that the document is read into.
    :param columns: the elements of a row that are read, and the columns that they become; others are not stored.
    :param unread: elements of a row that are known, and not read.
    :param needed: those of ``columns`` that some row of a document must have.
    :param aliases: what roots, rows and elements are called as well.
    :param dated: whether the call takes the effective date.
    :param permissions: those of :data:`PERMISSIONS` that it needs. SIMS does not say which call needs which: this is
        the likely mapping, told only when a fault does not name the permission itself.
    """

    name: str
    root: str
    row: str
    table: str
    columns: Mapping[str, str] = field(repr=False)
    unread: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    aliases: Names = field(default_factory=lambda: ALIASES, repr=False)
    dated: bool = True
    permissions: tuple[str, ...] = ()

    def called(self, standard: str) -> tuple[str, ...]:
        """What a root, a row or an element is called: the standard name first."""
        return standard, *self.aliases.get(standard, ())

    def also_called(self, names: Names) -> Operation:
        """The same with further names."""
        return replace(
            self, aliases={**self.aliases, **{name: (*self.called(name)[1:], *names[name]) for name in names}}
        )


SCHOOL = Operation(
    "GetXmlSchool", "Schools", "School", "school", {"SchoolName": "name", "LEA": "la", "Estab": "estab"}, dated=False
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GetXmlStudents",
        "Students",
        "Student",
        "students",
        {
            PERSON_ID: "person_id",
            "Forename": "forename",
            "ChosenName": "chosen_name",
            "Surname": "surname",
            "Gender": "gender",
            "DOB": "date_of_birth",
            "AdmissionNumber": "admission_number",
            "UPN": "upn",
            "YearTaughtIn": "year_group",
        },
        unread=("ChosenName", "LegalSurname", "EnrolmentStatus", "YearTaughtIn"),
        needed=(PERSON_ID, "Forename", "Surname"),
        permissions=(_BASIC_DETAILS, _ETHNIC_CULTURAL, _RECORD, _REGISTRATION),
    ),
    Operation(
        "GetXmlAddresses",
        "Addresses",
        "Address",
        "addresses",
        {
            "AddressID": "address_id",
            "Apartment": "apartment",
            "HouseName": "house_name",
            "HouseNo": "house_number",
            "Street": "street",
            "District": "district",
            "TownOrCity": "town",
            "County": "county",
            "PostCode": "postcode",
            "Country": "country",
        },
        needed=("AddressID",),
        dated=False,
        permissions=(_ADDRESS_DETAILS,),
    ),
    Operation(
        "GetXmlPersonAddresses",
        "PersonAddresses",
        "PersonAddress",
        "person_addresses",
        {
            PERSON_ID: "person_id",
            "AddressID": "address_id",
            "StartDate": "start_date",
            "EndDate": "end_date",
            "AddressType": "address_type",
        },
        needed=(PERSON_ID, "AddressID", "AddressType"),
        permissions=(_ADDRESS_DETAILS,),
    ),
    Operation(
        "GetXmlPersonTelephones",
        "PersonTelephones",
        "PersonTelephone",
        "telephones",
        {
            PERSON_ID: "person_id",
            "TelephoneID": "telephone_id",
            "Location": "location",
            "Number": "number",
            "Device": "device",
            "Main": "main",
            "Primary": "primary",
        },
        needed=(PERSON_ID, "Location", "Number"),
        permissions=(_ADDRESS_DETAILS,),
    ),
    Operation(
        "GetXmlPersonEmails",
        "PersonEmails",
        "PersonEmail",
        "emails",
        {
            PERSON_ID: "person_id",
            "EmailID": "email_id",
            "Location": "location",
            "EmailAddress": "email_address",
            "Main": "main",
            "Primary": "primary",
        },
        needed=(PERSON_ID, "Location", "EmailAddress"),
        permissions=(_ADDRESS_DETAILS,),
    ),
    Operation(
        "GetXmlSENProvisions",
        "SENProvisions",
        "SENProvision",
        "sen_provisions",
        {
            PERSON_ID: "person_id",
            "ProvisionType": "provision_type",
            "ProvisionDescription": "provision_description",
            "StartDate": "start_date",
            "EndDate": "end_date",
        },
        needed=(PERSON_ID,),
        permissions=(_ADDITIONAL_INFORMATION,),
    ),
    Operation(
        "GetXmlFreeMeals",
        "FreeMeals",
        "FreeMeal",
        "free_meals",
        {PERSON_ID: "person_id", "StartDate": "start_date", "EndDate": "end_date"},
        needed=(PERSON_ID,),
        permissions=(_WELFARE,),
    ),
)
"""The calls of an extract after that for the school, in their order."""
