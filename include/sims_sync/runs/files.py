"""The files between two stages of a run, as its tasks write them.

Each stage saves its outputs in a folder of its own and then a *manifest*, ``<stage>.json``, that names them with their
hashes. The next stage gets a *reference* (where the manifest lies, its hash, the counts: all that ever passes through
XCom), and a file that is not what the reference says is refused.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

import pandas as pd

from sims_sync.model.errors import SyncError
from sims_sync.runs.documents import STAGES, F, Manifest, PlanFacts, Reference, Report
from sims_sync.runs.reading import (
    ERRORS_CSV,
    REPORT,
    RunReader,
    StageOutput,
    open_output,
    reference_to,
)
from sims_sync.runs.redaction import REDACTED_REPORT
from sims_sync.runs.standing import ANSWERS, QUESTIONS, Answer, Ending, Question
from sims_sync.store.content import as_json, sha256
from sims_sync.store.folder import Folder

RAW = ".xml.gz"
"""How the names of SIMS's own documents end. No stage reads them again; they are not kept for as long as the run."""


def packed_document(content: bytes) -> bytes:
    """One of SIMS's own documents, as its file holds it: the same for the same document."""
    return gzip.compress(content, 6, mtime=0)


@dataclass(frozen=True)
class RunFiles:
    """The files of one run of one school."""

    folder: Folder

    def begin(self, stage: str) -> None:
        """Forget what this stage and those after it left in an earlier try, so that no report mixes two tries.

        `report` comes after all, so that its lists go with it, whichever stage begins.
        """
        later = STAGES[STAGES.index(stage) :]
        for each in later:
            self.folder.remove(f"{each}.json")
            self.folder.remove(f"{each}.ended.json")
            if each in QUESTIONS:
                self.folder.remove(QUESTIONS[each])
        for name in (ERRORS_CSV, REDACTED_REPORT):
            self.folder.remove(name)

    def save(
        self,
        facts: F,
        files: Mapping[str, pd.DataFrame | bytes | Mapping[str, object] | Sequence[object]],
        *,
        counts: Mapping[str, int],
        told: Mapping[str, int] = MappingProxyType({}),
    ) -> Reference:
        """Save a stage's output; the manifest comes last, so that an unfinished stage has none.

        :param facts: what the stage tells; they say which stage it is.
        :param files: by name: a table (saved as ``<name>.parquet``), bytes (saved under the name as it is), or JSON
            (saved as ``<name>.json``).
        :param told: those of the counts that are others in XCom, which everybody sees who may read the DAG.
        """
        saved: dict[str, str] = {}
        for name, value in files.items():
            file_name, content = _serialised(name, value)
            (self.folder / facts.stage).write(file_name, content)
            saved[file_name] = sha256(content)
        manifest = Manifest(
            stage=facts.stage,
            saved_at=datetime.now(UTC),
            counts=dict(counts),
            told=dict(told),
            facts=facts,
            files=saved,
        )
        content = manifest.as_json()
        self.folder.write(f"{facts.stage}.json", content)
        return reference_to(self.folder, content, manifest)

    def keep_document(self, name: str, content: bytes) -> str:
        """Keep a document of SIMS that could not be read, for those who look for what is wrong with it.

        :returns: where it lies in the run's folder.
        """
        (self.folder / "extract").write(f"{name}{RAW}", packed_document(content))
        return f"extract/{name}{RAW}"

    def open(self, facts: type[F], reference: Reference | None = None) -> StageOutput[F]:
        """A stage's output (:func:`~sims_sync.runs.reading.open_output`)."""
        return open_output(self.folder, facts, reference)

    def read(self) -> RunReader:
        """What the run has left by now."""
        return RunReader(self.folder)

    def record_failure(self, stage: str, fault: SyncError, *, held: bool = False) -> None:
        """Keep why a stage failed, for the report; the fault never holds a value of a person.

        :param held: it failed because nobody approved the plan.
        """
        self._record(
            stage,
            Ending(
                how="held" if held else "failed",
                reason=str(fault),
                kind=type(fault).__name__,
                message=fault.message,
                advice=fault.advice,
            ),
        )

    def record_skip(
        self, stage: str, reason: str, *, how: Literal["skipped", "superseded", "paused"] = "skipped"
    ) -> None:
        """Keep why a stage was skipped, for the report."""
        self._record(stage, Ending(how=how, reason=reason))

    def record_question(self, plan: StageOutput[PlanFacts], lapses_at: datetime, *, stage: str = "approve") -> None:
        """Keep that a person was asked whether a plan is to be written: until then nobody is waited for."""
        question = Question(plan=plan.reference.sha256, asked_at=datetime.now(UTC), lapses_at=lapses_at)
        self.folder.write(QUESTIONS[stage], question.as_json())

    def record_answer(self, answer: Answer) -> None:
        """Keep what a person answered: it holds for that plan, however often the task is cleared."""
        answers = [each for each in self.read().answers() if (each.stage, each.plan) != (answer.stage, answer.plan)]
        self.folder.write(ANSWERS, as_json([each.model_dump(mode="json") for each in (*answers, answer)]))

    def answer(self, stage: str, plan: Reference) -> Answer | None:
        """What a person answered at a stage about this plan, if somebody did."""
        answers = self.read().answers()
        return next((each for each in answers if (each.stage, each.plan) == (stage, plan.sha256)), None)

    def save_report(self, report: Report, redacted: Report, errors_csv: bytes) -> str:
        """Save the report, and the list for a spreadsheet.

        :param redacted: the report for who may only read.
        :returns: where the report lies.
        """
        self.folder.write(ERRORS_CSV, errors_csv)
        self.folder.write(REDACTED_REPORT, redacted.as_json())
        self.folder.write(REPORT, report.as_json())
        return f"{self.folder}/{REPORT}"

    def _record(self, stage: str, ending: Ending) -> None:
        self.folder.write(f"{stage}.ended.json", ending.as_json())


def _serialised(name: str, value: object) -> tuple[str, bytes]:
    if isinstance(value, pd.DataFrame):
        buffer = io.BytesIO()
        value.to_parquet(buffer, index=False)
        return f"{name}.parquet", buffer.getvalue()
    if isinstance(value, bytes):
        return name, value
    return f"{name}.json", as_json(value)
