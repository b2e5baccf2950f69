"""Deletes run files and months of the register whose retention is over (SPEC section 9). Nothing else of a school's
``state/`` is touched."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from sims_sync.runs.documents import STAGES, Document
from sims_sync.runs.files import RAW
from sims_sync.runs.register import months_before
from sims_sync.store.folder import Folder, Listing, Unreadable
from sims_sync.store.layout import STATE

log = logging.getLogger(__name__)

WHOLE_SCHOOL = "*"
"""In place of a run: the school's folder as a whole cannot be listed."""

_SCHOOL_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NEWEST_FIRST = [f"{stage}.json" for stage in reversed(STAGES)]
_SIGNS = {"extract", *_NEWEST_FIRST, *(f"{stage}.ended.json" for stage in STAGES)}


class _Dated(Document):
    """When a manifest or a report says that it was saved."""

    saved_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Retention:
    """How long the files of a school are kept: runs, the documents of SIMS in them, and the entries of the register."""

    runs: timedelta
    documents: timedelta
    register: timedelta = timedelta.max


@dataclass
class Expired:
    """What was deleted of one school (in a dry run: would be).

    :param months: those of the register.
    :param kept: the folders of runs that could not be deleted, or not wholly.
    """

    runs: int = 0
    documents: int = 0
    months: int = 0
    kept: list[str] = field(default_factory=list)


def school_ids(root: Folder) -> list[str]:
    """The schools that have a folder in the store, whether they are configured or not."""
    return sorted(name for name in root.folder_names() if _SCHOOL_ID.fullmatch(name))


def delete_expired(school: Folder, retention: Retention, now: datetime, *, dry_run: bool = False) -> Expired:
    """Delete what is older than its retention in the folder of a school.

    A run is as old as the newest thing that it saved, so that one which waits for an approval loses nothing. What is no
    run folder stays, as does one that does not tell its age in any way. No link is followed.

    :param school: ``<store>/<school id>``.
    """
    expired = Expired()
    try:
        found = sorted(school.listings(), key=lambda listing: listing.name)
    except Exception as error:  # each kind of store has its own way to refuse
        return Expired(kept=[_not_deleted(WHOLE_SCHOOL, error)])
    for run in found:
        if run.name.startswith("."):
            continue
        delete = _delete_expired_months if run.name == STATE else _delete_expired
        try:
            delete(run, retention, now, expired, dry_run=dry_run)
        except Exception as error:  # the same; and one run stops no other
            expired.kept.append(_not_deleted(run.name, error))
    return expired


def _not_deleted(name: str, error: Exception) -> str:
    log.warning("Run files that cannot be deleted, or not all of them: %s (%s)", name, type(error).__name__)
    return name


def _delete_expired(run: Listing, retention: Retention, now: datetime, expired: Expired, *, dry_run: bool) -> None:
    files = run.files()
    if not {file.partition("/")[0] for file in files} & _SIGNS:
        return
    documents = [file for file in files if _is_document(file)]
    oldest_run, oldest_document = _ago(now, retention.runs), _ago(now, retention.documents)
    enough = max(oldest_run, oldest_document) if documents else oldest_run
    saved_at = _saved_at(run, files, enough)
    if saved_at is None or saved_at >= enough:
        return
    if saved_at < oldest_run:
        if not dry_run:
            run.delete(sorted(file for file in files if "/" in file))  # the manifests, which tell its age, last
        expired.runs += 1
    else:
        if not dry_run:
            run.delete_files(documents)
        expired.documents += len(documents)


def _delete_expired_months(
    state: Listing, retention: Retention, now: datetime, expired: Expired, *, dry_run: bool
) -> None:
    months = months_before(state.files(), _ago(now, retention.register))
    if not dry_run and months:
        state.delete_files(months)
    expired.months += len(months)


def _ago(now: datetime, period: timedelta) -> datetime:
    """So long before now; the beginning of the calendar where it does not reach back so far."""
    return now - min(period, now - datetime.min.replace(tzinfo=UTC))


def _is_document(file: str) -> bool:
    """Whether it is a document as SIMS sent it, or what a task that was killed left of one (``Folder.write``)."""
    folder, _, name = file.rpartition("/")
    return folder == "extract" and (name.endswith(RAW) or (name.startswith(".") and f"{RAW}." in name))


def _saved_at(run: Listing, files: set[str], enough: datetime) -> datetime | None:
    """When the newest file of a run was saved: as its manifests and its report say, else as the store does.

    :param enough: one that is as new as this decides, and no further file is opened.
    """
    newest = None
    for time in _told(run, files):
        newest = max(newest or time, time)
        if newest >= enough:
            break
    return newest or run.written_at()


def _told(run: Listing, files: set[str]) -> Iterator[datetime]:
    for name in _NEWEST_FIRST:
        if name not in files:
            continue
        try:
            dated = _Dated.model_validate_json(run.read(name))
        except (FileNotFoundError, Unreadable, ValidationError):  # gone meanwhile, or not as a stage writes it
            continue
        times = filter(None, (dated.saved_at, dated.finished_at))
        yield from (time if time.tzinfo else time.replace(tzinfo=UTC) for time in times)
