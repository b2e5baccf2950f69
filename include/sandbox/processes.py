"""Starts the processes of a local stack, watches them, and stops every one of them with all its children."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

LOG_TAIL = 25  # lines of a log that are shown when its process ends
STOP_SECONDS = 15.0  # between SIGTERM and SIGKILL
_RECORD = "processes.json"


class ProcessEnded(Exception):
    """A process ended that should not have, or with an error; the message has the tail of its log."""


class Processes:
    """The processes of one stack: a context manager that stops what it started, whatever happens in between.

    Every process leads a process group of its own, so that a Ctrl-C in the terminal reaches the launcher alone, and so
    that stopping reaches the children too (Airflow's would outlive their parent). What runs is recorded in
    ``<folder>/processes.json``: see :func:`stop_leftovers`.

    :param folder: the stack's folder; the log of each process is ``<folder>/logs/<name>.log``.
    """

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self._record = folder / _RECORD
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._ending: set[str] = set()

    def __enter__(self) -> Processes:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], *, ends: bool = False) -> None:
        """Start a process.

        :param ends: whether it ends by itself (see :meth:`finish`), or goes on until :meth:`stop`.
        """
        with self.log(name).open("ab") as log, _interrupts_wait():
            self._started[name] = subprocess.Popen(  # noqa: S603 # the command is ours
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if ends:
            self._ending.add(name)
        self._save_record()

    def finish(self, name: str, timeout: float = 300) -> None:
        """Wait for a process that ends by itself.

        :raises ProcessEnded: it ended with an error.
        :raises TimeoutError: it goes on for too long.
        """
        try:
            code = self._started[name].wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{name} took more than {timeout:.0f} s. Its log: {self.log(name)}") from None
        del self._started[name]
        self._save_record()
        if code:
            raise ProcessEnded(self._epitaph(name, code))

    def check(self) -> None:
        """:raises ProcessEnded: a process has ended that should not have, or with an error."""
        for name, process in self._started.items():
            code = process.poll()
            if code or (code == 0 and name not in self._ending):
                raise ProcessEnded(self._epitaph(name, code))

    def wait_until(self, ready: Callable[[], bool], what: str, timeout: float = 120) -> None:
        """Wait until ``ready()``, while every process goes on.

        :raises ProcessEnded: a process has ended.
        :raises TimeoutError: it takes too long; the message says what was waited for.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {timeout:.0f} s. The logs are in {self.logs}")
            time.sleep(0.2)

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """All processes stand still inside the block, and go on after it."""
        groups = [process.pid for process in self._started.values()]
        for group in groups:
            _signal_group(group, signal.SIGSTOP)
        try:
            yield
        finally:
            for group in groups:
                _signal_group(group, signal.SIGCONT)

    def log(self, name: str) -> Path:
        """The log of a process: all that it printed."""
        return self.logs / f"{name}.log"

    def stop(self) -> None:
        """Stop every process and its children: SIGTERM, then SIGKILL for what is left (at once when interrupted)."""
        groups = [process.pid for process in self._started.values()]
        try:
            _stop_groups(groups)
        finally:
            for process in self._started.values():
                process.wait()
            self._started.clear()
            self._record.unlink(missing_ok=True)

    def _epitaph(self, name: str, code: int) -> str:
        tail = self.log(name).read_text(errors="replace").splitlines()[-LOG_TAIL:]
        return "\n".join([f"{name} ended with code {code}. The end of {self.log(name)}:", *(f"  | {t}" for t in tail)])

    def _save_record(self) -> None:
        times = {}
        for process in self._started.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                times[process.pid] = psutil.Process(process.pid).create_time()
        self._record.write_text(json.dumps(times))


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the block: in the middle of it, nobody would know the new process."""
    if threading.current_thread() is not threading.main_thread():  # the others are never interrupted
        yield
        return
    came: list[int] = []
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in earlier:
            signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        for each in came:
            signal.raise_signal(each)


def stop_leftovers(folder: Path) -> None:
    """Stop what an earlier stack in this folder left behind, its launcher killed; it would use the new one's files."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        record = json.loads((folder / _RECORD).read_text())
        _stop_groups([int(pid) for pid, created in record.items() if _is_alive(int(pid), created)])


def port_is_free(port: int) -> bool:
    """Whether a server can listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _is_alive(pid: int, created: float) -> bool:
    try:
        return psutil.Process(pid).create_time() == created  # else the number went to another process
    except psutil.NoSuchProcess:
        return False


def _stop_groups(groups: Sequence[int]) -> None:
    family = [member for group in groups for member in _family(group)]
    try:
        for group in groups:
            _signal_group(group, signal.SIGTERM)
        psutil.wait_procs(family, timeout=STOP_SECONDS)
    finally:
        for group in groups:
            _signal_group(group, signal.SIGKILL)
        for member in family:  # a child that left the group
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=1)


def _family(pid: int) -> list[psutil.Process]:
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, of a group of zombies
        os.killpg(group, number)
