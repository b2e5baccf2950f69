"""The store as a folder of this machine, or one that several machines share."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NoReturn

from sims_sync.store.folder import Folder, Listing, Stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalFolder(Folder):
    """A folder of the file system."""

    path: Path
    at_once: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return self.path.name

    def __truediv__(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name)

    def __str__(self) -> str:
        return str(self.path)

    def read(self, file: str) -> bytes:
        try:
            return (self.path / file).read_bytes()
        except NotADirectoryError as fault:
            raise FileNotFoundError(*fault.args) from None

    def exists(self, file: str) -> bool:
        return (self.path / file).exists()

    def write(self, file: str, content: bytes) -> None:
        path = self.path / file
        with _written_aside(path, content) as temporary:
            temporary.replace(path)

    def create(self, file: str, content: bytes) -> bool:
        path = self.path / file
        try:
            with _written_aside(path, content) as temporary:
                path.hardlink_to(temporary)
        except FileExistsError:
            return False
        return True

    def remove(self, file: str) -> None:
        with contextlib.suppress(NotADirectoryError):
            (self.path / file).unlink(missing_ok=True)

    def names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(self.path)  # noqa: PTH208 - names, not paths
        return []

    def folder_names(self) -> list[str]:
        names = self.names()
        for name in names:
            if (self.path / name).is_symlink():
                log.warning("%s is a link: it is not followed, and nothing there is deleted", self.path / name)
        return [name for name in names if _is_folder(self.path / name)]

    def listings(self) -> list[Listing]:
        if not _is_folder(self.path):
            return []
        return [_LocalListing(self.path / name) for name in self.folder_names()]

    def stamps(self, file: str) -> dict[str, Stamp]:
        found: dict[str, Stamp] = {}
        for name in self.names():
            # 15,000 of them for a page of 500 schools: five times as fast as with pathlib
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                status = os.stat(f"{self.path}/{name}/{file}")  # noqa: PTH116
                found[name] = (status.st_mtime_ns, status.st_size)
        return found


@dataclass(frozen=True)
class _LocalListing(Listing):
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def files(self) -> set[str]:
        walked = os.walk(self.path, onerror=_raise)
        return {os.path.relpath(os.path.join(folder, name), self.path) for folder, _, names in walked for name in names}  # noqa: PTH118

    def read(self, file: str) -> bytes:
        return LocalFolder(self.path).read(file)

    def written_at(self) -> datetime | None:
        """The folders count too: a stage that begins again removes files."""
        paths = [self.path, *self.path.rglob("*")]
        return datetime.fromtimestamp(max(path.lstat().st_mtime for path in paths), UTC)

    def delete_files(self, files: Collection[str]) -> None:
        faults = []
        for file in files:
            try:
                (self.path / file).unlink(missing_ok=True)
            except OSError as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def delete(self, first: Collection[str]) -> None:
        self.delete_files(first)
        shutil.rmtree(self.path)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _raise(fault: OSError) -> NoReturn:
    raise fault


@contextlib.contextmanager
def _written_aside(path: Path, content: bytes) -> Iterator[Path]:
    """The content in a file of another name beside the one that it is for, gone at the end of the block."""
    _make_private(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
