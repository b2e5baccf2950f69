"""The list that a school office works through: what to correct, where, and who does it (SPEC section 5).

``errors.csv`` is for programs: its columns keep their names. The workbook is for people: the same rows, with headings
that an office knows, in cells of text (an admission number keeps its zeros), one page wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sims_sync.model.findings import CODES
from sims_sync.model.marked import as_text
from sims_sync.runs.documents import Report, ReportedError, ReportedWarning
from sims_sync.runs.spreadsheet import as_csv

_OR_NOT = {True: "yes", False: "no"}


@dataclass(frozen=True)
class Column:
    """A column of the list.

    :param name: in ``errors.csv``.
    :param heading: in the workbook.
    :param width: there, in characters.
    :param of: its cell; none where there is nothing to say.
    """

    name: str
    heading: str
    width: int
    of: Callable[[ReportedWarning], object]


COLUMNS = (
    Column("person_id", "Person ID", 10, lambda entry: entry.person_id),
    Column("school_identifier", "Admission number", 11, lambda entry: entry.school_identifier),
    Column("code", "Code", 18, lambda entry: entry.code),
    Column("reason", "What is wrong", 42, lambda entry: entry.message),
    Column("correct", "What to do", 42, lambda entry: as_text(entry.correct)),
    Column(
        "failing_since",
        "Since",
        11,
        lambda entry: entry.failing_since if isinstance(entry, ReportedError) else None,
    ),
    Column(
        "stops_import",
        "Left out until corrected",
        10,
        lambda entry: "yes" if isinstance(entry, ReportedError) else "no",
    ),
    Column("who", "Who acts", 13, lambda entry: CODES[entry.code].who if entry.code in CODES else None),
    Column("where", "Where in SIMS", 20, lambda entry: entry.where),
)
"""In the order of ``errors.csv``."""


def errors_csv(report: Report) -> bytes:
    """The list as CSV: the records that were not imported, then those that were with a warning."""
    return as_csv([column.name for column in COLUMNS], rows(report, COLUMNS))


def rows(report: Report, columns: Sequence[Column]) -> Iterator[list[object]]:
    """The cells of each record."""
    for entry in (*report.errors, *report.warnings):
        yield [column.of(entry) for column in columns]
