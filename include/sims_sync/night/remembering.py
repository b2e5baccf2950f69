"""What a run leaves for the next ones: what it learnt, what was refused, what it disabled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.checking import LEFT_AS_IT_WAS
from sims_sync.changes.on_roll import what_tells_apart
from sims_sync.changes.plan import Plan
from sims_sync.changes.result import Result
from sims_sync.directory.learnt import Learnt
from sims_sync.directory.refusals import answer_of
from sims_sync.directory.scim_client import Directory
from sims_sync.night import empty_rolls
from sims_sync.night.expected import kept_year_groups, known_year_groups
from sims_sync.night.run import Run
from sims_sync.runs.documents import PlanFacts, ValidateFacts
from sims_sync.runs.mark import Departures
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.state import Applied


def learn_shared(directory: Directory, results: list[Result], should: pd.DataFrame) -> None:
    """Learn of whom the directory made one account with another's."""
    shared = {each.person_id for each in results if each.code == "account_shared"}
    rows = should[should["person_id"].isin(shared)]
    told = {str(row["person_id"]): directory.learnt.digest(*what_tells_apart(row)) for _, row in rows.iterrows()}
    directory.learnt = directory.learnt.model_copy(update={"shared": {**directory.learnt.shared, **told}})


def remember_learnt(run: Run, directory: Directory) -> None:
    """Keep what was learnt of the directory; of another one nothing is kept, nor shown."""
    learnt = directory.learnt
    known = run.state.last_learnt() or Learnt(of=learnt.of)
    if learnt.model_dump(exclude={"key"}) != known.model_dump(exclude={"key"}):
        run.state.save_learnt(learnt)


def remember_pairs(run: Run, plan: StageOutput[PlanFacts]) -> None:
    """Keep which pairs the approved plan has shown: the next nights do not ask about them again."""
    if "pairs.parquet" in plan.files:
        pairs = plan.table("pairs")
        shown = zip(pairs["person_id"], pairs["account_id"], strict=True)
        run.state.save_shown_pairs(run.state.shown_pairs() | set(shown))


def remember_refused(run: Run, results: list[Result]) -> None:
    """Keep which records the directory refused, for the next run; of those whom this one was not for, what is known
    stays."""
    kept = {} if run.parameters.only_person_ids is None else dict(run.state.refused())
    for result in results:
        if result.person_id is not None:
            kept.pop(result.person_id, None)
            if result.code == "rejected_by_directory":
                kept[result.person_id] = answer_of(result.detail or "")
    run.state.save_refused(kept)


def remember_applied(run: Run, directory: Directory, listed: int, results: list[Result]) -> None:
    """Keep which directory was written to, how many student accounts it has now, and which documents held rows.

    :param listed: student accounts when it was planned.
    """
    created = sum(each.kind == "create" and each.result == "done" for each in results)
    run.state.save_applied(
        Applied(
            run_id=run.run_id,
            of=directory.learnt.of,
            students=listed + created,
            documents=empty_rolls.documents_held(run),
        )
    )
    empty_rolls.remember_students(run)


def remember_departed(run: Run, results: list[Result]) -> None:
    """Some directories list no account that is disabled. A disabling that is run again counts nobody twice."""
    if applied := run.state.applied():
        disabled = sum(each.result == "done" for each in results)
        run.state.save_applied(applied.model_copy(update={"disabled": disabled}))


@dataclass(frozen=True)
class History:
    """What a plan disables, for the limit of 7 days.

    :param plan: its hash.
    :param approved: whether a person approved its departures.
    :param changes: what it disables.
    """

    run: Run
    plan: str
    approved: bool
    changes: list[Change]

    def write_down_planned(self) -> frozenset[str]:
        """Write down what is about to be disabled, so that a task that is killed has counted it.

        :returns: what earlier tries of the task had written down.
        """
        earlier = frozenset(
            account
            for each in self.run.state.departures(datetime.now(UTC))
            if (each.run_id, each.plan) == (self.run.run_id, self.plan)
            for account in each.accounts
        )
        self._write_down(earlier | {str(change.account_id) for change in self.changes})
        return earlier

    def write_down_done(self, results: list[Result], earlier: frozenset[str]) -> None:
        """Write down what was disabled, in this try and (where it did not come to its end) in earlier ones.

        Whether a write that failed got through is not known: it counts, unless the account was seen to be active.
        """
        written = [each for each in results if each.result != "rejected" and each.detail != LEFT_AS_IT_WAS]
        self._write_down(earlier | {str(result.account_id) for result in written})

    def _write_down(self, accounts: frozenset[str]) -> None:
        expected = {str(change.account_id) for change in self.changes if change.window}
        self.run.state.save_departures(
            Departures(
                run_id=self.run.run_id,
                plan=self.plan,
                at=datetime.now(UTC),
                approved=self.approved,
                accounts=tuple(sorted(accounts)),
                expected=tuple(sorted(accounts & expected)),
            )
        )


def keep_year_groups(run: Run, plan: Plan) -> None:
    """Keep the last known year groups, by which later runs tell who is expected to leave."""
    if run.parameters.only_person_ids is None:
        roll = run.files.open(ValidateFacts).table("roll")
        known = known_year_groups(run.state.year_groups(), roll)
        run.state.save_year_groups(kept_year_groups(known, roll, plan))


def forget_year_groups(run: Run, results: list[Result]) -> None:
    """Forget the year groups of those whose account was disabled, or lost the role."""
    gone = {result.person_id for result in results if result.result == "done"}
    known = run.state.year_groups()
    run.state.save_year_groups({person: group for person, group in known.items() if person not in gone})
