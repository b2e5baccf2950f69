"""SIMS as a source: its documents, one call after the other (SPEC section 2)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from sims_sync.model.errors import RollRefused, UnexpectedAnswer
from sims_sync.model.person import NUMBER
from sims_sync.sources.sims.client import SimsClient
from sims_sync.sources.sims.operations import OPERATIONS, PERSON_ID, SCHOOL, Names, Operation
from sims_sync.sources.sims.reader import read_rows
from sims_sync.sources.sims.school_identity import check_school
from sims_sync.sources.sims.transport import MAX_BYTES
from sims_sync.sources.source import SPECIAL, Fetched

log = logging.getLogger(__name__)

MAX_ROLL_BYTES = MAX_BYTES
"""The most bytes of all documents of a roll together: they are in memory at once."""

ROWS_THAT_TELL = 5
"""So many rows without a needed element are no chance."""


@dataclass(frozen=True)
class Sims:
    """The SIMS of a school.

    :param open_client: opens the client, when the roll is asked for.
    :param la: the number of the school's local authority, as text.
    :param estab: the number of the school, as text.
    :param names: what its broker calls roots, rows and elements as well, by the standard name.
    :param unasked: the tables whose calls are not made.
    """

    open_client: Callable[[], SimsClient]
    la: str
    estab: str
    names: Names = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()

    name = "SIMS"
    key = NUMBER
    cannot_know = frozenset[str]()

    def fetch(self, effective_date: date) -> Iterator[Fetched]:
        """Fetch the documents, that of the school first.

        :raises RollRefused: it is another school's SIMS; then no student is read. Or no row has a needed element.
        :raises SyncError: what ``SimsClient.fetch`` and ``read_rows`` raise.
        """
        client = self.open_client()
        school = client.school(SCHOOL.also_called(self.names))
        check_school(school, self.la, self.estab, connection_name=client.connection_name)
        yield Fetched(SCHOOL.name, school.document)
        size = len(school.document)
        for operation in OPERATIONS:
            if operation.table in self.unasked:
                continue
            fetched = _fetched(client, operation.also_called(self.names), effective_date)
            size += len(fetched.content)
            if size > MAX_ROLL_BYTES:
                raise UnexpectedAnswer(
                    f"SIMS (connection {client.connection_name}) sent documents of more than "
                    f"{MAX_ROLL_BYTES // 2**20} MB in all.",
                    advice="Ask the support of the school's SIMS broker what is in them.",
                )
            yield fetched


def _fetched(client: SimsClient, operation: Operation, effective_date: date) -> Fetched:
    began = time.monotonic()
    document = client.fetch(operation, effective_date)
    rows = read_rows(operation, document)
    seconds = time.monotonic() - began
    if operation.table in SPECIAL:
        log.info("%s: read", operation.name)
    else:
        log.info("%s: %d rows, %d kB, %.1f s", operation.name, len(rows.table), len(document) // 1024, seconds)
    _check_needed(operation, rows.table)
    return Fetched(operation.name, document, operation.table, rows.table, tuple(rows.spoilt))


def _check_needed(operation: Operation, rows: pd.DataFrame) -> None:
    """:raises RollRefused: not one of the rows has an element that must be there."""
    if len(rows) < ROWS_THAT_TELL:
        return
    for element in operation.needed:
        values = rows[operation.columns[element]]
        if (Sims.key.keys(values) if element == PERSON_ID else values).notna().any():
            continue
        raise RollRefused(
            f"{operation.name}: not one row that SIMS sent has a valid `{element}`: nothing is loaded, nobody is "
            "disabled.",
            advice="Either the broker has another name for it: then add that to `sims.names` of the school "
            f"({element}: <its name>). Or a permission which shows it is missing: SIMS suppresses who people are for a "
            "user who is not in the group Third Party Reporter.",
        )
