"""The register: what was done to whose account, why, in which run and approved by whom, long after the run files are
gone: ``state/register/<year>-<month>.parquet``.

It is written by who holds the school's lease of the directory. An entry is never changed, but that it becomes known
what it tells. No entry holds a value, nor anything that who may only read must not see but the account's id.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sims_sync.model.change_kinds import Kind
from sims_sync.model.errors import PermanentFault
from sims_sync.model.person import order
from sims_sync.store.folder import Folder, Unreadable
from sims_sync.store.layout import STATE, state_folder

if TYPE_CHECKING:
    import pandas as pd

REGISTER = "register"
_FILE = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])\.parquet")
_TAKEN: dict[str, frozenset[str]] = {
    "disable": frozenset({"enable", "link"}),
    "unlink_role": frozenset({"enable", "link", "update"}),
}
"""What takes somebody's account or its role, and what gives it back."""


@dataclass(frozen=True)
class Entry:
    """What was done to one account.

    :param cause: why, in words without a value.
    :param plan: the hash of the plan's manifest.
    :param approved_by: who approved the plan, or its departures; none where nobody was asked.
    :param at: when it was known to be done; when it was begun, as long as that is not known.
    :param done: whether it is known to be done: a task that was killed does not tell, nor does a directory that cannot
        be reached any more.
    """

    kind: Kind
    person_id: str | None
    school_identifier: str | None
    account_id: str | None
    cause: str
    run_id: str
    plan: str
    approved_by: str | None
    at: datetime
    done: bool


COLUMNS = tuple(each.name for each in fields(Entry))


@dataclass(frozen=True)
class Written:
    """Of which plan of which run entries are.

    :param planned_at: when the plan was made: it tells the file.
    """

    run_id: str
    plan: str
    planned_at: datetime

    @property
    def file(self) -> str:
        return f"{self.planned_at.astimezone(UTC):%Y-%m}.parquet"


class Register:
    """The register of one school.

    :param unreadable: those of the files asked for that cannot be read.
    """

    def __init__(self, root: Folder, school_id: str) -> None:
        self.school_id = school_id
        self.folder = state_folder(root, school_id) / REGISTER
        self.unreadable: list[str] = []

    def of_plan(self, of: Written, kinds: Collection[Kind]) -> list[Entry]:
        """What is written down of a plan.

        :param kinds: those that count.
        :raises PermanentFault: the file cannot be read.
        """
        table = self._table(of.file)
        return _entries(table[_is_of(table, of, kinds)])

    def write_down(self, of: Written, kinds: Collection[Kind], entries: Iterable[Entry]) -> None:
        """Write down what is known of a plan, in place of what was written down of it before.

        :param kinds: those that are replaced.
        :raises PermanentFault: the file cannot be read.
        """
        import pandas as pd

        table = self._table(of.file)
        replaced, new = _is_of(table, of, kinds), _as_table(entries)
        if new.empty and not replaced.any():
            return
        buffer = io.BytesIO()
        pd.concat([table[~replaced], new], ignore_index=True).to_parquet(buffer, index=False)
        self.folder.write(of.file, buffer.getvalue())

    def of_person(self, person_id: str) -> list[Entry]:
        """All that was done to a person's accounts, the newest first."""
        tables = self._tables([("person_id", "==", person_id)])
        return sorted((each for table in tables for each in _entries(table)), key=lambda each: each.at, reverse=True)

    def people(self) -> pd.DataFrame:
        """Everybody of whom there is an entry, by ``person_id`` and each ``school_identifier``."""
        import pandas as pd

        names = ["person_id", "school_identifier"]
        tables = [table[names] for table in self._tables()]
        return (
            pd.concat([_as_table([])[names], *tables], ignore_index=True).dropna(subset="person_id").drop_duplicates()
        )

    def disabled(self) -> list[Entry]:
        """The accounts that the sync has disabled, or has taken the role from, and not given back since; the newest
        first."""
        last: dict[str, Entry] = {}
        kinds = sorted({*_TAKEN, *(kind for given in _TAKEN.values() for kind in given)})
        told = [each for table in self._tables([("kind", "in", kinds)]) for each in _entries(table)]
        for each in sorted(told, key=lambda each: each.at):
            account = each.account_id or ""
            if each.kind in _TAKEN:
                last[account] = each
            elif account in last and each.done and each.kind in _TAKEN[last[account].kind]:
                del last[account]
        by_person = sorted(last.values(), key=lambda each: order(each.person_id))
        return sorted(by_person, key=lambda each: each.at, reverse=True)

    def _table(self, file: str) -> pd.DataFrame:
        try:
            return _read(self.folder.read(file))
        except FileNotFoundError:
            return _as_table([])
        except (Unreadable, ValueError):
            raise PermanentFault(
                f"The file {REGISTER}/{file} of the state of {self.school_id} cannot be read.",
                advice=f"Restore {self.school_id}/{STATE}/ from a backup; or move the file elsewhere: then the "
                "register lacks that month.",
            ) from None

    def _tables(self, condition: Sequence[tuple[str, str, Any]] | None = None) -> list[pd.DataFrame]:
        """Each month, as far as it can be read.

        :param condition: of the rows that count, as ``pandas.read_parquet(filters=)`` takes it.
        """
        try:
            names = [name for name in sorted(self.folder.names()) if _FILE.fullmatch(name)]
        except Unreadable:
            self.unreadable.append(REGISTER)
            return []
        with ThreadPoolExecutor(self.folder.at_once) as pool:
            tables = pool.map(lambda name: self._month(name, condition), names)
            return [table for table in tables if table is not None]

    def _month(self, name: str, condition: Sequence[tuple[str, str, Any]] | None) -> pd.DataFrame | None:
        try:
            return _read(self.folder.read(name), condition)
        except FileNotFoundError:  # deleted meanwhile
            return None
        except (Unreadable, ValueError):
            self.unreadable.append(f"{REGISTER}/{name}")
            return None


