"""Everything that the store holds of one person: to hand it over, or to erase it (SPEC section 9).

The values lie in run files, in the state, and in the documents as the source sent them. The source's own module says
which rows of its documents are whose (:data:`PartDocument`).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pandas as pd

from sims_sync.model.errors import TransientFault
from sims_sync.model.person import KeyForm
from sims_sync.runs.documents import STAGES
from sims_sync.runs.files import RAW
from sims_sync.runs.one_person import Entry, Parted, Person, ids_in, parted
from sims_sync.runs.reading import REPORT
from sims_sync.store.content import sha256
from sims_sync.store.folder import Folder, Listing
from sims_sync.store.layout import STATE, state_folder
from sims_sync.store.lease import hold_lease

PartDocument = Callable[[str, bytes, str, Collection[str]], tuple[list[Mapping[str, str]], bytes]]
"""Parts a document of the source: its name, its content, the Person ID, and the ids of addresses that are theirs
alone. Gives the person's rows, and the rest; raises `ValueError` where nobody can tell whose rows it has."""

LEASES = ("sims", "directory")
_HOLDS_NOBODY = ("capabilities.json", "claim.json", "applied.json", "empty_roll.json")
_MANIFESTS = [f"{stage}.json" for stage in STAGES]


class Busy(Exception):
    """A run of the school is at work: nothing was erased. The text says which."""


