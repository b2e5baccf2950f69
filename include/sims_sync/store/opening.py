"""Opens the store: here alone is decided what kind it is."""

from __future__ import annotations

from pathlib import Path

from sims_sync.store.folder import Folder
from sims_sync.store.local import LocalFolder
from sims_sync.store.objects import ObjectFolder, ObjectPath

_LOCAL = ("file", "local")


def open_store(place: Path | ObjectPath) -> Folder:
    """The store at a place.

    :param place: a path of this machine, or one of an object store (Airflow's ``ObjectStoragePath``); where that one
        leads to this machine's files, the store is a local folder too.
    """
    if isinstance(place, Path):
        return LocalFolder(place)
    return LocalFolder(Path(place.path)) if place.protocol in _LOCAL else ObjectFolder(place)
