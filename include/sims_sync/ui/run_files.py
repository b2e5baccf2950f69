"""What a run left in its folder, stage by stage, finished or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sims_sync.errors import PermanentFault
from sims_sync.store.folder import Folder
from sims_sync.store.layout import run_folder
from sims_sync.ui.history import REPORT
from sims_sync.ui.words import STAGES

if TYPE_CHECKING:
    from sims_sync.runs.stages import RunFiles


@dataclass(frozen=True)
class StageState:
    """How a stage of a run stands. :param how: a key of ``words.ENDED``; empty where it was not reached."""

    stage: str
    how: str
    reason: str = ""


class RunFolder:
    """The files of one run, read as they are asked for; what is not there (any more) is none."""

    def __init__(self, root: Folder, school_id: str, run_id: str) -> None:
        self.folder = run_folder(root, school_id, run_id)
        self.names = frozenset(self.folder.names())

    @property
    def is_empty(self) -> bool:
        return not self.names

    def report(self) -> dict[str, Any] | None:
        """The report, if the run has one that can be read."""
        document = self._json(REPORT)
        return document if isinstance(document, dict) and "counts" in document else None

    def manifest(self, stage: str) -> Mapping[str, Any] | None:
        """What a stage that finished says of itself: ``counts`` and ``facts``."""
        document = self._json(f"{stage}.json")
        return document if isinstance(document, dict) and "facts" in document else None

    def ended(self, stage: str) -> tuple[str, str] | None:
        """How and why a stage ended without output, if it did."""
        document = self._json(f"{stage}.ended.json")
        return (document["how"], document["reason"]) if isinstance(document, dict) else None

    def errors_csv(self) -> bytes | None:
        """The list for a spreadsheet."""
        return self._bytes("errors.csv")

    def document(self, stage: str, name: str) -> Any:
        """A JSON document that a stage saved, checked by its hash; none where it is gone."""
        return self._of_stage(stage, f"{name}.json", lambda output: output.document(name))

    def table(self, stage: str, name: str) -> Any:
        """A table that a stage saved, checked by its hash; none where it is gone."""
        return self._of_stage(stage, f"{name}.parquet", lambda output: output.table(name))

    def stages(self) -> list[StageState]:
        """All stages in their order."""
        return [self._stage(stage) for stage in STAGES]

    def held(self) -> list[str]:
        """Why the plan is held, and waits for an answer; empty where it does not."""
        if {"approve.json", "approve.ended.json", REPORT} & self.names:
            return []
        plan = self.manifest("plan")
        if plan is None or plan["facts"].get("superseded"):
            return []
        return list(plan["facts"].get("held") or ())

    def _stage(self, stage: str) -> StageState:
        if f"{stage}.json" in self.names:
            return StageState(stage, "done")
        if (ended := self.ended(stage)) is not None:
            return StageState(stage, *ended)
        if stage == "approve" and self.held():
            return StageState(stage, "waiting", "The plan is over a limit.")
        return StageState(stage, "")

    def _of_stage(self, stage: str, file_name: str, read: Any) -> Any:
        manifest = self.manifest(stage)
        if manifest is None or file_name not in manifest["files"]:
            return None
        try:
            return read(self._run_files().open(stage))
        except PermanentFault:
            return None

    def _run_files(self) -> RunFiles:
        from sims_sync.runs.stages import RunFiles  # it takes pandas

        return RunFiles(self.folder)

    def _json(self, name: str) -> Any:
        content = self._bytes(name)
        try:
            return None if content is None else json.loads(content)
        except ValueError:
            return None

    def _bytes(self, name: str) -> bytes | None:
        if name not in self.names:
            return None
        try:
            return self.folder.read(name)
        except FileNotFoundError:
            return None


def held_and_waiting(root: Folder, school_id: str, run_id: str) -> list[str]:
    """Why a run that goes on waits for an approval; empty where it does not."""
    return RunFolder(root, school_id, run_id).held()
