"""The one reader of a run's folder, for tasks, mails and pages: what each stage left, and how the run stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.change_kinds import LEAVER_KINDS
from sims_sync.model.errors import PermanentFault
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.runs.documents import (
    STAGES,
    DisableLeaversFacts,
    F,
    Facts,
    LoadFacts,
    Manifest,
    PlanFacts,
    Reference,
    Report,
    TransformFacts,
    ValidateFacts,
    WriteResult,
)
from sims_sync.runs.picking import of_person
from sims_sync.runs.planned import PlanDocument
from sims_sync.runs.standing import ANSWERS, QUESTIONS, Answer, Ending, Question, StageState
from sims_sync.store.content import sha256
from sims_sync.store.folder import Folder, Unreadable

if TYPE_CHECKING:
    import pandas as pd

REPORT, ERRORS_CSV = "report.json", "errors.csv"

T = TypeVar("T")

_ANSWERS = TypeAdapter(list[Answer])
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
        """The table that the stage saved under this name.

        :raises PermanentFault: it is gone, is not the one that the stage wrote, or is no table.
        """
        from sims_sync.runs.run_tables import as_saved  # it takes pandas

        content, stage = self.content(f"{name}.parquet"), self.facts.stage
        try:
            return as_saved(content)
        except ValueError:
            told = f"The run file {name}.parquet of `{stage}` cannot be read."
            raise PermanentFault(told, advice=f"Clear the run from `{stage}`.") from None

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


class RunReader:
    """What a run has left in its folder by now. What is not there (any more), or was changed by hand, is none.

    :param only: a person's key: of plan and results nothing else is read.
    :param unreadable: files that were asked for and cannot be read, or were changed by hand; or the folder's own name.
    """

    def __init__(self, folder: Folder, attributes: Sequence[Attribute] = ATTRIBUTES, only: str | None = None) -> None:
        self.folder, self.attributes, self._only = folder, attributes, only
        self.unreadable: set[str] = set()
        self.names: frozenset[str] = frozenset()
        try:
            self.names = frozenset(folder.names())
        except Unreadable:
            self.unreadable.add(folder.name)
        self._outputs: dict[str, StageOutput[Any] | None] = {}

    @property
    def is_empty(self) -> bool:
        return not self.names and not self.unreadable

    def output(self, facts: type[F]) -> StageOutput[F] | None:
        """The output of a stage, if it has finished."""
        if facts.stage not in self._outputs:
            self._outputs[facts.stage] = self._opened(facts)
        return self._outputs[facts.stage]

    def ended(self, stage: str) -> Ending | None:
        """How a stage ended without an output, if it did."""
        return self._read(f"{stage}.ended.json", _ENDING)

    def stages(self) -> list[StageState]:
        """All stages in their order."""
        return [self._stage(stage) for stage in STAGES]

    def at_work(self) -> str:
        """The stage that the run is at: the first that has not finished, or ``report``."""
        for stage in STAGES:
            if f"{stage}.json" not in self.names:
                ended = self.ended(stage)
                return stage if ended is None or ended.how == "failed" else "report"
        return "report"

    def waits_for_approval(self) -> tuple[str, ...]:
        """Why the run waits now for a person to approve its plan, or its departures; empty where it does not."""
        plan, stage = self.output(PlanFacts), self.waits_at()
        if plan is None or not stage:
            return ()
        return plan.facts.reasons if stage == "approve" else plan.facts.departure_reasons

    def waits_at(self) -> str:
        """The stage at which a person is waited for now; empty where nobody is.

        One is from when the stage has asked until it has ended; a plan that nobody was asked about waits for a worker.
        """
        plan = self.output(PlanFacts) if REPORT not in self.names else None
        for stage in QUESTIONS if plan else ():
            question = self.question(stage)
            asked = plan is not None and question is not None and question.plan == plan.reference.sha256
            if asked and not {f"{stage}.json", f"{stage}.ended.json"} & self.names:
                return stage
        return ""

    def question(self, stage: str) -> Question | None:
        """What a stage has asked a person."""
        return self._read(QUESTIONS[stage], _QUESTION)

    def answers(self) -> list[Answer]:
        """What people have answered in the run, whatever became of it."""
        return self._read(ANSWERS, _ANSWERS) or []

    def findings(self) -> pd.DataFrame:
        """All findings of the run, those of refused records among them; columns of ``FINDING_COLUMNS``."""
        import pandas as pd

        tables = [self.table(stage, "findings") for stage in (ValidateFacts, TransformFacts, PlanFacts)]
        records = [each for each in self.results() if each.result == "rejected" and each.kind not in LEAVER_KINDS]
        written = [{**each.model_dump(), "stage": "load"} for each in records]
        refused = pd.DataFrame(written, columns=list(FINDING_COLUMNS))
        found = [table for table in (*tables, refused) if table is not None and len(table)]
        return pd.concat(found, ignore_index=True) if found else refused

    def plan(self) -> PlanDocument | None:
        """Every planned change, without its values."""
        return self.read_of(PlanFacts, "plan.json", _PLAN)

    def results(self) -> list[WriteResult]:
        """What became of the planned changes that were tried."""
        of_stages = [self.read_of(stage, "results.json", _RESULTS) for stage in (LoadFacts, DisableLeaversFacts)]
        return [result for results in of_stages for result in results or ()]

    def table(self, facts: type[Facts], name: str) -> pd.DataFrame | None:
        """A table that a stage saved."""
        from sims_sync.runs.run_tables import as_looked_at  # it takes pandas

        output, file = self.output(facts), f"{name}.parquet"
        if output is None or file not in output.files:
            return None
        try:
            table = as_looked_at(name, output.table(name))
        except PermanentFault:
            table = None
        if table is None:
            self.unreadable.add(f"{facts.stage}/{file}")
        return table

    def report(self) -> Report | None:
        """The report."""
        return self.read_report(REPORT)

    def read_report(self, name: str) -> Report | None:
        """A report in a file of its own name."""
        return self._read(name, _REPORT)

    def reported_since(self, moment: datetime | None) -> bool:
        """Whether there is a report of the try that began then: a cleared run keeps its old one until a task begins."""
        report = self.report()
        return report is not None and (moment is None or report.finished_at >= moment)

    def errors_csv(self) -> bytes | None:
        """The list for a spreadsheet, which is a report's."""
        content = self._content(ERRORS_CSV) if REPORT in self.names else None
        try:
            return content.decode().encode() if content is not None else None
        except UnicodeDecodeError:
            self.unreadable.add(ERRORS_CSV)
            return None

    def _stage(self, stage: str) -> StageState:
        if f"{stage}.json" in self.names:
            return StageState(stage, "done")
        if (ended := self.ended(stage)) is not None:
            return StageState(stage, ended.how, ended.reason)
        if stage == self.waits_at():
            return StageState(stage, "waiting", "A person must approve it.")
        return StageState(stage, "")

    def _opened(self, facts: type[F]) -> StageOutput[F] | None:
        if f"{facts.stage}.json" not in self.names:
            return None
        try:
            return open_output(self.folder, facts)
        except PermanentFault:
            self.unreadable.add(f"{facts.stage}.json")
            return None

    def read_of(self, facts: type[Facts], file: str, kind: TypeAdapter[T]) -> T | None:
        """A document in a stage's folder."""
        output = self.output(facts)
        if output is None or file not in output.files:
            return None
        try:
            content = output.content(file)
            return kind.validate_json(of_person(content, self._only) if self._only else content)
        except (PermanentFault, ValidationError):
            self.unreadable.add(f"{facts.stage}/{file}")
            return None

    def _read(self, file: str, kind: TypeAdapter[T]) -> T | None:
        """A document in the run's folder."""
        content = self._content(file)
        try:
            return None if content is None else kind.validate_json(content)
        except ValidationError:
            self.unreadable.add(file)
            return None

    def _content(self, file: str) -> bytes | None:
        if file not in self.names:  # most are not, and a look at each would be a request to an object store
            return None
        try:
            return self.folder.read(file)
        except FileNotFoundError:
            return None
        except Unreadable:
            self.unreadable.add(file)
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
        told = f"The run file {file} is not the one that `{stage}` wrote for this task."
        raise PermanentFault(told, advice=f"Clear the run from `{stage}`.")
    return content
