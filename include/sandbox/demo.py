"""``python -m sandbox.demo`` (``make demo``): an invented school, synchronised by the real scheduler, night by night.

Everything lies under ``.demo/`` in the project, which each demo empties first.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from sandbox.demo_output import Output
from sandbox.mailbox import INDEX
from sandbox.nights import SCHOOLS, demo_school, follow_night
from sandbox.processes import ProcessEnded, port_is_free, stop_leftovers
from sandbox.sims.generator import LARGEST, SMALLEST
from sandbox.stack import PROJECT, PortInUse, Stack
from sims_sync.config.school_entry import School

FOLDER = PROJECT / ".demo"
SEED = 1
NIGHTS = {"First night": 2, "Second night": 1, "Third night": 0}
"""Days before today. The first night creates every account; then the school has joiners, leavers, changes and broken
records, and by the third night one who left is back, whose account the second disabled."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoRuns(Exception):
    """Another demo uses the folder."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; 0 when every night succeeded."""
    options = _parser().parse_args(arguments)
    output = Output(sys.stdout)
    for number in _ENDING:
        signal.signal(number, _interrupt)
    try:
        with _own_folder(options.folder) as folder:
            return _run(folder, options, output)
    except KeyboardInterrupt:
        output.line("Interrupted; every process is stopped.")
        return 130
    except (DemoRuns, PortInUse, ProcessEnded, TimeoutError, LookupError, requests.RequestException) as error:
        output.failure(str(error))
        return 1


def _run(folder: Path, options: argparse.Namespace, output: Output) -> int:
    school = demo_school()
    output.title(f"{school.name}: {len(NIGHTS)} nights of the sync, {options.students} invented students")
    today = datetime.now(ZoneInfo(school.timezone)).date()
    with Stack(folder, schools_config=SCHOOLS, ui_port=options.port or _usual_port(), say=output.line) as stack:
        stack.start_sandbox(school.id, students=options.students, seed=SEED, today=today)
        stack.start_mailbox()
        stack.start_airflow(school.dag_id)
        succeeded = all(
            _night(stack, school, output, name, today - timedelta(days=ago)) for name, ago in NIGHTS.items()
        )
        output.where(
            {
                "Airflow": f"{stack.url}   user {stack.username}   password {stack.password}",
                "Directory": stack.directory,
                "SIMS": stack.sims,
                "Mails": str(stack.mails / INDEX),
                "Reports": str(stack.store),
                "Logs": f"{stack.folder / 'logs'} (processes), {stack.folder / 'airflow' / 'logs'} (tasks)",
            }
        )
        if not options.once:
            output.line("Running until Ctrl-C.")
            with contextlib.suppress(KeyboardInterrupt):
                stack.watch()
    return 0 if succeeded else 1


def _usual_port() -> int | None:
    """Where people look for Airflow's UI; none, so that a free one is taken, when that is in use."""
    return 8080 if port_is_free(8080) else None


def _night(stack: Stack, school: School, output: Output, name: str, effective: date) -> bool:
    """Run the school's DAG for one night, and show its report."""
    output.title(f"{name}: the roll of {effective}")
    run_id = stack.airflow.trigger(
        school.dag_id,
        {"effective_date": effective.isoformat()},
        run_id=f"{name.lower().replace(' ', '-')}-{effective}",
    )
    return follow_night(stack.airflow, stack.store, school, run_id, output)


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    """The demo's folder, empty, and no other demo's while this one runs.

    :raises DemoRuns: another demo runs in it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRuns(f"A demo runs already in {folder}: stop it with Ctrl-C first.") from None
        stop_leftovers(folder)
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        yield folder
    finally:
        os.close(lock)


def _interrupt(number: int, _frame: object) -> None:
    """The first signal ends the demo; those that come with it (make sends its own) must not end the stopping."""
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)


def _students(text: str) -> int:
    return _within(text, SMALLEST, LARGEST, "A school has {} to {} students.")


def _port(text: str) -> int:
    return _within(text, 1024, 65535, "Give a port from {} to {}.")


def _within(text: str, least: int, most: int, words: str) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(words.format(least, most))
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.demo", description="Some nights of the sync, on invented data."
    )
    parser.add_argument("--once", action="store_true", help="stop after the last night")
    parser.add_argument(
        "--students",
        type=_students,
        default=300,
        help=f"of the school, {SMALLEST} to {LARGEST} (default: 300)",
    )
    parser.add_argument("--port", type=_port, help="of Airflow's UI (default: 8080, or a free one when that is in use)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="emptied first (default: .demo in the project)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
