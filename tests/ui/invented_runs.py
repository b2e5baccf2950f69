"""Run files of invented nights, as the task `report` writes them, without the run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from invented_facts import EXTRACTED, planned
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.files import RunFiles
from sims_sync.store.layout import run_folder, run_name
from sims_sync.store.local import LocalFolder

NONE = dict.fromkeys(
    ("extracted", "rejected", "warnings", "created", "updated", "unchanged", "enabled", "disabled", "failed"), 0
)


def write_config(path: Path, schools: Sequence[Mapping[str, Any]]) -> None:
    """A ``schools.yaml``; of a school only what is not as everywhere."""
    common = {"la": "823", "estab": "4321", "modules": ["timetable"], "username": "admission_number"}
    entries = [{**common, "name": f"School {school['id']}", **school} for school in schools]
    path.write_text(yaml.safe_dump({"schools": entries}))


def write_report(
    root: Path,
    school_id: str,
    run_id: str,
    *,
    outcome: str = "success",
    ended: datetime | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    **own: Any,
) -> Path:
    """The report of one run; its folder.

    :param ended: when; the file is as old.
    :param own: keys of the report; those of ``counts`` go there.
    """
    ended = ended or datetime.now(UTC)
    counts = {**NONE, "rejected": len(errors), **{name: own.pop(name) for name in list(own) if name in NONE}}
    report = {
        "school": school_id,
        "run_id": run_id,
        "effective_date": ended.date().isoformat(),
        "outcome": outcome,
        "reason": "",
        "notes": [],
        "counts": counts,
        "errors": list(errors),
        "warnings": [],
        "started_at": (ended - timedelta(minutes=2)).isoformat(),
        "finished_at": ended.isoformat(),
        **own,
    }
    folder = root / school_id / run_name(run_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report))
    os.utime(folder / "report.json", (ended.timestamp(), ended.timestamp()))
    return folder


def error(person_id: int, code: str = "no_email", **own: Any) -> dict[str, Any]:
    """A record that was rejected."""
    return {
        "person_id": person_id,
        "school_identifier": f"{person_id:06d}",
        "stage": "validate",
        "code": code,
        "message": "The student has no email address in SIMS.",
        "correct": "Enter an email address.",
        "failing_since": "2026-09-01",
        **own,
    }


def write_held_plan(root: Path, school_id: str, run_id: str, *reasons: str) -> None:
    """What a run has saved that waits for an approval."""
    files = RunFiles(run_folder(LocalFolder(root), school_id, run_id))
    document: dict[str, Any] = {"counts": {}, "no_leaver_check": None, "changes": [], "unchanged": []}
    files.save(EXTRACTED, {}, counts={})
    files.save(planned(reasons=reasons), {"plan": document}, counts={})
    files.record_question(files.open(PlanFacts), datetime.now(UTC) + timedelta(hours=8))
