"""Whole folders of the store: what is in them, how old it is, and how to delete it, with few requests to the store."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

from sims_sync.runs.store import StorePath


class Folder(Protocol):
    """A folder with all that is in it. Files are named by their path in it: ``extract/students.parquet``."""

    @property
    def name(self) -> str: ...

    def files(self) -> set[str]:
        """All files; what a link leads to is not among them."""

    def read(self, file: str) -> bytes:
        """A file's content."""

    def written_at(self) -> datetime | None:
        """When something in it was written last; none where the store does not tell."""

    def delete_files(self, files: Iterable[str]) -> None:
        """Delete some files; one that cannot be deleted stops no other, and its fault is raised in the end."""

    def delete(self, first: Iterable[str]) -> None:
        """Delete the folder; nothing else of it goes as long as some of the first files cannot be deleted."""


def folders(parent: StorePath) -> list[Folder]:
    """The folders in a folder, without those that are links; none where it is no folder itself, or a link."""
    place: Any = parent
    if isinstance(parent, Path) or place.protocol in ("file", "local"):
        return _local_folders(Path(place if isinstance(parent, Path) else place.path))
    place.fs.invalidate_cache()  # other machines write too
    files: dict[str, set[str]] = defaultdict(set)
    for path in place.fs.find(place.path):  # one listing, however many folders there are
        name, _, file = path.removeprefix(place.fs._strip_protocol(place.path)).strip("/").partition("/")
        if file:
            files[name].add(file)
    return [_StoredFolder(place / name, inside) for name, inside in files.items()]


def _local_folders(parent: Path) -> list[Folder]:
    if parent.is_symlink() or not parent.is_dir():
        return []
    return [_LocalFolder(path) for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]


@dataclass(frozen=True)
class _LocalFolder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def files(self) -> set[str]:
        walked = os.walk(self.path, onerror=_raise)
        return {os.path.relpath(os.path.join(folder, name), self.path) for folder, _, names in walked for name in names}  # noqa: PTH118

    def read(self, file: str) -> bytes:
        return (self.path / file).read_bytes()

    def written_at(self) -> datetime | None:
        """The folders count too: a stage that begins again removes files."""
        paths = [self.path, *self.path.rglob("*")]
        return datetime.fromtimestamp(max(path.lstat().st_mtime for path in paths), UTC)

    def delete_files(self, files: Iterable[str]) -> None:
        faults = []
        for file in files:
            try:
                (self.path / file).unlink(missing_ok=True)
            except OSError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def delete(self, first: Iterable[str]) -> None:
        self.delete_files(first)
        shutil.rmtree(self.path)


@dataclass(frozen=True)
class _StoredFolder:
    path: Any
    listed: set[str]

    @property
    def name(self) -> str:
        return str(self.path.name)

    def files(self) -> set[str]:
        return self.listed

    def read(self, file: str) -> bytes:
        return bytes(self.path.fs.cat_file(self._full(file)))

    def written_at(self) -> datetime | None:
        try:
            times = [self.path.fs.modified(self._full(file)) for file in self.listed]
        except NotImplementedError:
            return None
        return max((time if time.tzinfo else time.replace(tzinfo=UTC) for time in times), default=None)

    def delete_files(self, files: Iterable[str]) -> None:
        paths = [self._full(file) for file in files]
        if paths:
            self.path.fs.rm(paths)

    def delete(self, first: Iterable[str]) -> None:
        self.delete_files(first)
        with contextlib.suppress(FileNotFoundError):  # an object store has no folder without files
            self.path.fs.rm(self.path.path, recursive=True)

    def _full(self, file: str) -> str:
        return f"{self.path.path}/{file}"


def _raise(fault: OSError) -> NoReturn:
    raise fault
