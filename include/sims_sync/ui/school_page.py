"""The page of a school: its history, its configuration, its mark and how near the last run came to its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from sims_sync.config.fields import MANUAL
from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.directory.learnt import Learnt
from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.errors import PermanentFault
from sims_sync.runs.documents import MeasuredLimit, PlanFacts
from sims_sync.runs.mark import Mark
from sims_sync.runs.state import SchoolState
from sims_sync.store.folder import Folder
from sims_sync.ui.charts import HistoryChart, history_chart
from sims_sync.ui.history import RunSummary
from sims_sync.ui.run_page import limits
from sims_sync.ui.schools_page import Line
from sims_sync.ui.seen import seen


@dataclass(frozen=True)
class Setting:
    """One key of the configuration in force.

    :param own: whether the school's own entry says it.
    """

    key: str
    value: str
    own: bool


@dataclass(frozen=True)
class InTheYear:
    """A window or a pause of the school's year.

    :param now: whether today is in it.
    """

    name: str
    words: str
    now: bool


@dataclass(frozen=True)
class SchoolPage:
    """What the page shows of a school.

    :param trouble: what of its state and its runs cannot be read.
    :param learnt: what was learnt of its directory, in words.
    :param year: the windows and pauses of the school's year.
    :param departed: accounts disabled in the last 7 days, how many of them a person approved, and how many were
        expected.
    """

    school: School
    line: Line
    runs: Sequence[RunSummary]
    chart: HistoryChart | None
    settings: Sequence[Setting]
    own_limits: Sequence[Setting]
    year: Sequence[InTheYear]
    mark: Mark | None
    departed: int
    departed_approved: int
    learnt: Sequence[str]
    departed_expected: int
    trouble: Sequence[str]
    limits: Sequence[MeasuredLimit]
    limits_of: RunSummary | None


def school_page(
    root: Folder,
    school: School,
    runs: Sequence[RunSummary],
    line: Line,
    *,
    may_edit: bool,
    own: frozenset[str] = frozenset(),
) -> SchoolPage:
    """What the page shows.

    :param own: the keys that the school's own entry has (``config.schools_file.said_by_schools``).
    :param may_edit: whether the user may edit the school's DAG.
    """
    state = SchoolState(root, school.id)
    trouble: list[str] = []
    mark, departures, learnt = None, [], None
    try:
        mark, departures, learnt = state.mark(), state.departures(datetime.now(UTC)), state.last_learnt()
    except PermanentFault as fault:
        trouble.append(str(fault))
    measured, measures, unreadable = _last_measures(root, school, runs, may_edit=may_edit)
    if unreadable:
        trouble.append(f"Not all of these runs can be read: {', '.join(unreadable)}.")
    return SchoolPage(
        school=school,
        line=line,
        runs=runs,
        chart=history_chart(runs) if runs else None,
        settings=settings(school, own, may_edit=may_edit),
        own_limits=_limits(school, own),
        year=_year(school, datetime.now(ZoneInfo(school.timezone)).date()),
        mark=mark,
        departed=sum(len(each.accounts) for each in departures),
        departed_approved=sum(len(each.accounts) for each in departures if each.approved),
        learnt=_learnt(learnt, may_edit=may_edit) if learnt else (),
        departed_expected=sum(len(each.expected) for each in departures),
        trouble=trouble,
        limits=measures,
        limits_of=measured,
    )


def _learnt(learnt: Learnt, *, may_edit: bool) -> list[str]:
    """What was learnt of the directory, in words. What tells health or poverty is for who may edit."""
    labels = {each.name: each.label for each in ATTRIBUTES}
    kept = [labels[name] for name, digests in learnt.kept.items() if digests and name in labels]
    hidden = [labels[name] for name in sorted(learnt.not_kept) if may_edit and name in labels]
    return [
        *learnt.words,
        *([f"It keeps these otherwise than they are written: {', '.join(kept)}."] if kept else []),
        *([f"It keeps these for nobody, and they are not written: {', '.join(hidden)}."] if hidden else []),
    ]


def settings(school: School, own: frozenset[str], *, may_edit: bool) -> list[Setting]:
    """The configuration in force, key by key; the connections, that follow from the id, among them.

    :param own: the keys that the school's own entry has.
    :param may_edit: whether accounts may be named: an account's id is the directory's, and can be an address.
    """
    values = {
        name: getattr(school, name)
        for name in sorted(type(school).model_fields, key=lambda name: name.endswith("_days"))
        if name not in ("limits", "withhold", "expected", "pause")
    }
    values["schedule"] = school.cron or MANUAL
    apart = [f"person {each.person_id} and {each.account}" for each in school.not_the_same]
    values["not_the_same"] = apart if may_edit or not apart else [f"{len(apart)}, told to those who may edit"]
    derived = {"connection of SIMS": school.sims_connection, "connection of the directory": school.directory_connection}
    return [
        *(Setting(name, _text(value), name in own) for name, value in values.items()),
        *(Setting(name, value, False) for name, value in derived.items()),
    ]


def _limits(school: School, own: frozenset[str]) -> list[Setting]:
    return [
        Setting(
            name,
            f"above {limit.floor} and above {limit.percent:g} %"
            + (f", or above {limit.count}" if limit.count is not None else ""),
            f"limits.{name}" in own,
        )
        for name, limit in dict(school.limits).items()
    ]


def _year(school: School, today: date) -> list[InTheYear]:
    entries: list[Window | Pause] = [*school.expected, *(pause for pause in school.pause if today <= pause.last)]
    return [InTheYear(each.name, each.words, each.covers(today)) for each in entries]


def _text(value: Any) -> str:
    if isinstance(value, BaseModel):
        own = value.model_dump(exclude_defaults=True)
        return "; ".join(f"{key}: {_text(each)}" for key, each in own.items()) or "standard"
    if isinstance(value, Mapping):
        words = {True: "on", False: "off"}
        return ", ".join(f"{key}: {words.get(each, each)}" for key, each in sorted(value.items())) or "all are sent"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _last_measures(
    root: Folder, school: School, runs: Sequence[RunSummary], *, may_edit: bool
) -> tuple[RunSummary | None, Sequence[MeasuredLimit], list[str]]:
    """The newest of the last runs that measured a plan, what it measured, and the runs whose plan cannot be read."""
    unreadable = [run.run_id for run in runs if run.outcome == "unreadable" and run.run_id]
    for run in runs[:5]:
        files = seen(root, school.id, run.run_id, may_edit=may_edit)
        if measures := limits(files.output(PlanFacts)):
            return run, measures, unreadable
        if files.unreadable and run.run_id not in unreadable:
            unreadable.append(run.run_id)
    return None, [], unreadable
