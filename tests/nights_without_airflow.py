"""Nights without Airflow: the stages of a run one after the other, as the DAG has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from sims_sync.airflow.connections import directory_endpoint, sims_client
from sims_sync.model.errors import SyncError
from sims_sync.night import planning, preparing
from sims_sync.night.applying import disable_leavers, load
from sims_sync.night.approval import GATES
from sims_sync.night.parameters import read_parameters
from sims_sync.night.reporting import Reported, report_run
from sims_sync.night.run import Run, Skipped, recorded
from sims_sync.night.school import find_school
from sims_sync.runs.documents import Reference
from sims_sync.runs.files import RunFiles
from sims_sync.runs.standing import REJECT
from sims_sync.runs.state import SchoolState
from sims_sync.sources.choice import Choice
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.store.folder import Folder
from sims_sync.store.layout import run_folder

Stage = Callable[[Run, Reference | None], Reference]


def let_through(stage: str) -> Stage:
    """Lets a plan through, whatever it is."""
    return lambda run, told: GATES[stage].open(run, told).let_through(asked=False)


def answered(stage: str, option: str | None, by: str | None) -> Stage:
    """Answers what a stage asks, if it does.

    :param option: none: the first.
    :param by: who answers; none: nobody does in time.
    """

    def answer(run: Run, told: Reference | None) -> Reference:
        gate = GATES[stage].open(run, told)
        return gate.passes() or gate.decide(option or gate.options[0] if by else REJECT, by)

    return answer


WORK: Mapping[str, Stage] = {
    "extract": lambda run, _: preparing.extract(run),
    "validate": preparing.validate,
    "transform": preparing.transform,
    "plan": planning.plan,
    "approve": let_through("approve"),
    "load": load,
    "approve_leavers": let_through("approve_leavers"),
    "disable_leavers": disable_leavers,
}
"""What each stage does with what the one before it told, in their order; `report` comes after them all."""


@dataclass(frozen=True)
class Night:
    """How a run went.

    :param states: how each stage ended, by name, in Airflow's words.
    :param fault: what ended the run, if something did.
    :param reported: none where the school was skipped.
    """

    states: dict[str, str]
    fault: SyncError | None
    reported: Reported | None


def run_of(store: Folder, school_id: str, run_id: str, effective_date: date, **parameters: Any) -> Run:
    """A run of a configured school, by its Airflow connections."""
    school = find_school(school_id)
    unasked = Choice(off=school.unsent).unasked
    client = partial(sims_client, school.sims_connection)
    source = Sims(client, school.la, school.estab, school.sims.names, unasked)
    given = {"effective_date": effective_date.isoformat(), **parameters}
    return Run(
        school=school,
        run_id=run_id,
        parameters=read_parameters(given, school, datetime.now(UTC), source.key),
        files=RunFiles(run_folder(store, school_id, run_id)),
        state=SchoolState(store, school_id),
        source=source,
        open_directory=lambda: directory_endpoint(school.directory_connection),
    )


def run_night(run: Run, *, approved_by: str | None = None, answers: Mapping[str, str] = MappingProxyType({})) -> Night:
    """Run all stages.

    :param approved_by: who answers a plan that is held; none: nobody does.
    :param answers: what they answer, by stage; by default they approve all.
    """
    asking = {stage: answered(stage, answers.get(stage), approved_by) for stage in GATES}
    started_at, states, fault = datetime.now(UTC), dict[str, str](), None
    told: Reference | None = None
    after = ""
    for name, work in {**WORK, **asking}.items():
        if after:
            states[name] = after
            continue
        try:
            with recorded(run.files, name):
                told = work(run, told)
            states[name] = "success"
        except Skipped:
            states[name] = after = "skipped"
        except SyncError as error:
            states[name], after, fault = "failed", "upstream_failed", error
    try:
        with recorded(run.files, "report"):
            return Night({**states, "report": "success"}, fault, report_run(run, states, started_at))
    except Skipped:
        return Night({**states, "report": "skipped"}, fault, None)
