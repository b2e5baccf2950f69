"""The page of all schools: one line each, the one that needs us most at the top."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sims_sync.config.school_entry import School
from sims_sync.model.findings import CODES
from sims_sync.runs.reading import RunReader
from sims_sync.store.folder import Folder
from sims_sync.store.layout import run_folder, run_name
from sims_sync.ui.airflow_runs import AirflowRun, DagState
from sims_sync.ui.charts import sparkline
from sims_sync.ui.history import RunSummary
from sims_sync.ui.words import OUTCOMES, Label, Tone

LATE_AFTER = timedelta(hours=1)
"""A run that has not begun so long after it was due is late."""

STANDINGS: dict[str, Label] = {
    "waiting": Label("Waits for approval", "bad"),
    "failed": Label("Failed", "bad"),
    "unreadable": OUTCOMES["unreadable"],
    "no_report": Label("Failed, no report", "bad"),
    "held": OUTCOMES["held"],
    "no_dag": Label("Not in Airflow", "bad"),
    "late": Label("Late", "warn"),
    "paused": Label("Paused", "warn"),
    "to_fix": Label("Records to fix", "info"),
    "first": Label("First run under way", "info"),
    "new": Label("Has not run yet", "quiet"),
    "superseded": OUTCOMES["superseded"],
    "dry_run": OUTCOMES["dry_run"],
    "pause": OUTCOMES["paused"],
    "success": Label("In order", "good"),
    "off": Label("Not synchronised", "quiet"),
}
"""How a school stands, the most urgent first."""

_ORDER = {key: place for place, key in enumerate(STANDINGS)}
_NEEDS_US: frozenset[Tone] = frozenset({"bad", "warn"})


@dataclass(frozen=True)
class Line:
    """One school.

    :param standing: a key of :data:`STANDINGS`.
    :param why: in words without a value.
    :param advice: what to do.
    :param latest: the newest run with a report.
    :param active: the run that goes on now.
    :param waits_at: the stage of it that waits for an answer; empty where none does.
    """

    school: School
    standing: str
    why: str
    advice: str
    latest: RunSummary | None
    active: AirflowRun | None
    late: bool
    paused: bool
    waits_at: str = ""
    pictures: Mapping[Tone, str] = field(default_factory=dict)
    runs: Sequence[RunSummary] = ()

    @property
    def label(self) -> Label:
        return STANDINGS[self.standing]

    @property
    def needs_us(self) -> bool:
        return self.label.tone in _NEEDS_US

    @property
    def summary(self) -> str:
        """The small picture in words."""
        failed = sum(OUTCOMES[run.outcome].tone in _NEEDS_US for run in self.runs)
        return f"last {len(self.runs)} runs: {failed} failed or held"


def lines(
    schools: Collection[School],
    runs: Mapping[str, list[RunSummary]],
    dags: Mapping[str, DagState],
    root: Folder,
    now: datetime | None = None,
) -> list[Line]:
    """All schools, the most urgent first.

    :param runs: of each school, the newest first.
    :param dags: what Airflow knows, by DAG id.
    """
    moment = now or datetime.now(UTC)
    made = [line(school, runs.get(school.id, []), dags.get(school.dag_id), root, moment) for school in schools]
    return sorted(made, key=lambda each: (_ORDER[each.standing], -_rejected(each), each.school.name.casefold()))


def line(school: School, runs: Sequence[RunSummary], dag: DagState | None, root: Folder, now: datetime) -> Line:
    """How one school stands."""
    active = dag.active if dag else None
    paused = bool(dag and dag.paused)
    late = not paused and school.synchronised and dag is not None and _is_late(school, runs, dag, now)
    files = RunReader(run_folder(root, school.id, active.run_id)) if active else None
    waits = files.waits_for_approval() if files else ()
    standing, why, advice = _standing(school, runs, dag, waits, school.due_before(now) if late else None)
    return Line(
        school=school,
        standing=standing,
        why=why,
        advice=advice,
        latest=next(iter(runs), None),
        active=active,
        late=late,
        paused=paused,
        waits_at=files.waits_at() if files else "",
        pictures=sparkline(runs),
        runs=runs,
    )


def _standing(
    school: School, runs: Sequence[RunSummary], dag: DagState | None, waits: Sequence[str], late_since: datetime | None
) -> tuple[str, str, str]:
    """The most urgent thing of a school, why, and what to do.

    :param waits: why its plan waits for an approval now, if it does.
    """
    if waits:
        more = f" And {len(waits) - 1} more." if waits[1:] else ""
        return "waiting", waits[0] + more, "Approve or reject the plan under Required Actions."
    if not school.synchronised:
        return "off", "No platform module is enabled (`modules` is empty).", ""
    if dag is None:
        return "no_dag", "Airflow has no DAG for this school.", "See Airflow's import errors and the DAG processor."
    if (lost := _without_report(runs, dag)) is not None:
        why = f"The run {lost.run_id} failed and left no report."
        return "no_report", why, "Open the run in Airflow, and clear it from `extract` when the cause is settled."
    telling = next((run for run in runs if not run.is_trial), next(iter(runs), None))
    if telling is not None and telling.outcome in ("failed", "unreadable", "held"):
        return telling.outcome, telling.reason, ""
    if late_since is not None:
        why = f"A run was due on {late_since:%d %b at %H:%M}, and none has begun since."
        return "late", why, "Look whether Airflow's scheduler works, and whether an earlier run goes on."
    if dag.paused:
        return "paused", "The DAG is paused: no night runs.", "Unpause the DAG when the school should be synchronised."
    if telling is None:
        return ("first", "", "") if dag.active else ("new", "", "")
    return _at_rest(runs[0], telling)


def _at_rest(newest: RunSummary, telling: RunSummary) -> tuple[str, str, str]:
    """How a school stands of which nothing is urgent.

    :param telling: the newest run that says how it stands.
    """
    if newest.outcome == "paused":
        return "pause", newest.reason, ""
    if telling.rejected:
        return "to_fix", _to_fix(telling), _most_common_correction(telling)
    return telling.outcome, telling.reason, ""


def _without_report(runs: Sequence[RunSummary], dag: DagState) -> AirflowRun | None:
    newest = dag.newest
    if newest is None or newest.state != "failed":
        return None
    reported = {run.run_id for run in runs}  # of a report that cannot be read, the name of its folder, if that is known
    return None if {newest.run_id, run_name(newest.run_id), ""} & reported else newest


def _to_fix(run: RunSummary) -> str:
    codes = ", ".join(f"{count} {code}" for code, count in list(run.codes.items())[:3])
    since = f"; the oldest since {run.oldest:%d %b %Y}" if run.oldest else ""
    return f"{codes}{since}" if codes else f"{run.rejected} records"


def _most_common_correction(run: RunSummary) -> str:
    code = CODES.get(next(iter(run.codes), ""))
    return code.correct if code else ""


def _is_late(school: School, runs: Sequence[RunSummary], dag: DagState, now: datetime) -> bool:
    due = school.due_before(now)
    if due is None or now < due + LATE_AFTER:
        return False
    began = [at for at in (*(run.started_at for run in runs[:1]), *(run.started_at for run in dag.runs)) if at]
    return bool(began) and max(began) < due


def _rejected(each: Line) -> int:
    return each.latest.rejected if each.latest else 0
