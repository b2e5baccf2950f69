"""Deletes run files whose retention is over (SPEC section 9). A school's ``state/`` is never touched."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sims_sync.runs import store
from sims_sync.runs.stages import STAGES
from sims_sync.runs.store import StorePath

log = logging.getLogger(__name__)

_RAW = ".xml.gz"
_TIMES = ("saved_at", "finished_at")


@dataclass(frozen=True)
class Retention:
    """How long the files of a school are kept: runs, and the documents of SIMS in them."""

    runs: timedelta
    documents: timedelta


@dataclass
class Expired:
    """What was deleted of one school (in a dry run: would be).

    :param kept: runs whose files could not be deleted: their names.
    """

    runs: int = 0
    documents: int = 0
    kept: list[str] = field(default_factory=list)


def delete_expired(school: StorePath, retention: Retention, now: datetime, *, dry_run: bool = False) -> Expired:
    """Delete what is older than its retention in the folder of a school.

    The age of a run is that of the newest thing it saved, so that one which waits for an approval loses nothing. What
    is no run folder, and what does not tell its age, stays.

    :param school: ``<store>/<school id>``.
    """
    expired = Expired()
    for name in store.names(school):
        folder = school / name
        if name == store.STATE or not _is_run(folder):
            continue
        try:
            saved_at = _saved_at(folder)
            if saved_at is None:
                continue
            if saved_at + retention.runs < now:
                if not dry_run:
                    _delete_folder(folder)
                expired.runs += 1
            elif saved_at + retention.documents < now:
                expired.documents += _delete_documents(folder, dry_run=dry_run)
        except OSError as error:
            log.warning("The files of the run %s cannot be deleted: %s", name, type(error).__name__)
            expired.kept.append(name)
    return expired


def _is_run(folder: StorePath) -> bool:
    """Whether a stage has left something here; a link may lead out of the store."""
    if isinstance(folder, Path) and (folder.is_symlink() or not folder.is_dir()):
        return False
    return any(name.partition(".")[0] in STAGES for name in store.names(folder))


def _saved_at(folder: StorePath) -> datetime | None:
    """When the newest file of a run was saved: as its manifests and its report say, else as the file system does."""
    told = [datetime.fromisoformat(time) for time in _told(folder)]
    if not told and isinstance(folder, Path):
        told = [datetime.fromtimestamp(path.lstat().st_mtime, UTC) for path in folder.rglob("*")]
    return max(told, default=None)


def _told(folder: StorePath) -> Iterator[str]:
    for name in store.names(folder):
        if not name.endswith(".json"):
            continue
        try:
            document: Any = json.loads((folder / name).read_bytes())
        except ValueError:
            continue
        yield from (document[key] for key in _TIMES if isinstance(document, dict) and key in document)


def _delete_folder(folder: Any) -> None:
    if isinstance(folder, Path):
        shutil.rmtree(folder)
    else:
        folder.rmdir(recursive=True)


def _delete_documents(folder: StorePath, *, dry_run: bool) -> int:
    documents = [folder / "extract" / name for name in store.names(folder / "extract") if name.endswith(_RAW)]
    for document in documents if not dry_run else ():
        store.remove(document)
    return len(documents)
