"""All that waits for a person, of all schools: by kind of reason, with counts, groups, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sims_sync.changes.departing import in_words
from sims_sync.changes.guards import OF_DEPARTURES
from sims_sync.config.school_entry import School
from sims_sync.model.change_kinds import LEAVER_KINDS
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.reading import RunReader
from sims_sync.runs.standing import APPROVE
from sims_sync.store.content import sha256
from sims_sync.store.folder import Folder
from sims_sync.ui.airflow_runs import DagState
from sims_sync.ui.run_page import lapses_at
from sims_sync.ui.seen import seen

PARKED_AFTER = timedelta(seconds=30)
"""Airflow 3.3 fails a task that is answered before its scheduler has noticed that the worker is done with it."""


@dataclass(frozen=True)
class WaitingKind:
    """Schools that wait for the same kind of reason.

    :param together: whether those that are ticked may be approved together.
    """

    key: str
    words: str
    together: bool


DEPARTURES = WaitingKind("departures", "Departures over a limit", together=True)
JOINERS = WaitingKind("joiners", "New accounts over a limit", together=True)
ALONE = WaitingKind("alone", "To be looked at one by one", together=False)
KINDS = (DEPARTURES, JOINERS, ALONE)


@dataclass(frozen=True)
class Waiting:
    """A school that waits.

    :param stage: which stage has asked.
    :param plan: the hash of the plan that was asked about.
    :param counts: what would be done, in words.
    :param leaving: how many would leave of each group, in words.
    :param may_answer: whether the user may edit the school's DAG.
    :param parked: whether Airflow is ready for an answer.
    """

    school: School
    run_id: str
    stage: str
    plan: str
    kind: WaitingKind
    reasons: Sequence[str]
    counts: str
    leaving: str
    lapses_at: datetime | None
    may_answer: bool
    parked: bool

    @property
    def tick(self) -> str:
        """What a tick sends: which question of which plan."""
        return sha256("\n".join((self.school.dag_id, self.run_id, self.stage, self.plan)).encode())

    @property
    def option(self) -> str:
        return APPROVE


def all_that_waits(
    root: Folder, schools: Sequence[School], states: Mapping[str, DagState], editable: set[str]
) -> list[Waiting]:
    """What waits of these schools, that which lapses first at the top.

    :param states: of their DAGs.
    :param editable: the DAGs that the user may edit.
    """
    found = [
        waiting
        for school in schools
        if (state := states.get(school.dag_id)) is not None
        for run in state.runs
        if run.active
        and (waiting := _waiting(root, school, run.run_id, may_answer=school.dag_id in editable)) is not None
    ]
    return sorted(found, key=lambda each: (each.lapses_at or datetime.max.replace(tzinfo=UTC), each.school.name))


def by_kind(waiting: Sequence[Waiting]) -> list[tuple[WaitingKind, list[Waiting]]]:
    """The kinds of which there are some."""
    groups = [(kind, [each for each in waiting if each.kind is kind]) for kind in KINDS]
    return [(kind, some) for kind, some in groups if some]


def _waiting(root: Folder, school: School, run_id: str, *, may_answer: bool) -> Waiting | None:
    files = seen(root, school.id, run_id, may_edit=False)
    plan, stage = files.output(PlanFacts), files.waits_at()
    question = files.question(stage) if stage else None
    if plan is None or question is None:
        return None
    return Waiting(
        school=school,
        run_id=run_id,
        stage=stage,
        plan=question.plan,
        kind=kind_of(plan.facts, stage),
        reasons=files.waits_for_approval(),
        counts=_counts(files, stage),
        leaving=in_words(plan.facts.departing),
        lapses_at=lapses_at(files),
        may_answer=may_answer,
        parked=question.asked_at + PARKED_AFTER < datetime.now(UTC),
    )


def kind_of(facts: PlanFacts, stage: str) -> WaitingKind:
    """Why a plan waits. Only what is ordinary is answered together with others: not what may be another school, another
    directory, a document that is empty, pairs to link, or more than half of a school.

    :param stage: which has asked.
    """
    exceeded = {each.limit for each in facts.limits if each.exceeded}
    if stage == "approve_leavers":
        return ALONE if facts.reasons or _is_more_than_limits(facts) else DEPARTURES
    only_joiners = exceeded == {"create"} and len(facts.reasons) == 1 and not facts.departure_reasons
    return JOINERS if only_joiners else ALONE


def _is_more_than_limits(facts: PlanFacts) -> bool:
    """Whether departures wait for another reason than a limit, or more than half of the school would leave, expected or
    not."""
    of_departures = [each for each in facts.limits if each.limit in OF_DEPARTURES]
    leaving = [(each.count, each.base) for each in of_departures]
    leaving += [(sum(facts.departing.values()), each.base) for each in of_departures if each.limit == "disable"]
    explained = sum(each.exceeded for each in of_departures)
    return len(facts.departure_reasons) > explained or any(count * 2 > base for count, base in leaving)


def _counts(files: RunReader, stage: str) -> str:
    words = {
        "create": "to create",
        "update": "to update",
        "enable": "to enable",
        "link": "to link",
        "disable": "to disable",
        "unlink_role": "to lose the role",
    }
    plan = files.output(PlanFacts)
    told = plan.told if plan else {}
    kinds = [kind for kind in words if stage == "approve" or kind in LEAVER_KINDS]
    return ", ".join(f"{told[kind]:,} {words[kind]}" for kind in kinds if told.get(kind))
