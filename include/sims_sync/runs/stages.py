"""The files between two stages of a run.

Each stage saves its outputs in a folder of its own and then a *manifest*, ``<stage>.json``, that names them with their
hashes. The next stage gets a *reference* (where the manifest lies, its hash, the counts: all that ever passes through
XCom), and a file that is not what the reference says is refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import pandas as pd

from sims_sync.errors import PermanentFault, SyncError
from sims_sync.store.content import as_json, sha256
from sims_sync.store.folder import Folder

STAGES = ("extract", "validate", "transform", "plan", "approve", "load", "disable_leavers", "report")
"""The stages in their order; each is a task of the DAG."""

RAW = ".xml.gz"
"""How the names of SIMS's own documents end. No stage reads them again; they are not kept for as long as the run."""


class Reference(TypedDict):
    """What one task tells the next: never a value of a person."""

    stage: str
    manifest: str
    sha256: str
    counts: dict[str, int]


@dataclass(frozen=True)
class StageOutput:
    """A stage's saved output, checked by hash whenever a file is read.

    :param reference: what names this output to other stages.
    :param facts: small facts that later stages need, such as the effective date; never a value of a person.
    """

    folder: Folder
    stage: str
    reference: Reference
    files: Mapping[str, str]
    facts: Mapping[str, Any]
    counts: Mapping[str, int]
    saved_at: datetime

    def content(self, name: str) -> bytes:
        """A file's bytes.

        :raises PermanentFault: the file is gone (retention) or is not the one that the stage wrote.
        """
        return _checked(self.folder / self.stage, name, self.files[name], self.stage)

    def table(self, name: str) -> pd.DataFrame:
        """The table that the stage saved under this name."""
        return pd.read_parquet(io.BytesIO(self.content(f"{name}.parquet")))

    def document(self, name: str) -> Any:
        """The JSON document that the stage saved under this name."""
        return json.loads(self.content(f"{name}.json"))


@dataclass(frozen=True)
class RunFiles:
    """The files of one run of one school."""

    folder: Folder

    def begin(self, stage: str) -> None:
        """Forget what this stage and those after it left in an earlier try, so that no report mixes two tries."""
        for later in STAGES[STAGES.index(stage) :]:
            self.folder.remove(f"{later}.json")
            self.folder.remove(f"{later}.ended.json")

    def record_failure(self, stage: str, fault: SyncError, *, held: bool = False) -> None:
        """Keep why a stage failed, for the report; the fault never holds a value of a person.

        :param held: it failed because nobody approved the plan.
        """
        document = {
            "how": "held" if held else "failed",
            "reason": str(fault),
            "kind": type(fault).__name__,
            "message": fault.message,
            "advice": fault.advice,
        }
        self.folder.write(f"{stage}.ended.json", as_json(document))

    def record_skip(self, stage: str, reason: str, *, superseded: bool = False) -> None:
        """Keep why a stage was skipped, for the report."""
        how = "superseded" if superseded else "skipped"
        self.folder.write(f"{stage}.ended.json", as_json({"how": how, "reason": reason}))

    def ended(self, stage: str) -> tuple[str, str] | None:
        """How (``failed``, ``held``, ``skipped``, ``superseded``) and why a stage ended without output, if it did."""
        note = self._note(stage)
        return None if note is None else (note["how"], note["reason"])

    def fault(self, stage: str) -> tuple[str, str, str] | None:
        """Of what type the fault was that ended a stage, what happened, and what to do; none where no fault is kept."""
        note = self._note(stage)
        return (note["kind"], note["message"], note["advice"]) if note and "kind" in note else None

    def _note(self, stage: str) -> dict[str, str] | None:
        try:
            note: dict[str, str] = json.loads(self.folder.read(f"{stage}.ended.json"))
        except FileNotFoundError:
            return None
        return note

    def save(
        self,
        stage: str,
        files: Mapping[str, pd.DataFrame | bytes | dict[str, Any] | list[Any]],
        *,
        counts: Mapping[str, int],
        facts: Mapping[str, Any] | None = None,
    ) -> Reference:
        """Save a stage's output; the manifest comes last, so that an unfinished stage has none.

        :param files: by name: a table (saved as ``<name>.parquet``), bytes (saved under the name as it is), or a
            document (saved as ``<name>.json``).
        """
        saved: dict[str, str] = {}
        for name, value in files.items():
            file_name, content = _serialised(name, value)
            (self.folder / stage).write(file_name, content)
            saved[file_name] = sha256(content)
        manifest = {
            "stage": stage,
            "saved_at": datetime.now(UTC).isoformat(),
            "counts": dict(counts),
            "facts": dict(facts or {}),
            "files": saved,
        }
        content = as_json(manifest)
        self.folder.write(f"{stage}.json", content)
        return _reference(stage, self.folder, content, counts)

    def open(self, stage: str, reference: Reference | None = None) -> StageOutput:
        """A stage's output.

        :param reference: what the stage's task returned; the manifest must still be that one.
        :raises PermanentFault: it is gone, or another try of the stage has written it anew.
        """
        content = _checked(self.folder, f"{stage}.json", reference["sha256"] if reference else None, stage)
        manifest = json.loads(content)
        return StageOutput(
            folder=self.folder,
            stage=stage,
            reference=_reference(stage, self.folder, content, manifest["counts"]),
            files=manifest["files"],
            facts=manifest["facts"],
            counts=manifest["counts"],
            saved_at=datetime.fromisoformat(manifest["saved_at"]),
        )

    def find(self, stage: str) -> StageOutput | None:
        """A stage's output, or nothing where the stage has not finished, or files that stages read are gone."""
        if not self.folder.exists(f"{stage}.json"):
            return None
        output = self.open(stage)
        read = [name for name in output.files if not name.endswith(RAW)]
        return output if all((self.folder / stage).exists(name) for name in read) else None


def _reference(stage: str, folder: Folder, content: bytes, counts: Mapping[str, int]) -> Reference:
    return Reference(stage=stage, manifest=f"{folder}/{stage}.json", sha256=sha256(content), counts=dict(counts))


def _serialised(name: str, value: Any) -> tuple[str, bytes]:
    if isinstance(value, pd.DataFrame):
        buffer = io.BytesIO()
        value.to_parquet(buffer, index=False)
        return f"{name}.parquet", buffer.getvalue()
    if isinstance(value, bytes):
        return name, value
    return f"{name}.json", as_json(value)


def _checked(folder: Folder, file: str, expected: str | None, stage: str) -> bytes:
    try:
        content = folder.read(file)
    except FileNotFoundError:
        raise PermanentFault(
            f"The run file {file} of `{stage}` is gone: the task has not finished, or its retention is over.",
            advice="Clear the run from `extract`.",
        ) from None
    if expected is not None and sha256(content) != expected:
        raise PermanentFault(
            f"The run file {file} is not the one that `{stage}` wrote for this task.",
            advice=f"Clear the run from `{stage}`.",
        )
    return content
