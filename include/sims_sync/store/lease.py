"""A lease on something that one run of a school at a time may use: its SIMS, or writing to its directory.

A lease is a numbered file in the school's state; the highest number counts. To take it is to create the next number,
which of several at once only one can do. The holder renews it while it works and gives it back; one whose holder is
dead, or that was not renewed in time, may be taken. So it holds between machines, and on any store that can create a
file conditionally, where a file lock would not.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import psutil
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from sims_sync.model.errors import PermanentFault, TransientFault
from sims_sync.store.content import as_json
from sims_sync.store.folder import Folder

log = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=2)
"""After so long without a renewal others may take a lease; it is renewed four times as often."""
WAIT = timedelta(minutes=30)
"""How long a task waits for another run's lease."""
_POLL = 1.0


@dataclass
class Lease:
    """A lease that is held.

    :param folder: where its files lie.
    :param name: what it is for.
    """

    folder: Folder
    name: str
    holder: str
    number: int
    expires_at: datetime

    def check(self) -> None:
        """Called before each request that the lease is for.

        :raises TransientFault: it was not renewed in time (the machine stood still), so that another may hold it now.
        """
        if datetime.now(UTC) >= self.expires_at:
            raise TransientFault(
                f"The lease `{self.name}` of this school ran out while the task stood still.",
                advice="Nothing more is done in this try; the next one goes on.",
            )

    def renew(self, lifetime: timedelta, *, released: bool = False) -> None:
        """Say that the holder is alive, or that it gives the lease back."""
        expires_at = datetime.now(UTC) + lifetime
        self.folder.write(_file(self.name, self.number), _content(self.holder, expires_at, released=released))
        self.expires_at = expires_at


@contextmanager
def hold_lease(
    folder: Folder, name: str, holder: str, *, wait: timedelta = WAIT, lifetime: timedelta = LIFETIME
) -> Iterator[Lease]:
    """Hold a lease while the block runs.

    :param folder: the school's state.
    :param name: what the lease is for.
    :param holder: who holds it, in words for the log of the one who waits.
    :raises TransientFault: somebody else holds it for too long.
    """
    lease = _take(folder, name, holder, wait, lifetime)
    done = threading.Event()
    renewal = threading.Thread(target=_keep, args=(lease, lifetime, done), name=f"lease {name}", daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        done.set()
        renewal.join()
        lease.renew(lifetime, released=True)


def _take(folder: Folder, name: str, holder: str, wait: timedelta, lifetime: timedelta) -> Lease:
    deadline = time.monotonic() + wait.total_seconds()
    told = None
    while True:
        numbers = _numbers(folder, name)
        entry = _read(folder, name, numbers[-1]) if numbers else None
        if not numbers or (entry is not None and _is_free(entry)):
            lease = _create(folder, name, holder, lifetime, after=numbers)
            if lease is not None:
                return lease
            continue
        if entry is None:  # gone meanwhile: another has a higher number
            continue
        if time.monotonic() > deadline:
            raise TransientFault(
                f"Another run of this school holds the lease `{name}`: {entry.holder}.",
                advice="Wait for it to end, then clear this task.",
            )
        if told != entry.holder:
            told = entry.holder
            log.info("Waiting for the lease `%s`, which %s holds", name, told)
        time.sleep(_POLL)


def _create(folder: Folder, name: str, holder: str, lifetime: timedelta, after: list[int]) -> Lease | None:
    """The next number, none where another was quicker."""
    number = (after[-1] if after else 0) + 1
    expires_at = datetime.now(UTC) + lifetime
    if not folder.create(_file(name, number), _content(holder, expires_at, released=False)):
        return None
    if _numbers(folder, name)[-1] != number:  # so slow that others came, went, and removed this number
        folder.remove(_file(name, number))
        return None
    for old in after:
        folder.remove(_file(name, old))
    return Lease(folder, name, holder, number, expires_at)


def _keep(lease: Lease, lifetime: timedelta, done: threading.Event) -> None:
    while not done.wait(lifetime.total_seconds() / 4):
        if _numbers(lease.folder, lease.name)[-1:] != [lease.number] or datetime.now(UTC) >= lease.expires_at:
            return  # lost: `check` says so, once the time is over
        lease.renew(lifetime)


@dataclass(frozen=True)
class _Entry:
    """What a lease's file says.

    :param started: when the holder's process began, for its number may be another's by now.
    """

    holder: str
    host: str
    pid: Annotated[int, Field(ge=0, lt=2**31)]
    started: float
    expires_at: AwareDatetime
    released: bool


_ENTRY = TypeAdapter(_Entry)


def _is_free(entry: _Entry) -> bool:
    if entry.released or datetime.now(UTC) >= entry.expires_at:
        return True
    if entry.host != socket.gethostname():
        return False
    try:
        process = psutil.Process(entry.pid)
        return bool(process.create_time() != entry.started or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _content(holder: str, expires_at: datetime, *, released: bool) -> bytes:
    process = psutil.Process()
    entry = _Entry(holder, socket.gethostname(), process.pid, process.create_time(), expires_at, released=released)
    return as_json(_ENTRY.dump_python(entry, mode="json"))


def _numbers(folder: Folder, name: str) -> list[int]:
    parts = (each.rpartition(".") for each in folder.names())
    return sorted(int(number) for start, _, number in parts if start == f"{name}.lease" and number.isdecimal())


def _read(folder: Folder, name: str, number: int) -> _Entry | None:
    """What a lease's file says; none when it was removed meanwhile, which only the holder of a higher one does.

    :raises PermanentFault: nobody can tell who holds it, for somebody else has written the file.
    """
    try:
        return _ENTRY.validate_json(folder.read(_file(name, number)))
    except FileNotFoundError:
        return None
    except ValidationError:
        raise PermanentFault(
            f"The file {_file(name, number)} of the state of this school cannot be read.",
            advice="If no run of the school is at work, remove it; then clear this task.",
        ) from None


def _file(name: str, number: int) -> str:
    return f"{name}.lease.{number}"
