"""A school's extract: all documents, as they came and as tables, or refused as a whole."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from sims_sync.errors import RollRefused, UnexpectedAnswer
from sims_sync.sims.client import SimsClient
from sims_sync.sims.documents import OPERATIONS, SCHOOL, Operation
from sims_sync.sims.reader import read_document

log = logging.getLogger(__name__)


@dataclass
class Extract:
    """What SIMS answered.

    :param documents: the bytes of each operation's document.
    :param tables: each document's rows, by table (``documents.OPERATIONS``).
    """

    documents: dict[str, bytes] = field(default_factory=dict, repr=False)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)


def extract(client: SimsClient, la: str, estab: str, effective_date: date) -> Extract:
    """Fetch a school's documents, one after the other.

    :param la: :param estab: the school that is expected.
    :raises RollRefused: it is another school's SIMS (then no student is read), there are no students, or not one email
        address in the whole document.
    """
    extracted = Extract()
    check_school(_fetched(client, SCHOOL, effective_date, extracted), la, estab)
    for operation in OPERATIONS:
        table = _fetched(client, operation, effective_date, extracted)
        extracted.tables[operation.table] = table
        if operation.table == "students" and table.empty:
            raise RollRefused(
                f"SIMS sent no student for {effective_date}: nothing is loaded, nobody is disabled.",
                advice="Check the effective date, and in SIMS that the school has students on roll on it.",
            )
        if operation.table == "emails" and table["email_address"].isna().all():
            raise RollRefused(
                "SIMS sent students, but not one email address: nothing is loaded, nobody is disabled.",
                advice="Check in SIMS what the user of the connection may see.",
            )
    return extracted


def check_school(school: pd.DataFrame, la: str, estab: str) -> None:
    """A crossed connection would disable a whole school.

    :param school: the row of GetXmlSchool.
    :raises RollRefused: it is not the school that is configured.
    """
    if len(school) != 1:
        raise UnexpectedAnswer(f"{SCHOOL.name}: expected one school, and SIMS sent {len(school)}.")
    row = school.iloc[0]
    if (row["la"], row["estab"]) != (la.strip(), estab.strip()):
        raise RollRefused(
            f"SIMS answers for the school {row['la']}/{row['estab']}, but {la}/{estab} is configured.",
            advice="Correct the connection, or `la` and `estab` in schools.yaml.",
        )


def _fetched(client: SimsClient, operation: Operation, effective_date: date, extracted: Extract) -> pd.DataFrame:
    began = time.monotonic()
    document = client.fetch(operation, effective_date)
    table = read_document(operation, document)
    extracted.documents[operation.name] = document
    seconds = time.monotonic() - began
    log.info("%s: %d rows, %d kB, %.1f s", operation.name, len(table), len(document) // 1024, seconds)
    return table