@dataclass
class Held:
    """What one school's folder holds of a person.

    :param files: the entries, by the path of their file in the school's folder.
    :param unreadable: files that cannot be looked into.
    :param unfinished: runs with something of the person that have no report.
    """

    files: dict[str, list[Entry]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """The files of one school.

    :param root: the store.
    :param form: of the Person IDs of its source.
    :param part_document: parts its source's documents.
    """

    root: Folder
    school_id: str
    form: KeyForm
    part_document: PartDocument

    def held_of(self, person_id: str) -> Held:
        """What is held of a person, as it stands in the files."""
        return _held(self._folders_of(person_id))

    def erase(self, person_id: str) -> Held:
        """Take a person out of all files. They stay what readers expect: manifests go on naming them by their hashes.

        :returns: what was erased; ``unreadable`` are files that were left as they are.
        :raises Busy: a run of the school is at work.
        """
        hashes: dict[str, str] = {}
        with self._alone():
            folders = self._folders_of(person_id)
            for folder in sorted(folders, key=lambda each: each.name == STATE):  # the state names plans by their hashes
                self._rewrite(folder, hashes)
        return _held(folders)

    def _rewrite(self, folder: _Looked, hashes: dict[str, str]) -> None:
        """Write the files of a folder anew without the person: those of stages first, then what names them.

        :param hashes: those that changed, the new one by the old one; more are added.
        """
        place = self.root / self.school_id / folder.name
        for path in sorted(folder.parts, key=_after_what_it_names):
            rest = folder.parts[path].rest
            if rest is None:
                place.remove(path)
                continue
            before, content = folder.listing.read(path), _with_hashes(path, rest, hashes)
            if content != before:
                place.write(path, content)
                hashes[sha256(before)] = sha256(content)

    def _folders_of(self, person_id: str) -> list[_Looked]:
        """All folders of the school, looked through twice: for the ids that the person is known by, and with those."""
        folders = [each for each in (self.root / self.school_id).listings() if not each.name.startswith(".")]
        person = Person(person_id, self.form)
        first = [self._looked(each, person) for each in folders]
        entries = [entry for folder in first for entry in folder.theirs]
        if not entries:
            return first
        numbers, accounts = ids_in(entries)
        known = replace(person, numbers=numbers, accounts=accounts)
        second = [
            self._looked(each.listing, replace(known, addresses=_own_addresses(each, person_id))) for each in first
        ]
        for folder in second:
            folder.part_leftovers()
        return second

    def _looked(self, listing: Listing, person: Person) -> _Looked:
        looked = _Looked(listing, listing.files())
        for path in sorted(looked.files):
            try:
                part = self._parted(listing, path, person)
            except Exception:  # each form has its own way to be broken, and one file stops no other
                looked.unreadable.append(path)
                continue
            if part is not None:
                looked.parts[path] = part
        return looked

    def _parted(self, listing: Listing, path: str, person: Person) -> Parted | None:
        """A file, parted; none where it holds nobody.

        :raises ValueError: it cannot be read, or is none that the sync writes.
        """
        name = path.rpartition("/")[2]
        if name in _HOLDS_NOBODY or name.startswith(".") or (listing.name == STATE and ".lease." in name):
            return None
        content = listing.read(path)
        if name.endswith(RAW):
            return self._document(name.removesuffix(RAW), content, person)
        found = parted(name, content, person)
        if found is None:
            raise ValueError("of no form that the sync writes")
        return found

    def _document(self, name: str, content: bytes, person: Person) -> Parted:
        """A document of the source. One that cannot be read goes as a whole, if the Person ID stands in it."""
        document = gzip.decompress(content)
        try:
            theirs, rest = self.part_document(name, document, person.key, person.addresses)
        except ValueError:
            mentioned = person.key.encode() in document
            return Parted(["a document that cannot be read"], None) if mentioned else Parted([], content)
        return Parted(list(theirs), gzip.compress(rest, 6, mtime=0) if theirs else content)

    def _alone(self) -> ExitStack:
        """The leases of the school, until the block ends.

        :raises Busy: somebody holds one.
        """
        state = state_folder(self.root, self.school_id)
        with ExitStack() as stack:
            for name in LEASES:
                try:
                    stack.enter_context(hold_lease(state, name, "erasure of a person", wait=timedelta(0)))
                except TransientFault as fault:
                    raise Busy(fault.message) from None
            return stack.pop_all()


@dataclass
class _Looked:
    """A folder of a school, looked through for a person."""

    listing: Listing
    files: set[str]
    parts: dict[str, Parted] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.listing.name

    @property
    def theirs(self) -> list[Entry]:
        return [entry for part in self.parts.values() if part.rest is not None for entry in part.theirs]

    def part_leftovers(self) -> None:
        """What a task that was killed left half written, nobody reads: it goes as a whole."""
        for path in self.files:
            name = path.rpartition("/")[2]
            if name.startswith(".") and ".lease." not in name:
                self.parts[path] = Parted([f"what was left half written of {name[1:].rpartition('.')[0]}"], None)


def _after_what_it_names(path: str) -> tuple[int, str]:
    """Sorts the files of a run: a manifest names files of its stage and manifests of earlier ones; others name both."""
    if "/" in path:
        return -1, path
    return (_MANIFESTS.index(path) if path in _MANIFESTS else len(_MANIFESTS)), path


def _with_hashes(path: str, content: bytes, hashes: Mapping[str, str]) -> bytes:
    """A JSON document that names other files by their hashes, with those that they have now."""
    if path.endswith(".json"):
        for before, after in hashes.items():
            content = content.replace(f'"{before}"'.encode(), f'"{after}"'.encode())
    return content


def _held(folders: Collection[_Looked]) -> Held:
    held = Held()
    for folder in folders:
        found = {f"{folder.name}/{path}": part.theirs for path, part in folder.parts.items() if part.theirs}
        held.files.update(found)
        held.unreadable += [f"{folder.name}/{path}" for path in folder.unreadable]
        if found and folder.name != STATE and REPORT not in folder.files:
            held.unfinished.append(folder.name)
    return held


def _own_addresses(folder: _Looked, person_id: str) -> frozenset[str]:
    """The ids of the addresses of a person that no other student of this run has."""
    entries = [entry for entry in folder.theirs if not isinstance(entry, str)]
    named = {str(entry.get("address_id") or entry.get("AddressID") or "").strip() for entry in entries} - {""}
    return frozenset(named - _addresses_of_others(folder, person_id)) if named else frozenset()


def _addresses_of_others(folder: _Looked, person_id: str) -> set[str]:
    """The ids of the addresses of all other students of a run; none where it has no such tables (any more)."""
    try:
        students, addresses = (
            pd.read_parquet(io.BytesIO(folder.listing.read(f"extract/{name}.parquet")))
            for name in ("students", "person_addresses")
        )
    except (FileNotFoundError, ValueError):
        return set()
    people = addresses["person_id"].astype("str")
    others = (people != person_id) & people.isin(students["person_id"].astype("str"))
    return set(addresses.loc[others, "address_id"].dropna().astype("str").str.strip())
