"""The store as a part of an object store (S3, Google, Azure, ...), reached through fsspec.

An object store has no folders, only names that begin alike; one request is worth a whole listing; and fsspec keeps what
it listed, so that it has to be told to forget: other machines write too.
"""

from __future__ import annotations

import contextlib
import glob
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

from sims_sync.store.folder import Folder, Listing, Stamp, Unreadable

_AGE = 30.0  # seconds that stamps are good for
_WRITTEN_AT = ("LastModified", "last_modified", "mtime", "updated", "created")  # as the file systems of fsspec call it


class ObjectPath(Protocol):
    """The part of Airflow's ``ObjectStoragePath`` that is needed."""

    @property
    def fs(self) -> Any: ...
    @property
    def path(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def name(self) -> str: ...
    def __truediv__(self, name: str) -> Any: ...


@dataclass(frozen=True)
class ObjectFolder(Folder):
    """The objects whose names begin alike.

    :param listed: stamps that were listed, and when (by the monotonic clock); shared by all folders of a store.
    """

    place: ObjectPath
    listed: dict[tuple[str, str], tuple[float, dict[str, Stamp]]] = field(default_factory=dict, repr=False)
    at_once: ClassVar[int] = 16

    @property
    def name(self) -> str:
        return self.place.name

    def __truediv__(self, name: str) -> ObjectFolder:
        return ObjectFolder(self.place / name, self.listed)

    def __str__(self) -> str:
        return str(self.place)

    def read(self, file: str) -> bytes:
        with _refused(f"{self}/{file}"):
            return bytes(self.place.fs.cat_file(self._full(file)))

    def exists(self, file: str) -> bool:
        self._forget_listings()
        return bool(self.place.fs.isfile(self._full(file)))

    def write(self, file: str, content: bytes) -> None:
        """One PUT of an object store is atomic."""
        self.place.fs.pipe_file(self._full(file), content)

    def create(self, file: str, content: bytes) -> bool:
        """This takes a store that can create conditionally: S3, Google and Azure do."""
        try:
            self.place.fs.pipe_file(self._full(file), content, mode="create")
        except FileExistsError:
            return False
        return True

    def remove(self, file: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.place.fs.rm_file(self._full(file))

    def names(self) -> list[str]:
        return [name for name, _ in self._listed_now()]

    def folder_names(self) -> list[str]:
        return [name for name, kind in self._listed_now() if kind == "directory"]

    def listings(self) -> list[Listing]:
        self._forget_listings()
        files: dict[str, set[str]] = defaultdict(set)
        for path in self.place.fs.find(self._path):  # one listing, however many folders there are
            name, _, file = str(path).removeprefix(self._path).strip("/").partition("/")
            if file:
                files[name].add(file)
        return [_ObjectListing(self / name, inside) for name, inside in files.items()]

    def stamps(self, file: str) -> dict[str, Stamp]:
        asked = self._path, file
        asked_at, stamps = self.listed.get(asked, (float("-inf"), {}))
        if time.monotonic() - asked_at > _AGE:
            stamps = self._stamps_now(file)
            self.listed[asked] = time.monotonic(), stamps
        return stamps

    def _stamps_now(self, file: str) -> dict[str, Stamp]:
        self._forget_listings()
        stamps: dict[str, Stamp] = {}
        with _refused(self):
            # All that lies in it, for with `maxdepth` s3fs asks once for each folder.
            files = self.place.fs.find(self._path, detail=True)
        for path, found in files.items():
            name, _, inside = str(path).removeprefix(self._path).strip("/").partition("/")
            if inside == file:
                written = next((str(found[key]) for key in _WRITTEN_AT if found.get(key) is not None), "")
                stamps[name] = (written, str(found.get("ETag") or found.get("etag") or ""), found["size"])
        return stamps

    def _listed_now(self) -> list[tuple[str, str]]:
        """The name and type of what lies in it; not the object that some tools make to stand for a folder."""
        self._forget_listings()
        try:
            with _refused(self):
                entries = self.place.fs.ls(self._path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        inside = [(str(entry["name"]).rstrip("/"), str(entry["type"])) for entry in entries]
        return [(path.rpartition("/")[2], kind) for path, kind in inside if path != self._path]

    def _forget_listings(self) -> None:
        self.place.fs.invalidate_cache()

    @property
    def _path(self) -> str:
        return str(self.place.fs._strip_protocol(self.place.path)).rstrip("/")

    def _full(self, file: str) -> str:
        return f"{self._path}/{file}"


@contextlib.contextmanager
def _refused(place: object) -> Iterator[None]:
    """:raises Unreadable: the store refuses it for good; what passes by itself goes on as it is."""
    try:
        yield
    except PermissionError as fault:
        raise Unreadable(place, f"the service's user may not ({fault.strerror or 'access denied'})") from None
    except IsADirectoryError:
        raise Unreadable(place, "it is no file") from None


@dataclass(frozen=True)
class _ObjectListing(Listing):
    folder: ObjectFolder
    listed: set[str]

    @property
    def name(self) -> str:
        return self.folder.name

    def files(self) -> set[str]:
        return self.listed

    def read(self, file: str) -> bytes:
        return self.folder.read(file)

    def written_at(self) -> datetime | None:
        fs = self.folder.place.fs
        try:
            times = [fs.modified(self.folder._full(file)) for file in self.listed]
        except NotImplementedError:
            return None
        return max((time if time.tzinfo else time.replace(tzinfo=UTC) for time in times), default=None)

    def delete_files(self, files: Collection[str]) -> None:
        self._delete([self.folder._full(file) for file in files])

    def delete(self, first: Collection[str]) -> None:
        self.delete_files(first)
        self._delete([self.folder._path], recursive=True)

    def _delete(self, paths: list[str], **how: bool) -> None:
        """:raises PermissionError: some are still there, which not every file system of fsspec says."""
        if not paths:
            return
        fs = self.folder.place.fs
        with contextlib.suppress(FileNotFoundError):
            fs.rm([glob.escape(path) for path in paths], **how)  # it takes a name for a pattern
        self.folder._forget_listings()
        left = [path for path in map(str, fs.find(self.folder._path)) if path.startswith(tuple(paths))]
        if left:
            raise PermissionError(f"{len(left)} {'file' if len(left) == 1 else 'files'} could not be deleted")
