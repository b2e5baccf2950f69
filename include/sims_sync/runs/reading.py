"""The one reader of a run's folder, for tasks, mails and pages: what each stage left, and how the run stands."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.errors import PermanentFault
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.runs.documents import (
    STAGES,
    DisableLeaversFacts,
    Ending,
    F,
    Facts,
    LoadFacts,
    Manifest,
    PlanDocument,
    PlanFacts,
    Question,
    Reference,
    Report,
    TransformFacts,
    ValidateFacts,
    WriteResult,
)
from sims_sync.store.content import sha256
from sims_sync.store.folder import Folder

if TYPE_CHECKING:
    import pandas as pd

REPORT = "report.json"
ERRORS_CSV = "errors.csv"
QUESTION = "approve.asked.json"

How = Literal["done", "failed", "held", "skipped", "superseded", "waiting", ""]
"""How a stage stands: it has an output, it ended without one, it waits for an answer, or it was not reached."""

T = TypeVar("T")


_ENDING = TypeAdapter(Ending)
_PLAN = TypeAdapter(PlanDocument)
_QUESTION = TypeAdapter(Question)
_REPORT = TypeAdapter(Report)
_RESULTS = TypeAdapter(list[WriteResult])


@dataclass(frozen=True)
class StageOutput(Generic[F]):
    """A stage's saved output, checked by hash whenever a file is read.

    :param folder: the run's.
    :param reference: what names this output to other stages.
    """

    folder: Folder
    reference: Reference
    manifest: Manifest[F]

    @property
    def facts(self) -> F:
        return self.manifest.facts

    @property
    def counts(self) -> Mapping[str, int]:
        return self.manifest.counts

    @property
    def told(self) -> Mapping[str, int]:
        """The counts for who may only read."""
        return {**self.manifest.counts, **self.manifest.told}

    @property
    def files(self) -> Mapping[str, str]:
        """The hash of each file, by name."""
        return self.manifest.files

    @property
    def saved_at(self) -> datetime:
        return self.manifest.saved_at

    def content(self, name: str) -> bytes:
        """A file's bytes.

        :raises PermanentFault: the file is gone (retention) or is not the one that the stage wrote.
        """
        stage = self.facts.stage
        return _checked(self.folder / stage, name, self.files[name], stage)

    def table(self, name: str) -> pd.DataFrame:
        """The table that the stage saved under this name."""
        import pandas as pd

        table = pd.read_parquet(io.BytesIO(self.content(f"{name}.parquet")))
        if "person_id" in table and table["person_id"].dtype == "Int64":  # as an earlier version saved it
            table["person_id"] = table["person_id"].astype("str")
        return table

    def document(self, name: str) -> Any:
        """The JSON document that the stage saved under this name."""
        return json.loads(self.content(f"{name}.json"))


def open_output(folder: Folder, facts: type[F], reference: Reference | None = None) -> StageOutput[F]:
    """The output of a stage that has finished.

    :param folder: the run's.
    :param facts: which stage's, by what it tells.
    :param reference: what the stage's task returned; the manifest must still be that one.
    :raises PermanentFault: it is gone, or another try of the stage has written it anew, or it cannot be read.
    """
    stage = facts.stage
    content = _checked(folder, f"{stage}.json", reference.sha256 if reference else None, stage)
    of_stage: type[Manifest[F]] = Manifest[facts]  # type: ignore[valid-type]
    try:
        manifest = of_stage.model_validate_json(content)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise PermanentFault(
            f"The run file {stage}.json cannot be read (`{place}`).", advice=f"Clear the run from `{stage}`."
        ) from None
    return StageOutput(folder, reference_to(folder, content, manifest), manifest)


def reference_to(folder: Folder, content: bytes, manifest: Manifest[F]) -> Reference:
    """What names a stage's output to other stages."""
    stage, counts = manifest.facts.stage, {**manifest.counts, **manifest.told}
    return Reference(stage=stage, manifest=f"{folder}/{stage}.json", sha256=sha256(content), counts=counts)


@dataclass(frozen=True)
class StageState:
    """How a stage of a run stands, and why."""

    stage: str
    how: How
    reason: str = ""


