"""The one configured place of all files: ``<store>/<school id>/<run>/`` and ``<store>/<school id>/state/``.

The store is a :class:`pathlib.Path`, or any object that behaves like one (Airflow's ``ObjectStoragePath``). Files are
private to the service's user (0600, folders 0700), and a reader sees the whole of a file or none of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

STATE = "state"


class StorePath(Protocol):
    """The part of :mod:`pathlib`'s interface that the store needs."""

    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> Any: ...
    def __truediv__(self, name: str) -> Any: ...
    def exists(self) -> bool: ...
    def iterdir(self) -> Iterator[Any]: ...
    def read_bytes(self) -> bytes: ...
    def write_bytes(self, content: bytes) -> int: ...
    def unlink(self) -> None: ...


def run_folder(store: StorePath, school_id: str, run_id: str) -> StorePath:
    """The folder of a run. Its name is the run's id with the characters replaced that file systems and object stores
    may refuse; such a name ends with a part of the id's hash, so that two runs never share a folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id)
    if name != run_id or name == STATE or name.startswith("."):
        name = f"{name.lstrip('.')}-{sha256(run_id.encode())[:8]}"
    folder: StorePath = store / school_id / name
    return folder


def state_folder(store: StorePath, school_id: str) -> StorePath:
    """The folder of what a school remembers from run to run; never subject to retention."""
    folder: StorePath = store / school_id / STATE
    return folder


def sha256(content: bytes) -> str:
    """The hash of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write(path: StorePath, content: bytes) -> None:
    """Write a file whole or not at all, private to this user."""
    if not isinstance(path, Path):
        path.write_bytes(content)  # one PUT of an object store is atomic
        return
    with _written_aside(path, content) as temporary:
        temporary.replace(path)


def create(path: StorePath, content: bytes) -> bool:
    """Write a file that must not be there yet; of several at once that try, one succeeds.

    On an object store this takes one that can create conditionally (S3, Google and Azure do).

    :returns: whether it was written; False: the file is there.
    """
    try:
        if isinstance(path, Path):
            with _written_aside(path, content) as temporary:
                path.hardlink_to(temporary)
        else:
            store: Any = path
            store.fs.pipe_file(store.path, content, mode="create")
    except FileExistsError:
        return False
    return True


def names(folder: StorePath) -> list[str]:
    """The names of what lies in a folder now; none where there is no such folder."""
    if not isinstance(folder, Path):
        store: Any = folder
        store.fs.invalidate_cache(store.path)  # other machines write too
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def as_json(value: Any) -> bytes:
    """A document as the content of a file that a person can open."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def remove(path: StorePath) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


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
