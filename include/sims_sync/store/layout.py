"""What lies where in the store: ``<store>/<school id>/<run>/`` and ``<store>/<school id>/state/``."""

from __future__ import annotations

import re
from contextlib import suppress

from sims_sync.store.content import sha256
from sims_sync.store.folder import Folder, Unreadable

_AS_IT_IS = re.compile(r"(?!\.)(?!.*-[0-9a-f]{8}$)[a-z0-9._-]{0,249}[a-z0-9_-]")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
_LONGEST = 246
"""Together with the part of the hash, what a file system takes as a name: 255 bytes."""

STATE = "state"
"""The name of the folder beside a school's runs that is never subject to retention."""


def run_folder(store: Folder, school_id: str, run_id: str) -> Folder:
    """The folder of a run."""
    return store / school_id / run_name(run_id)


def run_name(run_id: str) -> str:
    """How the folder of a run is called: the run's id, where every file system and object store takes it.

    Any other has its characters replaced that some of them refuse, is cut, and ends with a part of the id's hash, so
    that two runs never share a folder: neither where capitals do not count, nor when an id looks like a folder's name.
    """
    if _AS_IT_IS.fullmatch(run_id) and run_id != STATE:
        return run_id
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id).lstrip(".")
    return f"{name[:_LONGEST]}-{sha256(run_id.encode(errors='surrogatepass'))[:8]}"


def find_run_folder(store: Folder, school_id: str, run: str) -> Folder:
    """The folder of a run, for those who only look at it.

    :param run: its id; or the name of its folder, which is all that is known where its report cannot be read.
    """
    folder, named = run_folder(store, school_id, run), store / school_id / run
    with suppress(Unreadable):
        if folder.name != run and _NAME.fullmatch(run) and run != STATE and not folder.names() and named.names():
            return named
    return folder


def state_folder(store: Folder, school_id: str) -> Folder:
    """The folder of what a school remembers from run to run."""
    return store / school_id / STATE
