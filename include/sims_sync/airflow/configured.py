"""Where the files of all runs lie (SPEC section 9)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath

if TYPE_CHECKING:
    from sims_sync.store.folder import Folder

STORE_VARIABLE = "SIMS_SYNC_STORE"


def configured_store() -> Folder:
    """The store that ``SIMS_SYNC_STORE`` names; default: the folder ``sims-sync`` in Airflow's home."""
    from sims_sync.store.opening import open_store

    place = os.environ.get(STORE_VARIABLE) or str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")) / "sims-sync")
    if "://" in place and not place.startswith("file://"):
        return open_store(ObjectStoragePath(place))
    return open_store(Path(place.removeprefix("file://")).expanduser())
