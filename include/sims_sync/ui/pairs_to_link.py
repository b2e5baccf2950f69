"""What the page of a run shows of students whose account stands under another Person ID, or under none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.reading import RunReader
from sims_sync.runs.spreadsheet import as_csv
from sims_sync.ui.tables import Table, table

AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class ShownPair:
    """A student, and an account that seems to be theirs.

    :param account_person_id: the Person ID that the account has, if any.
    :param account_id: none where the user may not see it.
    :param grade: ``certain``, ``likely`` or ``ambiguous``.
    :param why: what agrees.
    """

    person_id: str
    school_identifier: str | None
    account_person_id: str | None
    account_id: str | None
    active: bool
    grade: str
    why: str


def pairs_of(files: RunReader, *, may_edit: bool) -> Sequence[ShownPair]:
    """The pairs of a run's plan, those first whose student cannot log in.

    :param may_edit: whether the user may edit the DAG.
    """
    pairs = files.table(PlanFacts, "pairs")
    if pairs is None:
        return ()
    return [
        ShownPair(
            person_id=str(row.person_id),
            school_identifier=_text(row.school_identifier),
            account_person_id=_text(row.account_person_id),
            account_id=str(row.account_id) if may_edit else None,
            active=bool(row.active),
            grade=str(row.grade),
            why=str(row.why),
        )
        for row in pairs.itertuples(index=False)
    ]


def pair_tables(pairs: Sequence[ShownPair], parameters: Mapping[str, str]) -> tuple[Table[ShownPair], Table[ShownPair]]:
    """Those that can be linked, and the ambiguous ones apart.

    :param parameters: the request's query.
    """
    columns = ("person_id", "school_identifier", "account_person_id", "active", "grade", "why")
    clear = [pair for pair in pairs if pair.grade != AMBIGUOUS]
    unclear = [pair for pair in pairs if pair.grade == AMBIGUOUS]
    return (
        table("pairs", clear, parameters, filter_by="grade", columns=columns),
        table("ambiguous", unclear, parameters, filter_by="why", columns=columns),
    )


def pairs_csv(pairs: Sequence[ShownPair]) -> bytes:
    """The pairs as a file for a spreadsheet."""
    return as_csv([field.name for field in fields(ShownPair)], [astuple(pair) for pair in pairs])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