class RunReader:
    """What a run has left in its folder by now. What is not there (any more), or was changed by hand, is none."""

    def __init__(self, folder: Folder, attributes: Sequence[Attribute] = ATTRIBUTES) -> None:
        self.folder = folder
        self.attributes = attributes
        self.names = frozenset(folder.names())
        self._outputs: dict[str, StageOutput[Any] | None] = {}

    @property
    def is_empty(self) -> bool:
        return not self.names

    def output(self, facts: type[F]) -> StageOutput[F] | None:
        """The output of a stage, if it has finished."""
        if facts.stage not in self._outputs:
            self._outputs[facts.stage] = self._opened(facts)
        return self._outputs[facts.stage]

    def ended(self, stage: str) -> Ending | None:
        """How a stage ended without an output, if it did."""
        return _read(self._content(f"{stage}.ended.json"), _ENDING)

    def stages(self) -> list[StageState]:
        """All stages in their order."""
        return [self._stage(stage) for stage in STAGES]

    def at_work(self) -> str:
        """The stage that the run is at: the first that has not finished, ``report`` where nothing else is to come."""
        for stage in STAGES:
            if f"{stage}.json" not in self.names:
                ended = self.ended(stage)
                return stage if ended is None or ended.how == "failed" else "report"
        return "report"

    def waits_for_approval(self) -> tuple[str, ...]:
        """Why the run waits now for a person to approve its plan; empty where it does not.

        It does from when ``approve`` has asked until that has ended. A plan over a limit that nobody was asked about
        does not wait for a person, but for a worker.
        """
        if {"approve.json", "approve.ended.json", REPORT} & self.names:
            return ()
        plan, question = self.output(PlanFacts), _read(self._content(QUESTION), _QUESTION)
        asked = plan is not None and question is not None and question.plan == plan.reference.sha256
        return plan.facts.reasons if plan and asked else ()

    def findings(self) -> pd.DataFrame:
        """All findings of the run, those of refused writes among them; columns of ``FINDING_COLUMNS``."""
        import pandas as pd

        tables = [self.table(stage, "findings") for stage in (ValidateFacts, TransformFacts, PlanFacts)]
        written = [{**each.model_dump(), "stage": "load"} for each in self.results() if each.result == "rejected"]
        refused = pd.DataFrame(written, columns=list(FINDING_COLUMNS))
        found = [table for table in (*tables, refused) if table is not None and len(table)]
        return pd.concat(found, ignore_index=True) if found else refused

    def plan(self) -> PlanDocument | None:
        """Every planned change, without its values."""
        return _read(self._content_of(PlanFacts, "plan.json"), _PLAN)

    def results(self) -> list[WriteResult]:
        """What became of the planned changes that were tried."""
        of_stages = [self._content_of(stage, "results.json") for stage in (LoadFacts, DisableLeaversFacts)]
        return [result for content in of_stages for result in _read(content, _RESULTS) or ()]

    def table(self, facts: type[Facts], name: str) -> pd.DataFrame | None:
        """A table that a stage saved."""
        output = self.output(facts)
        try:
            return output.table(name) if output and f"{name}.parquet" in output.files else None
        except PermanentFault:
            return None

    def report(self) -> Report | None:
        """The report."""
        return self.read_report(REPORT)

    def read_report(self, name: str) -> Report | None:
        """A report in a file of its own name."""
        return _read(self._content(name), _REPORT)

    def reported_since(self, moment: datetime | None) -> bool:
        """Whether there is a report of the try of the run that began then: one that is cleared keeps its old report
        until a task of it begins."""
        report = self.report()
        return report is not None and (moment is None or report.finished_at >= moment)

    def errors_csv(self) -> bytes | None:
        """The list for a spreadsheet."""
        return self._content(ERRORS_CSV)

    def _stage(self, stage: str) -> StageState:
        if f"{stage}.json" in self.names:
            return StageState(stage, "done")
        if (ended := self.ended(stage)) is not None:
            return StageState(stage, ended.how, ended.reason)
        if stage == "approve" and self.waits_for_approval():
            return StageState(stage, "waiting", "The plan is over a limit.")
        return StageState(stage, "")

    def _opened(self, facts: type[F]) -> StageOutput[F] | None:
        if f"{facts.stage}.json" not in self.names:
            return None
        try:
            return open_output(self.folder, facts)
        except PermanentFault:
            return None

    def _content_of(self, facts: type[Facts], file: str) -> bytes | None:
        output = self.output(facts)
        try:
            return output.content(file) if output and file in output.files else None
        except PermanentFault:
            return None

    def _content(self, file: str) -> bytes | None:
        if file not in self.names:  # most are not, and a look at each would be a request to an object store
            return None
        try:
            return self.folder.read(file)
        except FileNotFoundError:
            return None


def _read(content: bytes | None, kind: TypeAdapter[T]) -> T | None:
    try:
        return None if content is None else kind.validate_json(content)
    except ValidationError:
        return None


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