def months_before(files: Iterable[str], oldest: datetime) -> list[str]:
    """The files of the register of which every entry is older.

    :param files: paths in the folder of the state.
    """
    months = ((file, _FILE.fullmatch(file.removeprefix(f"{REGISTER}/"))) for file in files)
    return [
        file
        for file, found in months
        if found is not None and file.startswith(f"{REGISTER}/") and _next(found) < oldest
    ]


def _next(found: re.Match[str]) -> datetime:
    """When the month of a file is over. What is planned on its last day is written by the end of the next one."""
    year, month = int(found["year"]), int(found["month"])
    return datetime(year + month // 12, month % 12 + 1, 2, tzinfo=UTC)


def _read(content: bytes, condition: Sequence[tuple[str, str, Any]] | None = None) -> pd.DataFrame:
    """:raises ValueError: it is no month of the register."""
    import pandas as pd

    try:
        table = pd.read_parquet(io.BytesIO(content), columns=list(COLUMNS), filters=condition and list(condition))
        return table.astype(_as_table([]).dtypes.to_dict())
    except Exception:  # pyarrow has no one word for what is no Parquet
        raise ValueError("no month of the register") from None


def _as_table(entries: Iterable[Entry]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame([astuple(each) for each in entries], columns=list(COLUMNS))
    types = {"at": "datetime64[us, UTC]", "done": "bool"}
    return table.astype({name: types.get(name, "str") for name in COLUMNS})


def _entries(table: pd.DataFrame) -> list[Entry]:
    rows = table.astype("object").where(table.notna(), None)
    return [Entry(*row) for row in rows[list(COLUMNS)].itertuples(index=False, name=None)]


def _is_of(table: pd.DataFrame, of: Written, kinds: Collection[Kind]) -> pd.Series[bool]:
    return (table["run_id"] == of.run_id) & (table["plan"] == of.plan) & table["kind"].isin(list(kinds))
