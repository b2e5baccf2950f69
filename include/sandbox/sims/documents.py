"""The documents of SIMS, declared once: their operations, elements and permissions, and how they are written.

The names follow SPEC section 2. Each document also has an element that no reader needs (``UPN``, ``Notes``, ...), as
those of a real SIMS have dozens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

PROLOG = '<?xml version="1.0" encoding="iso-8859-1" standalone="yes"?>'

ADDRESS_DETAILS = "All People -> Address Details -> View (All)"
ADDITIONAL_INFORMATION = "Students -> Additional Information -> View (All)"
BASIC_DETAILS = "Students -> Basic Details -> View (All)"
ETHNIC_CULTURAL = "Students -> Ethnic/Cultural -> View (All)"
RECORD = "Students -> Record -> View"
REGISTRATION = "Students -> Registration -> View (All)"
WELFARE = "Students -> Welfare -> View (All)"

PERMISSIONS = (
    ADDRESS_DETAILS,
    ADDITIONAL_INFORMATION,
    BASIC_DETAILS,
    ETHNIC_CULTURAL,
    RECORD,
    REGISTRATION,
    WELFARE,
)
"""What a SIMS user of the sync needs (SPEC section 10)."""


@dataclass(frozen=True)
class Document:
    """One XML document of SIMS.

    :param operation: the SOAP operation that answers with it.
    :param root: its root element.
    :param row: the element of a row.
    :param table: the table of the database that holds its rows.
    :param elements: the elements of a row by the column that holds them, in SIMS's order.
    :param dated: whether the operation takes an effectiveDate; one that does not answers as of the broker's own day.
    :param permissions: the SIMS permissions that the operation needs.
    """

    operation: str
    root: str
    row: str
    table: str
    elements: Mapping[str, str]
    dated: bool = True
    permissions: tuple[str, ...] = ()


DOCUMENTS: tuple[Document, ...] = (
    Document(
        "GetXmlSchool",
        "Schools",
        "School",
        "schools",
        {"name": "SchoolName", "la": "LEA", "estab": "Estab", "phase": "Phase"},
        dated=False,
    ),
    Document(
        "GetXmlStudents",
        "Students",
        "Student",
        "students",
        {
            "person_id": "PersonID",
            "forename": "Forename",
            "surname": "Surname",
            "chosen_name": "ChosenName",
            "legal_surname": "LegalSurname",
            "gender": "Gender",
            "date_of_birth": "DOB",
            "admission_number": "AdmissionNumber",
            "enrolment_status": "EnrolmentStatus",
            "year_taught_in": "YearTaughtIn",
            "upn": "UPN",
            "ethnicity": "Ethnicity",
        },
        permissions=(BASIC_DETAILS, ETHNIC_CULTURAL, RECORD, REGISTRATION),
    ),
    Document(
        "GetXmlAddresses",
        "Addresses",
        "Address",
        "addresses",
        {
            "address_id": "AddressID",
            "apartment": "Apartment",
            "house_name": "HouseName",
            "house_number": "HouseNo",
            "street": "Street",
            "district": "District",
            "town": "TownOrCity",
            "county": "County",
            "postcode": "PostCode",
            "country": "Country",
            "uprn": "UPRN",
        },
        dated=False,
        permissions=(ADDRESS_DETAILS,),
    ),
    Document(
        "GetXmlPersonAddresses",
        "PersonAddresses",
        "PersonAddress",
        "person_addresses",
        {
            "person_id": "PersonID",
            "address_id": "AddressID",
            "start_date": "StartDate",
            "end_date": "EndDate",
            "address_type": "AddressType",
            "notes": "Notes",
        },
        permissions=(ADDRESS_DETAILS,),
    ),
    Document(
        "GetXmlPersonTelephones",
        "PersonTelephones",
        "PersonTelephone",
        "telephones",
        {
            "person_id": "PersonID",
            "telephone_id": "TelephoneID",
            "location": "Location",
            "number": "Number",
            "main": "Main",
            "primary": "Primary",
            "notes": "Notes",
        },
        permissions=(ADDRESS_DETAILS,),
    ),
    Document(
        "GetXmlPersonEmails",
        "PersonEmails",
        "PersonEmail",
        "emails",
        {
            "person_id": "PersonID",
            "email_id": "EmailID",
            "location": "Location",
            "email_address": "EmailAddress",
            "main": "Main",
            "primary": "Primary",
            "notes": "Notes",
        },
        permissions=(ADDRESS_DETAILS,),
    ),
    Document(
        "GetXmlSENProvisions",
        "SENProvisions",
        "SENProvision",
        "sen_provisions",
        {
            "person_id": "PersonID",
            "provision_type": "ProvisionType",
            "provision_description": "ProvisionDescription",
            "start_date": "StartDate",
            "end_date": "EndDate",
            "notes": "Notes",
        },
        permissions=(ADDITIONAL_INFORMATION,),
    ),
    Document(
        "GetXmlFreeMeals",
        "FreeMeals",
        "FreeMeal",
        "free_meals",
        {"person_id": "PersonID", "start_date": "StartDate", "end_date": "EndDate", "notes": "Notes"},
        permissions=(WELFARE,),
    ),
)

BY_OPERATION: Mapping[str, Document] = {document.operation: document for document in DOCUMENTS}
BY_TABLE: Mapping[str, Document] = {document.table: document for document in DOCUMENTS}


def write(document: Document, rows: Iterable[Sequence[str | None]]) -> str:
    """The XML document as SIMS writes it: a text with its own prolog.

    :param rows: the values of ``document.elements``, row by row; None leaves the element out, "" leaves it empty.
    :returns: text of latin-1 characters; those that latin-1 lacks are numeric references. Every third row has its
        elements in the opposite order, and the last row is none of the document's own: a reader may count on neither.
    """
    tags = [(f"<{element}>", f"</{element}>") for element in document.elements.values()]
    opening, closing = f"<{document.row}>", f"</{document.row}>"
    lines = [PROLOG, f"<{document.root}>"]
    for number, row in enumerate(rows):
        cells = [
            start + escape(value) + end for (start, end), value in zip(tags, row, strict=True) if value is not None
        ]
        if number % 3 == 1:
            cells.reverse()
        lines.append(opening + "".join(cells) + closing)
    lines += [f"<Summary><Rows>{len(lines) - 2}</Rows></Summary>", f"</{document.root}>"]
    return "\n".join(lines).encode("iso-8859-1", "xmlcharrefreplace").decode("iso-8859-1")
