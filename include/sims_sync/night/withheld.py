"""What is withheld in a run, and what of it was cleared: once, however often a run is repeated (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Collection

from sims_sync.changes.plan import Plan
from sims_sync.changes.result import Result
from sims_sync.changes.withholding import Withholding
from sims_sync.night.run import Run
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.withheld_values import LIST, WITHHELD


def withholding(run: Run) -> Withholding:
    """What is withheld now; of what is to be cleared, what was not yet."""
    done = run.state.cleared()
    to_clear = run.school.withheld(to_clear=True)
    clears = {person: columns - done.get(person, frozenset()) for person, columns in to_clear.items()}
    return Withholding(run.school.withheld(), clears, run.attributes)


def remember_cleared(run: Run, plan: Plan, source: StageOutput[PlanFacts], results: Collection[Result]) -> None:
    """Keep what was to be cleared, and is: a person may fill it again. What is not withheld any more is forgotten.

    :param plan: which was applied.
    """
    before, to_clear = run.state.cleared(), run.school.withheld(to_clear=True)
    if not before and not to_clear:
        return
    entries = LIST.validate_json(source.content(f"{WITHHELD}.json")) if f"{WITHHELD}.json" in source.files else []
    settled = _settled(plan, results)
    columns = {each.name: each.column for each in run.attributes}
    now = {each.person_id: {columns[name] for name in each.to_clear} for each in entries if each.person_id in settled}
    after = {
        person: (before.get(person, frozenset()) | now.get(person, set())) & wanted
        for person, wanted in to_clear.items()
    }
    cleared = {person: names for person, names in after.items() if names}
    if cleared != before:
        run.state.save_cleared(cleared)


def _settled(plan: Plan, results: Collection[Result]) -> set[str]:
    """Whose account is as the plan wants it now."""
    odd = plan.findings.loc[plan.findings["code"] == "account_not_readable", "person_id"]
    done = {result.person_id for result in results if result.result == "done" and result.person_id is not None}
    return done | (set(plan.unchanged) - set(odd))
