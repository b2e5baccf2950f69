"""An object store in memory, reached as Airflow reaches one, and as forgetful of other machines as S3's client is."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from sims_sync.store.folder import Folder
from sims_sync.store.opening import open_store


class Objects(MemoryFileSystem):  # type: ignore[misc]
    """What it listed it believes until it is told to forget; and of two that create a file it refuses one."""

    cachable = False
    alone = threading.Lock()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.listed: dict[str, list[dict[str, Any]]] = {}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        if path not in self.listed:
            self.listed[path] = super().ls(path, detail=True)
        return self.listed[path] if detail else [entry["name"] for entry in self.listed[path]]

    def info(self, path: str, **options: Any) -> Any:
        path = self._strip_protocol(path)
        if (kept := self.listed.get(self._parent(path))) is None:
            return super().info(path)
        for entry in kept:
            if entry["name"] == path:
                return entry
        raise FileNotFoundError(path)

    def isfile(self, path: str) -> bool:
        return bool(AbstractFileSystem.isfile(self, path))

    def exists(self, path: str, **options: Any) -> bool:
        return bool(AbstractFileSystem.exists(self, path))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self.invalidate_cache()
        with self.alone:
            super().pipe_file(path, value, mode)

    def rm_file(self, path: str) -> None:
        self.invalidate_cache()
        super().rm_file(path)

    def invalidate_cache(self, path: str | None = None) -> None:
        self.listed.clear()


def object_store(folder: Path, files: AbstractFileSystem | None = None) -> Folder:
    """A folder in a store of this kind, as Airflow reaches it through a connection.

    :param folder: names it.
    :param files: by default a client of its own, as another machine has.
    """
    files = Objects() if files is None else files
    protocol = files.protocol if isinstance(files.protocol, str) else files.protocol[0]
    connection = f"{type(files).__name__}-{uuid4().hex}"  # Airflow gives what was attached by that name before
    attach(protocol, conn_id=connection, fs=files)
    return open_store(ObjectStoragePath(f"{protocol}://{connection}@{folder}"))
