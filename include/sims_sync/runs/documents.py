"""The documents of a run, as its files hold them: what stages tell, how they ended, plan, results, report.

A field is called as its key in the file, but where that misleads (``held``). Keys that this version does not know are
passed over; what a later stage, a mail or a page needs must be there. Those of a plan are in ``runs.planned``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from sims_sync.model.change_kinds import Kind
from sims_sync.model.person import from_document, in_document
from sims_sync.store.content import as_json

STAGES = ("extract", "validate", "transform", "plan", "approve", "load", "approve_leavers", "disable_leavers", "report")
"""The stages in their order; each is a task of the DAG."""

Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC)),
    PlainSerializer(datetime.isoformat, return_type=str, when_used="json"),
]
"""A point in time, with its zone; one that every clock of the world can show."""

Count = Annotated[int, Field(ge=0, lt=10**12)]
"""How many records or accounts."""

PersonId = Annotated[str, BeforeValidator(from_document), PlainSerializer(in_document, when_used="json")]
"""The key of a person, in JSON a number where it is one."""

Outcome = Literal["success", "failed", "held", "superseded", "dry_run", "paused"]
"""How a run ended."""

STANDING_STILL: frozenset[Outcome] = frozenset({"superseded", "paused"})
"""Outcomes of real runs that say nothing of how a school stands."""

NOTHING_WRITTEN: frozenset[Outcome] = frozenset({"held", "superseded", "dry_run", "paused"})
"""Outcomes of runs that mostly write nothing: their counts are the plan's, unless the report says otherwise."""


