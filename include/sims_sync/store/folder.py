"""What all others know of the store: folders with files in them, wherever they lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

from sims_sync.model.errors import PermanentFault

Stamp = tuple[Any, ...]
"""When a file was written, and how large it is: the newer, the greater; while it is equal, the file is the same."""


class Unreadable(PermanentFault):
    """Something of the store is there, and cannot be used.

    :param place: where it lies.
    :param why: what is wrong with it, in a few words without the place.
    """

    def __init__(self, place: object, why: str) -> None:
        super().__init__(
            f"{place} cannot be read: {why}.", advice="Put right what is in the store, then clear this task."
        )
        self.why = why


class Folder(ABC):
    """A folder of the store, whether it is there (yet) or not. ``folder / name`` is a folder in it.

    No link in the store is followed: what it leads to is not the store's. What lies behind one is
    :class:`Unreadable`, as is what the service's user may not read, or a folder in place of a file.

    A file is named by its path in the folder: ``extract/students.parquet``. Files are private to the service's user
    (locally 0600, their folders 0700), and a reader sees the whole of a file or none of it.
    """

    at_once: ClassVar[int]
    """How many requests are best made at once: 1 where there is nothing to wait for."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def __truediv__(self, name: str) -> Folder: ...

    @abstractmethod
    def __str__(self) -> str:
        """Where it lies, for a person."""

    @abstractmethod
    def read(self, file: str) -> bytes:
        """A file's content.

        :raises FileNotFoundError: there is no such file.
        :raises Unreadable: it cannot be read.
        """

    @abstractmethod
    def exists(self, file: str) -> bool:
        """Whether a file is there now.

        :raises Unreadable: nobody can tell.
        """

    @abstractmethod
    def write(self, file: str, content: bytes) -> None:
        """Write a file whole or not at all, in place of one that is there."""

    @abstractmethod
    def create(self, file: str, content: bytes) -> bool:
        """Write a file that must not be there yet; of several at once that try, one succeeds.

        :returns: whether it was written; False: the file is there.
        """

    @abstractmethod
    def remove(self, file: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def names(self) -> list[str]:
        """The names of the files and folders that lie in it now; none where it is not there.

        :raises Unreadable: it cannot be listed.
        """

    @abstractmethod
    def folder_names(self) -> list[str]:
        """The names of the folders that lie in it now, without links."""

    @abstractmethod
    def listings(self) -> list[Listing]:
        """The folders that lie in it now, each with all that is in it; none where it is a link itself."""

    @abstractmethod
    def stamps(self, file: str) -> dict[str, Stamp]:
        """The stamp of the file of this name in each folder that lies in it and has one, by the folder's name.

        One that cannot be read has a stamp too, so that it is missed. Made to be asked of hundreds of folders at every
        look at a page, so what an object store says may be some seconds old.

        :raises Unreadable: it cannot be listed.
        """


class Listing(ABC):
    """A folder with all that is in it, for looking through whole folders with few requests. No link is followed."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def files(self) -> set[str]:
        """All files, by their path in the folder; what a link leads to is not among them."""

    @abstractmethod
    def read(self, file: str) -> bytes:
        """A file's content.

        :raises FileNotFoundError: it is gone meanwhile.
        :raises Unreadable: it cannot be read.
        """

    @abstractmethod
    def written_at(self) -> datetime | None:
        """When something in it was written last; none where the store does not tell."""

    @abstractmethod
    def delete_files(self, files: Collection[str]) -> None:
        """Delete some of its files; one that cannot be deleted stops no other, and its fault is raised in the end."""

    @abstractmethod
    def delete(self, first: Collection[str]) -> None:
        """Delete the folder; nothing else of it goes as long as some of the first files cannot be deleted."""
