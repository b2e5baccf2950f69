"""Which school a SIMS is of: looked at before any student is read (SPEC section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sims_sync.model.errors import RollRefused, UnexpectedAnswer
from sims_sync.sources.sims.operations import SCHOOL, Operation
from sims_sync.sources.sims.reader import read_document


@dataclass(frozen=True)
class SchoolIdentity:
    """The school that a SIMS says it is of.

    :param la: the number of its local authority, as text, for leading zeros count; None where SIMS has none.
    :param estab: its own number, likewise.
    :param document: the answer as it came.
    """

    name: str | None
    la: str | None
    estab: str | None
    document: bytes = field(repr=False)


def read_school(document: bytes, operation: Operation = SCHOOL) -> SchoolIdentity:
    """Read the answer of GetXmlSchool.

    :param operation: with the names that the school's broker has.
    :raises UnexpectedAnswer: it is no such document, or does not hold exactly one school.
    """
    schools = read_document(operation, document)
    if len(schools) != 1:
        raise UnexpectedAnswer(f"{SCHOOL.name}: expected one school, and SIMS sent {len(schools)}.")
    row = schools.astype("object").where(schools.notna(), None).iloc[0]
    return SchoolIdentity(row["name"], row["la"], row["estab"], document)


def check_school(identity: SchoolIdentity, la: str, estab: str, *, connection_name: str) -> None:
    """A crossed connection would disable a whole school.

    :param la: the number of the local authority that is configured.
    :param estab: the number of the school that is configured.
    :raises RollRefused: the SIMS is another school's.
    """
    if (identity.la, identity.estab) != (la.strip(), estab.strip()):
        raise RollRefused(
            f"SIMS (connection {connection_name}) answers for the school {_number(identity.la)}/"
            f"{_number(identity.estab)}, but {la.strip()}/{estab.strip()} is configured.",
            advice="Correct the connection, or `la` and `estab` in schools.yaml.",
        )


def _number(text: str | None) -> str:
    """A school's number for a message; anything else that a server may have put there is not quoted."""
    if text is None:
        return "(none)"
    return text if len(text) <= 10 and text.isascii() and text.isdigit() else "(no number)"
