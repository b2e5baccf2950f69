"""What a task leaves behind, when it has come to its end or was killed: accounts, state and files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from killed_stage import SCHOOL, Task

from sandbox.directory.server import Running
from sims_sync.runs.documents import FACTS
from sims_sync.store.layout import STATE


@dataclass(frozen=True)
class Left:
    """What a task leaves at its end, as far as two runs must agree in it: no ids of new accounts, no versions or times.

    :param files: the hashes of what `extract` saved.
    """

    accounts: list[str] = field(repr=False)
    state: dict[str, Any]
    results: Counter[tuple[str, int | None, str, str | None]]
    files: Mapping[str, str] = field(repr=False)

    @property
    def done(self) -> Counter[str]:
        """How many changes of which kind were done."""
        return Counter(kind for kind, _, result, _ in self.results.elements() if result == "done")


def left_by(task: Task, served: Running) -> Left:
    """What a task has left.

    :param served: the directory.
    """
    output = task.run.files.open(FACTS[task.stage])
    results = [] if task.stage == "extract" else output.document("results")
    return Left(
        accounts=sorted(json.dumps({**user, "id": None, "meta": None}, sort_keys=True) for user in served.users()),
        state=_state(task.store / SCHOOL / STATE),
        results=Counter((each["kind"], each["person_id"], each["result"], each["code"]) for each in results),
        files=output.files if task.stage == "extract" else {},
    )


def _state(folder: Path) -> dict[str, Any]:
    state = {path.stem: json.loads(path.read_bytes()) for path in folder.glob("*.json")}
    for departures in state["departures"]:
        del departures["at"], departures["plan"]
    leases = [json.loads(path.read_bytes()) for path in folder.glob("[!.]*.lease.*")]
    return {**state, "leases": sorted((each["holder"], each["released"]) for each in leases)}


def broken_files(task: Task) -> list[str]:
    """The files of the school that nobody can read, or that are not what a stage of the run says it wrote.

    One whose name begins with a dot is in the making: nobody reads it.
    """
    broken = []
    for path in (task.store / SCHOOL).rglob("*"):
        if path.suffix == ".json" or (".lease." in path.name and not path.name.startswith(".")):
            try:
                json.loads(path.read_bytes())
            except ValueError:
                broken.append(path.name)
    for output in filter(None, map(task.run.files.read().output, FACTS.values())):
        for name in output.files:
            output.content(name)
    return broken


def working_students(served: Running) -> set[str]:
    """The ids of the accounts that are active and have the role of a student."""
    return {
        user["id"]
        for user in served.users()
        if user.get("active", True) and {"value": "student"} in user.get("roles", [])
    }


def untold(task: Task, served: Running, before: set[str]) -> list[str]:
    """What a task has written to the directory, and nobody has written down.

    That is the mark, the departures of the last 7 days, and, where the directory cannot keep it (the file is there
    then), which accounts the sync disabled.

    :param before: the accounts of :func:`working_students` before the task began.
    """
    state = task.run.state
    mark = state.mark()
    departures = {account for each in state.departures(datetime.now(UTC)) for account in each.accounts}
    gone = before - working_students(served)
    disabled = {user["id"] for user in served.users() if user["id"] in gone and not user["active"]}
    kept_here = (task.store / SCHOOL / STATE / "disabled.json").exists()
    return [
        *(["the mark"] if served.writes and (mark is None or mark.run_id != task.run_id) else []),
        *(f"the departure of {account}" for account in gone - departures),
        *(f"that {account} was disabled" for account in disabled - state.disabled_accounts() if kept_here),
    ]
