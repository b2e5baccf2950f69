"""What a stage writes down in the register: before it writes to the directory, and when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from sims_sync.changes.change import Change
from sims_sync.changes.checking import LEFT_AS_IT_WAS
from sims_sync.changes.result import Result
from sims_sync.model.change_kinds import Kind
from sims_sync.night.run import Run
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.register import Entry, Register, Written

_Key = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Registering:
    """What one stage of a run does to accounts, for the register.

    :param plan: what was planned.
    :param approved_by: who approved it; none where nobody was asked.
    :param kinds: those of the stage.
    :param changes: what it is about to write, without those of which nobody may hear who may only read.
    """

    run: Run
    plan: StageOutput[PlanFacts]
    approved_by: str | None
    kinds: frozenset[Kind]
    changes: Sequence[Change]

    def begin(self) -> list[Entry]:
        """Write down what is about to be written, so that a task that is killed is not forgotten.

        :returns: what earlier tries had written down.
        """
        earlier = self._register.of_plan(self._written, self.kinds)
        now = datetime.now(UTC)
        begun = {_key_of(change): self._entry(change, now) for change in self.changes}
        self._register.write_down(
            self._written, self.kinds, {**begun, **{_key(each): each for each in earlier}}.values()
        )
        return earlier

    def end(self, results: Sequence[Result], earlier: Sequence[Entry]) -> None:
        """Write down what has been done.

        :param earlier: what earlier tries had written down.
        """
        now, known = datetime.now(UTC), {_key(each): each for each in earlier}
        told = {_key_of_result(each): each for each in results}
        for change in self.changes:
            key = _key_of(change)
            after = self._after(change, told.get(key), known.pop(key, None), now)
            if after is not None:
                known[key] = after
        self._register.write_down(self._written, self.kinds, known.values())

    def _after(self, change: Change, result: Result | None, earlier: Entry | None, now: datetime) -> Entry | None:
        """What is known of a change. What was done stays done; a failed write may have got through."""
        if result is None or (earlier is not None and earlier.done):
            return earlier
        if result.result == "rejected" or result.detail == LEFT_AS_IT_WAS:
            return None
        account = result.account_id or change.account_id
        return replace(self._entry(change, now), account_id=account, done=result.result == "done")

    def _entry(self, change: Change, at: datetime) -> Entry:
        return Entry(
            kind=change.kind,
            person_id=change.person_id,
            school_identifier=change.school_identifier,
            account_id=change.account_id,
            cause=change.cause,
            run_id=self.run.run_id,
            plan=self._written.plan,
            approved_by=self.approved_by,
            at=at,
            done=False,
        )

    @cached_property
    def _register(self) -> Register:
        return Register(self.run.state.root, self.run.state.school_id)

    @cached_property
    def _written(self) -> Written:
        return Written(self.run.run_id, self.plan.reference.sha256, self.plan.saved_at)


def _key_of(change: Change) -> _Key:
    return change.kind, change.person_id, change.account_id


def _key(entry: Entry) -> _Key:
    """Whose account it is; a new one has an id only when it is there."""
    return entry.kind, entry.person_id, None if entry.kind == "create" else entry.account_id


def _key_of_result(result: Result) -> _Key:
    return result.kind, result.person_id, None if result.kind == "create" else result.account_id
