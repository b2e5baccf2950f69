"""What a school remembers from run to run, in ``<store>/<school id>/state/``; never subject to retention."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.learnt import Learnt, directory_of
from sims_sync.model.errors import PermanentFault
from sims_sync.runs.documents import Count, Document, LoadFacts, PersonId
from sims_sync.runs.mark import Departures, Mark
from sims_sync.runs.reading import open_output
from sims_sync.store.content import as_json
from sims_sync.store.folder import Folder, Unreadable
from sims_sync.store.layout import STATE, state_folder

log = logging.getLogger(__name__)

_WINDOW = timedelta(days=7)
_DEFAULT_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


class Claim(Document):
    """Which directory is the school's.

    :param base_url: in one spelling (case, port and trailing slash).
    """

    base_url: str


class EmptyRoll(Document):
    """A roll of nobody that was approved."""

    run_id: str
    effective_date: date


class RefusedRecord(Document):
    """A record that the directory refused in the last applied run.

    :param told: what it said, in words of ours.
    """

    person_id: PersonId
    told: str


class ClearedValues(Document):
    """What was withheld of a student, and has been cleared.

    :param attributes: columns.
    """

    person_id: PersonId
    attributes: tuple[str, ...]


class Applied(Document):
    """The last run whose ``load`` ended without a fault.

    :param of: its directory and the directory's settings (``directory.learnt.directory_of``).
    :param students: student accounts that the directory had then: listed when it was planned, and created.
    :param disabled: how many of them the run disabled; some directories list no account that is disabled.
    :param documents: the source's tables that held rows of students; how many is kept nowhere.
    """

    run_id: str
    of: str
    students: Count
    disabled: Count = 0
    documents: tuple[str, ...]

    @property
    def still_listed(self) -> int:
        """Student accounts that every directory lists after the run, at the least."""
        return max(self.students - self.disabled, 0)


class ShownPair(Document):
    """A student and an account that seems to be theirs, which an approved plan has shown.

    :param account_id: of the account.
    """

    person_id: PersonId
    account_id: str


_PAIRS = TypeAdapter(list[ShownPair])
_CLEARED = TypeAdapter(list[ClearedValues])
_REFUSED = TypeAdapter(list[RefusedRecord])
_APPLIED = TypeAdapter(Applied | None)
_EMPTY_ROLL = TypeAdapter(EmptyRoll | None)
_CLAIM = TypeAdapter(Claim | None)
_MARK = TypeAdapter(Mark | None)
_DEPARTURES = TypeAdapter(list[Departures])
_DISABLED: TypeAdapter[Iterable[str]] = TypeAdapter(list[str])
_LEARNT: TypeAdapter[Learnt | None] = TypeAdapter(Learnt | None)
_YEAR_GROUPS: TypeAdapter[Mapping[str, str]] = TypeAdapter(dict[str, str])
_FAILING: TypeAdapter[Mapping[str, date]] = TypeAdapter(dict[str, date])


@dataclass(frozen=True)
class SchoolState:
    """The state of one school.

    :param root: the store of all schools.
    """

    root: Folder
    school_id: str

    def check_claim(self, base_url: str) -> None:
        """A directory belongs to one school (SPEC section 3).

        The claim of another school that cannot be read stops that school alone.

        :raises PermanentFault: another school has claimed the directory at this base URL, or the own claim cannot be
            read.
        """
        wanted = _canonical(base_url)
        self._claim()
        for other in self.root.names():
            try:
                claim = SchoolState(self.root, other)._claim()
            except PermanentFault as fault:
                log.warning("Whether %s has claimed this directory, nobody can tell: %s", other, fault)
                continue
            if other != self.school_id and claim is not None and claim.base_url == wanted:
                raise PermanentFault(
                    f"The directory of {self.school_id} is that of the school {other}, which claimed it first.",
                    advice=f"Correct the host of the directory connection of {self.school_id}; or, if the directory "
                    f"really changed hands, remove {other}/{STATE}/claim.json from the store.",
                )

    def claim(self, base_url: str) -> None:
        """Claim the directory for this school: the first run does."""
        self.check_claim(base_url)
        self._save("claim", _CLAIM, Claim(base_url=_canonical(base_url)))

    def _claim(self) -> Claim | None:
        return self._load("claim", _CLAIM, None)

    @property
    def folder(self) -> Folder:
        """Where the state lies."""
        return state_folder(self.root, self.school_id)

    def mark(self) -> Mark | None:
        """The newest roll that any run began to apply; none before the first run, or when it is lost."""
        return self._load("mark", _MARK, None)

    def save_mark(self, mark: Mark) -> None:
        """Set the mark: before a run's first write."""
        self._save("mark", _MARK, mark)

    def has_applied(self) -> bool:
        """Whether something other than the mark shows that an earlier run began to write: a run without a mark then
        has lost it."""
        if self.folder.exists("departures.json") or self.folder.exists("year_groups.json"):
            return True
        school = self.root / self.school_id
        return any(_set_mark(school / run) for run in school.names())

    def departures(self, now: datetime) -> list[Departures]:
        """What was disabled in the last 7 days, as written, the oldest first."""
        return [each for each in self._load("departures", _DEPARTURES, []) if each.at > now - _WINDOW]

    def save_departures(self, entry: Departures) -> None:
        """Write down what a plan disables, in place of what was written down of the same plan before."""
        kept = [each for each in self.departures(entry.at) if (each.run_id, each.plan) != (entry.run_id, entry.plan)]
        self._save("departures", _DEPARTURES, [*kept, entry])

    def disabled_accounts(self) -> frozenset[str]:
        """The ids of the accounts that the sync disabled, for directories that cannot keep the mark themselves."""
        return frozenset(self._load("disabled", _DISABLED, ()))

    def save_disabled_accounts(self, account_ids: Iterable[str]) -> None:
        """Keep the ids of the accounts that the sync disabled."""
        self._save("disabled", _DISABLED, sorted(account_ids))

    def year_groups(self) -> Mapping[str, str]:
        """The last known year group of each student, as the source writes it, by Person ID: of those on roll at the
        last applied run, and of those who have left since and whose account works."""
        return self._load("year_groups", _YEAR_GROUPS, {})

    def save_year_groups(self, year_groups: Mapping[str, str]) -> None:
        """Keep the last known year groups."""
        self._save("year_groups", _YEAR_GROUPS, year_groups)

    def refused(self) -> dict[str, str]:
        """What the directory said of the records that it refused in the last applied run, by Person ID."""
        return {each.person_id: each.told for each in self._load("refused", _REFUSED, [])}

    def save_refused(self, refused: Mapping[str, str]) -> None:
        """Keep what the directory said of the records that it refused."""
        self._save("refused", _REFUSED, [RefusedRecord(person_id=each, told=told) for each, told in refused.items()])

    def learnt(self, base_url: str, settings: DirectorySettings) -> Learnt:
        """What is learnt of the school's directory; of another one, or with other settings, nothing is."""
        of = directory_of(_canonical(base_url), settings)
        found = self.last_learnt()
        return found if found is not None and found.of == of else Learnt(of=of)

    def last_learnt(self) -> Learnt | None:
        """What was learnt of the directory that was written to last."""
        return self._load("directory", _LEARNT, None)

    def save_learnt(self, learnt: Learnt) -> None:
        """Keep what is learnt of the directory."""
        self._save("directory", _LEARNT, learnt)

    def forget_directory(self) -> bool:
        """Forget what is learnt of the directory; whether there was something."""
        known = self.folder.exists("directory.json")
        if known:
            self.folder.remove("directory.json")
        return known

    def applied(self) -> Applied | None:
        """What the last applied run had; none where nobody knows."""
        return self._load("applied", _APPLIED, None)

    def save_applied(self, applied: Applied) -> None:
        """Keep what a run had that was applied."""
        self._save("applied", _APPLIED, applied)

    def empty_roll(self) -> EmptyRoll | None:
        """The roll of nobody that was approved, until a student appears."""
        return self._load("empty_roll", _EMPTY_ROLL, None)

    def save_empty_roll(self, roll: EmptyRoll | None) -> None:
        """Keep that a roll of nobody was approved, or that there are students again."""
        self._save("empty_roll", _EMPTY_ROLL, roll)

    def cleared(self) -> dict[str, frozenset[str]]:
        """What was withheld of students and has been cleared, by Person ID."""
        return {each.person_id: frozenset(each.attributes) for each in self._load("cleared", _CLEARED, [])}

    def save_cleared(self, cleared: Mapping[str, Iterable[str]]) -> None:
        """Keep what has been cleared, so that it is not cleared again."""
        entries = [ClearedValues(person_id=each, attributes=tuple(sorted(names))) for each, names in cleared.items()]
        self._save("cleared", _CLEARED, entries)

    def shown_pairs(self) -> frozenset[tuple[str, str]]:
        """The pairs that approved plans have shown: Person ID and account."""
        return frozenset((each.person_id, each.account_id) for each in self._load("pairs", _PAIRS, []))

    def save_shown_pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep the pairs that approved plans have shown."""
        self._save("pairs", _PAIRS, [ShownPair(person_id=each, account_id=account) for each, account in sorted(pairs)])

    def failing_since(self) -> Mapping[str, date]:
        """Since which effective date a record fails, by ``<Person ID>:<code>``."""
        return self._load("failing", _FAILING, {})

    def save_failing_since(self, since: Mapping[str, date]) -> None:
        """Keep since when records fail."""
        self._save("failing", _FAILING, since)

    def _load(self, name: str, kind: TypeAdapter[T], default: T) -> T:
        try:
            return kind.validate_json(self.folder.read(f"{name}.json"), strict=True)
        except FileNotFoundError:
            return default
        except (Unreadable, ValidationError):
            raise PermanentFault(
                f"The file {name}.json of the state of {self.school_id} cannot be read.",
                advice=f"Restore {self.school_id}/{STATE}/ from a backup; or remove the file: "
                "then the next plan is held until a person approves it.",
            ) from None

    def _save(self, name: str, kind: TypeAdapter[T], value: T) -> None:
        self.folder.write(f"{name}.json", as_json(kind.dump_python(value, mode="json")))


def _set_mark(run: Folder) -> bool:
    """Whether a run of which the manifest of `load` is left had set the mark; one of some students alone does not.

    Of one that cannot be read, nobody can tell that it had not.
    """
    try:
        return run.exists("load.json") and open_output(run, LoadFacts).facts.set_mark
    except PermanentFault:
        return True


def _canonical(base_url: str) -> str:
    """The same directory under the same name: case of the host, default port and trailing slash do not count."""
    parts = urlsplit(base_url.strip())
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme.lower())
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}"