class Document(BaseModel):
    """What one JSON file holds, or a part of it. A value of another type than the field's is refused."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, populate_by_name=True)

    def as_json(self) -> bytes:
        """The content of its file."""
        return as_json(self.model_dump(mode="json", by_alias=True))


class Reference(Document):
    """What one task tells the next, and all that ever passes through XCom: never a value of a person.

    :param manifest: where the stage's manifest lies.
    :param sha256: its hash.
    """

    stage: str
    manifest: str
    sha256: str
    counts: dict[str, Count]


class RollVersion(Document):
    """Which roll a run has: that of an effective date, as SIMS had it at some time."""

    effective_date: date
    extracted_at: Moment

    @property
    def words(self) -> str:
        return f"the roll of {self.effective_date}, extracted at {self.extracted_at:%Y-%m-%d %H:%M:%S} UTC"


class Facts(Document):
    """Small facts that a stage tells the later ones; never a value of a person."""

    stage: ClassVar[str]


class ExtractFacts(Facts, RollVersion):
    """Which roll was fetched."""

    stage = "extract"


class ValidateFacts(ExtractFacts):
    """:param no_leaver_check: why nobody is disabled, if so; ``only_person_ids``: for whom alone the run is, if so."""

    stage = "validate"
    no_leaver_check: str | None = None
    only_person_ids: tuple[PersonId, ...] | None = Field(default=None, exclude_if=lambda people: people is None)


class TransformFacts(ValidateFacts):
    """:param off: columns of the attributes that the school does not send."""

    stage = "transform"
    off: tuple[str, ...] = Field(default=(), exclude_if=lambda off: not off)


class MeasuredLimit(Document):
    """How near a plan came to a limit.

    :param limit: its key in the configuration.
    :param count: accounts or records that the limit counts, of ``base``.
    :param allowed: the largest within it.
    :param attribute: for ``clear``, the attribute that is lost.
    """

    limit: str
    count: Count
    base: Count
    allowed: Count
    attribute: str | None = None
    exceeded: bool


class PlanFacts(TransformFacts):
    """What was planned, and against what it was measured.

    :param directory: the base URL of the directory that the plan is for.
    :param lacking: names of what the directory has no place for that can be written.
    :param unnamed_genders: whether a gender would be written, if anybody named the directory's.
    :param students: student accounts that the directory lists.
    :param reasons: why the plan is held until a person approves it; ``departure_reasons``: why its departures are.
    :param expected: how many departures are expected, by the window of the school's year; ``departing``: how many would
        leave of each group (``changes.departing``), the largest first.
    :param superseded: why the run must not write, where a newer roll was applied.
    :param mark_seen: whether the school had a mark then.
    :param rejected: the records that the run rejects (``changes.guards.Rejected``).
    """

    stage = "plan"
    directory: str
    knows_extension: bool
    lacking: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    unnamed_genders: bool = Field(default=False, exclude_if=lambda unnamed: not unnamed)
    students: Count = Field(default=0, exclude_if=lambda number: not number)
    limits: tuple[MeasuredLimit, ...]
    reasons: tuple[str, ...] = Field(validation_alias="held", serialization_alias="held")
    departure_reasons: tuple[str, ...] = Field(default=(), exclude_if=lambda reasons: not reasons)
    expected: dict[str, Count] = Field(default_factory=dict, exclude_if=lambda windows: not windows)
    departing: dict[str, Count] = Field(default_factory=dict, exclude_if=lambda groups: not groups)
    superseded: str | None
    mark_seen: bool
    rejected: dict[str, Count]


class ApproveFacts(Facts):
    """Which plan was let through, and by whom.

    :param asked: whether a person was asked.
    :param approved_by: their name.
    :param without_departures: whether all but the departures was let through.
    """

    stage = "approve"
    plan: Reference
    asked: bool = Field(validation_alias="held", serialization_alias="held")
    approved_by: str | None = None
    without_departures: bool = Field(default=False, exclude_if=lambda without: not without)


class ApproveLeaversFacts(Facts):
    """That the departures were let through, and by whom.

    :param loaded: what ``load`` told.
    :param asked: whether a person was asked about them, here or at ``approve``.
    :param approved_by: their name.
    """

    stage = "approve_leavers"
    loaded: Reference
    asked: bool = Field(validation_alias="held", serialization_alias="held")
    approved_by: str | None = None


class _WriteFacts(Facts):
    """What was written: all of it in the results.

    :param approved: what ``approve`` told.
    :param set_mark: whether the mark was set, as by every run but one of some students alone.
    """

    approved: Reference
    set_mark: bool = True


class LoadFacts(_WriteFacts):
    """:param newly_refused: records that the directory refused, and not so in the last applied run."""

    stage = "load"
    newly_refused: int = Field(default=0, exclude_if=lambda number: not number)


class DisableLeaversFacts(_WriteFacts):
    stage = "disable_leavers"


F = TypeVar("F", bound=Facts)

FACTS: dict[str, type[Facts]] = {
    each.stage: each
    for each in (
        ExtractFacts,
        ValidateFacts,
        TransformFacts,
        PlanFacts,
        ApproveFacts,
        LoadFacts,
        ApproveLeaversFacts,
        DisableLeaversFacts,
    )
}
"""The facts of each stage that saves an output: all but ``report``."""


class Manifest(Document, Generic[F]):
    """``<stage>.json``: what a stage saved. It is written last, so that a stage that has one has finished.

    :param told: those of the counts that are others for who may only read.
    :param files: the hash of each file in the stage's folder, by name.
    """

    stage: str
    saved_at: Moment
    counts: dict[str, Count]
    told: dict[str, Count] = Field(default_factory=dict, exclude_if=lambda told: not told)
    facts: F
    files: dict[str, str]


class WriteResult(Document):
    """An entry of ``<stage>/results.json``: what became of one planned change (``changes.apply.Result``).

    :param prose: the directory's own words, which can name people: for those who may edit.
    """

    kind: Kind
    person_id: PersonId | None
    school_identifier: str | None
    account_id: str | None
    result: Literal["done", "rejected", "failed"]
    code: str | None = None
    detail: str | None = None
    prose: str | None = Field(default=None, repr=False, exclude_if=lambda prose: prose is None)


class ReportedWarning(Document):
    """A record with something to correct.

    :param message: the reason.
    :param correct: what to correct, in words for a school office.
    :param where: the panels of SIMS's student details to open; empty where it is not SIMS that is to be corrected.
    """

    person_id: PersonId | None
    school_identifier: str | None
    stage: str
    code: str
    message: str
    correct: str
    where: str = Field(default="", exclude_if=lambda where: not where)


class ReportedError(ReportedWarning):
    """A record that was not imported.

    :param failing_since: the effective date since which it fails so.
    """

    failing_since: date | None


class Solved(Document):
    """A failure that is no more; ``record`` is the Person ID, or the admission number where there was none."""

    record: str
    code: str
    failing_since: date


class Report(Document):
    """``report.json``: what a run did. Others build on its keys.

    :param reason: why it ended so, in words without a value; empty for a success.
    :param partial: whether the run was for some students alone: ``only_person_ids``. The file has both only then.
    :param dry_run: whether nothing was to be written, however it ended. The file has it only then.
    :param notes: what a reader must know of the whole run.
    :param planned_only: whether the counts are those of the plan, as nothing was written; none: an earlier version did
        not say.
    """

    school: str
    run_id: str
    effective_date: date | None
    outcome: Outcome
    reason: str
    partial: bool = Field(default=False, exclude_if=lambda partial: not partial)
    only_person_ids: tuple[PersonId, ...] | None = Field(default=None, exclude_if=lambda people: people is None)
    dry_run: bool = Field(default=False, exclude_if=lambda dry_run: not dry_run)
    notes: tuple[str, ...]
    counts: dict[str, Count]
    errors: tuple[ReportedError, ...]
    warnings: tuple[ReportedWarning, ...]
    solved: tuple[Solved, ...] = ()
    planned_only: bool | None = Field(default=None, exclude_if=lambda planned: planned is None)
    started_at: Moment
    finished_at: Moment

    @property
    def is_trial(self) -> bool:
        """Whether it was a dry run, or a run for some students alone."""
        return self.partial or self.dry_run or self.outcome == "dry_run"

    @property
    def decides(self) -> bool:
        """Whether it says how the school stands: it was whole and real, and for the newest roll."""
        return not self.is_trial and self.outcome not in STANDING_STILL

    @property
    def wrote_nothing(self) -> bool:
        """Whether the counts are what the plan would have done."""
        return self.outcome in NOTHING_WRITTEN if self.planned_only is None else self.planned_only
