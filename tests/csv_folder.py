"""A second source, to hold the seam: a school's roll as CSV files in a folder, with GUIDs as keys."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from sims_sync.model.person import ANY_TEXT
from sims_sync.sources.source import TABLES, Fetched


@dataclass(frozen=True)
class CsvFolder:
    """A folder with a file for each table; a table that has none is empty.

    :param folder: holds ``students.csv``, ``emails.csv`` and so on.
    """

    folder: Path

    name = "The folder"
    key = ANY_TEXT
    cannot_know = frozenset({"free_school_meals", "sen_information"})

    def fetch(self, effective_date: date) -> Iterator[Fetched]:
        """Read the files; they are of whatever day they were written."""
        for table, schema in TABLES.items():
            path = self.folder / f"{table}.csv"
            if not path.exists():
                yield Fetched(path.name, table=table, rows=pd.DataFrame(columns=list(schema.columns), dtype="str"))
                continue
            yield Fetched(path.name, path.read_bytes(), table, pd.read_csv(path, dtype="str"))

    def write(self, table: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Write a table's file anew."""
        with (self.folder / f"{table}.csv").open("w", newline="") as file:
            names = dict.fromkeys((*TABLES[table].columns, *(name for row in rows for name in row)))
            writer = csv.DictWriter(file, list(names))
            writer.writeheader()
            writer.writerows(rows)
