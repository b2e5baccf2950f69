"""The page of all schools: one line each, the one that needs us most at the top."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain

from sims_sync.config.school_entry import School
from sims_sync.model.findings import CODES
from sims_sync.runs.documents import STAGES
from sims_sync.runs.reading import RunReader
from sims_sync.store.folder import Folder
from sims_sync.store.layout import run_folder, run_name
from sims_sync.ui.airflow_runs import AirflowRun, DagState
from sims_sync.ui.charts import sparkline
from sims_sync.ui.history import SHOWN, RunSummary
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
    "pause": OUTCOMES["paused"],
    "success": Label("In order", "good"),
    "off": Label("Not synchronised", "quiet"),
}
"""How a school stands, the most urgent first."""

_ADVICE: dict[str, str] = {
    "failed": "When it is settled, clear the failed task in Airflow; or wait for the next night.",
    "held": "Settle the cause, then clear the run from `extract`; or wait for the next night.",
    "unreadable": "Look at its rights and its content in the store; or clear the run.",
}
"""What to do after what the run itself says."""

_ORDER = {key: place for place, key in enumerate(STANDINGS)}
_NEEDS_US: frozenset[Tone] = frozenset({"bad", "warn"})


@dataclass(frozen=True)
class Line:
    """One school.

    :param standing: a key of :data:`STANDINGS`.
    :param why: in words without a value.
    :param advice: what to do.
    :param latest: the newest run that decides how the school stands.
    :param since: the newest run with a report, where it is another one that came after: a trial, or one that stood
        still.
    :param active: the run that goes on now; of several the one that waits for an answer.
    :param lost: the run that failed and left no report; empty where none did.
    :param waits_at: the stage of it that waits for an answer; empty where none does.
    """

    school: School
    standing: str
    why: str
    advice: str
    latest: RunSummary | None
    since: RunSummary | None
    active: AirflowRun | None
    late: bool
    paused: bool
    lost: str = ""
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
    def failed_task(self) -> str:
        """The task at which the newest run that decides failed; empty where it did not, or does not say."""
        stage = self.latest.reason.partition(":")[0] if self.latest and self.standing in ("failed", "held") else ""
        return stage if stage in STAGES else ""

    @property
    def summary(self) -> str:
        """The small picture in words."""
        shown = self.runs[:SHOWN]
        failed = sum(run.label.tone in _NEEDS_US for run in shown)
        return f"last {len(shown)} runs: {failed} failed or held"


def lines(
    schools: Collection[School],
    runs: Mapping[str, list[RunSummary]],
    dags: Mapping[str, DagState],
    root: Folder,
    now: datetime | None = None,
    *,
    scheduled: bool = True,
) -> list[Line]:
    """All schools, the most urgent first.

    :param runs: of each school, the newest first.
    :param dags: what Airflow knows, by DAG id.
    :param scheduled: whether Airflow's scheduler works: without it no run begins, which is not each school's fault.
    """
    moment = now or datetime.now(UTC)
    made = [
        line(school, runs.get(school.id, []), dags.get(school.dag_id), root, moment, scheduled=scheduled)
        for school in schools
    ]
    return sorted(made, key=lambda each: (_ORDER[each.standing], -_rejected(each), each.school.name.casefold()))


def line(
    school: School,
    runs: Sequence[RunSummary],
    dag: DagState | None,
    root: Folder,
    now: datetime,
    *,
    scheduled: bool = True,
) -> Line:
    """How one school stands.

    :param scheduled: whether Airflow's scheduler works.
    """
    active, files = _at_work(root, school, dag.active) if dag and dag.active else (None, None)
    paused = bool(dag and dag.paused)
    late = scheduled and not paused and school.synchronised and dag is not None and _is_late(school, runs, dag, now)
    waits = files.waits_for_approval() if files else ()
    standing, why, advice = _standing(school, runs, dag, waits, school.due_before(now) if late else None)
    latest = next((run for run in runs if run.decides), None)
    return Line(
        school=school,
        standing=standing,
        why=why,
        advice=advice,
        latest=latest,
        since=next((run for run in runs[:1] if run is not latest), None),
        active=active,
        late=late,
        paused=paused,
        lost=lost.run_id if dag and (lost := _without_report(runs, dag)) else "",
        waits_at=files.waits_at() if files else "",
        pictures=sparkline(runs),
        runs=runs,
    )


def _at_work(root: Folder, school: School, active: Sequence[AirflowRun]) -> tuple[AirflowRun, RunReader]:
    """The run that goes on, with its files: of several the one that waits for a person, else the first."""
    looked_at = ((run, RunReader(run_folder(root, school.id, run.run_id))) for run in active)
    first = next(looked_at)
    return next((each for each in chain((first,), looked_at) if each[1].waits_at()), first)


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
    deciding = next((run for run in runs if run.decides), None)
    if deciding is not None and deciding.outcome in _ADVICE:
        return deciding.outcome, deciding.reason, _ADVICE[deciding.outcome]
    if late_since is not None:
        why = f"A run was due on {late_since:%d %b at %H:%M %Z}, and none has begun since."
        return "late", why, "Look whether Airflow's scheduler works, and whether an earlier run goes on."
    if dag.paused:
        return "paused", "The DAG is paused: no night runs.", "Unpause the DAG when the school should be synchronised."
    return _at_rest([run for run in runs if not run.is_trial], deciding, runs, dag)


def _at_rest(
    real: Sequence[RunSummary], deciding: RunSummary | None, runs: Sequence[RunSummary], dag: DagState
) -> tuple[str, str, str]:
    """How a school stands of which nothing is urgent.

    :param real: its runs that are no trials.
    :param deciding: the newest run that says how it stands.
    """
    if real and real[0].outcome == "paused":
        return "pause", real[0].reason, ""
    if deciding is not None:
        if deciding.rejected:
            return "to_fix", _to_fix(deciding), _most_common_correction(deciding)
        return deciding.outcome, deciding.reason, ""
    if real:
        return real[0].outcome, real[0].reason, ""
    if any(not run.is_trial for run in dag.active):
        return "first", "", ""
    return "new", "It was only tried so far: no whole, real run has ended." if runs else "", ""


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
    known: list[RunSummary | AirflowRun] = [*runs, *dag.runs]
    begun = [(run.is_trial, run.started_at) for run in known if run.started_at]
    real = [at for is_trial, at in begun if not is_trial]
    began = real or [at for _, at in begun]  # a school that was only tried is late when a night was due since
    return bool(began) and max(began) < due


def _rejected(each: Line) -> int:
    return each.latest.rejected if each.latest else 0
