"""What lies where in the store: ``<store>/<school id>/<run>/`` and ``<store>/<school id>/state/``."""

from __future__ import annotations

import re

from sims_sync.store.content import sha256
from sims_sync.store.folder import Folder

STATE = "state"
"""The name of the folder beside a school's runs that is never subject to retention."""


def run_folder(store: Folder, school_id: str, run_id: str) -> Folder:
    """The folder of a run."""
    return store / school_id / run_name(run_id)


def run_name(run_id: str) -> str:
    """How the folder of a run is called: the run's id, with the characters replaced that file systems and object stores
    may refuse; such a name ends with a part of the id's hash, so that two runs never share a folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id)
    if name == run_id and name != STATE and not name.startswith("."):
        return name
    return f"{name.lstrip('.')}-{sha256(run_id.encode())[:8]}"


def state_folder(store: Folder, school_id: str) -> Folder:
    """The folder of what a school remembers from run to run."""
    return store / school_id / STATE
