"""What the demo shows: its steps, the tasks as they go on, the reports as tables; plain where there is no terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sims_sync.model.findings import CODES

PLAIN_WIDTH = 120  # columns, where no terminal says how many there are
LISTED = 12  # rejected records that are listed one by one

_COUNTS = {
    "extracted": "students on roll in SIMS",
    "created": "accounts created",
    "updated": "accounts changed",
    "enabled": "of these enabled again",
    "unchanged": "accounts the same: nothing written",
    "rejected": "records not imported",
    "failed": "writes that failed",
    "disabled": "leavers disabled",
    "warnings": "warnings",
}
_PASSING = ("scheduled", "queued", "restarting")
_TASK_STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "up_for_retry": "yellow",
    "skipped": "dim",
}


class Output:
    """Writes to a terminal with colour, to anything else as plain text.

    :param stream: where to.
    """

    def __init__(self, stream: IO[str]) -> None:
        is_terminal = stream.isatty()
        self._console = Console(file=stream, width=None if is_terminal else PLAIN_WIDTH, highlight=False)
        self._running = self._console.status("")  # moves in a terminal, shows nothing elsewhere
        self._began: dict[str, float] = {}

    def title(self, text: str) -> None:
        """A heading, after an empty line."""
        self._console.print()
        self._console.print(text, style="bold", markup=False)

    def line(self, text: str) -> None:
        """A line below a heading."""
        self._console.print(f"  {text}", markup=False, soft_wrap=True)

    def failure(self, text: str) -> None:
        """What went wrong."""
        self._console.print(text, style="red", markup=False, soft_wrap=True)

    def task(self, task: str, state: str) -> None:
        """A task came to another state: one line when it has ended, for good or for now."""
        if state == "running":
            self._began[task] = time.monotonic()
            self._running.update(task)
            self._running.start()
        elif state not in _PASSING:
            self._running.stop()
            began = self._began.pop(task, None)
            took = "" if began is None else f"{time.monotonic() - began:6.1f} s"
            style = _TASK_STYLES.get(state, "default")
            self._console.print(f"    {escape(task):<16} [{style}]{escape(state.replace('_', ' ')):<16}[/]{took}")

    def report(self, report: Mapping[str, Any]) -> None:
        """A run's ``report.json``."""
        if report["reason"]:
            self.failure(report["reason"])
        self._console.print(_counts(report))
        if report["errors"]:
            self._console.print(_errors(report["errors"]))
        if len(report["errors"]) > LISTED:
            self.line(f"... and {len(report['errors']) - LISTED} more in errors.csv beside the report")
        if report["warnings"]:
            self._console.print(_warnings(report["warnings"]))

    def where(self, places: Mapping[str, str]) -> None:
        """Where to look, and how to log in, by what is there."""
        self.title("Where to look")
        for what, place in places.items():
            self.line(f"{what:<9}  {place}")


def _counts(report: Mapping[str, Any]) -> Table:
    table = _table("Records", "", title=f"Outcome: {report['outcome']}")
    table.columns[0].justify = "right"
    for key, meaning in _COUNTS.items():
        table.add_row(str(report["counts"][key]), meaning)
    return table


def _errors(errors: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("Person ID", "Admission no.", "Code", "Reason", title="Not imported")
    for error in errors[:LISTED]:
        cells = (error["person_id"], error["school_identifier"], error["code"], error["message"])
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in cells))
    return table


def _warnings(warnings: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("Records", "Code", "What to correct", title="Imported, with a warning")
    table.columns[0].justify = "right"
    for code, number in Counter(warning["code"] for warning in warnings).most_common():
        table.add_row(str(number), code, escape(CODES[code].correct))
    return table


def _table(*columns: str, title: str) -> Table:
    return Table(
        *columns, title=title, title_justify="left", title_style="bold", header_style="dim", box=box.SIMPLE_HEAD
    )
