"""A school's extract: all documents, as they came and as tables, or refused as a whole."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from sims_sync.errors import RollRefused
from sims_sync.sims.client import SimsClient
from sims_sync.sims.documents import OPERATIONS, SCHOOL, Operation
from sims_sync.sims.reader import read_document
from sims_sync.sims.school import SchoolIdentity, check_school

log = logging.getLogger(__name__)


@dataclass
class Extract:
    """What SIMS answered.

    :param documents: the bytes of each operation's document.
    :param tables: each document's rows, by table (``documents.OPERATIONS``).
    :param school: the school that SIMS says it is of.
    """

    school: SchoolIdentity
    documents: dict[str, bytes] = field(default_factory=dict, repr=False)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)


def extract(client: SimsClient, la: str, estab: str, effective_date: date) -> Extract:
    """Fetch a school's documents, one after the other.

    :param la: :param estab: the school that is expected.
    :raises RollRefused: it is another school's SIMS (then no student is read), there are no students, or not one email
        address in the whole document.
    """
    school = client.school()
    check_school(school, la, estab, connection_name=client.connection_name)
    extracted = Extract(school, documents={SCHOOL.name: school.document})
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


def _fetched(client: SimsClient, operation: Operation, effective_date: date, extracted: Extract) -> pd.DataFrame:
    began = time.monotonic()
    document = client.fetch(operation, effective_date)
    table = read_document(operation, document)
    extracted.documents[operation.name] = document
    seconds = time.monotonic() - began
    log.info("%s: %d rows, %d kB, %.1f s", operation.name, len(table), len(document) // 1024, seconds)
    return table
