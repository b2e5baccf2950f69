"""A plan over a limit waits for a person, or its departures do: what is asked, until when, and what follows from the
answer (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from croniter import croniter

from sims_sync.changes.departing import in_words
from sims_sync.changes.guards import allowed
from sims_sync.mails.mail import Mail
from sims_sync.mails.messages import Places, departures_held, plan_held
from sims_sync.model.errors import DeparturesNotApproved, NotApproved, PermanentFault
from sims_sync.night.gate import Gate, asked_in_markdown, counted
from sims_sync.night.run import Run
from sims_sync.runs.documents import (
    ApproveFacts,
    ApproveLeaversFacts,
    LoadFacts,
    PlanFacts,
    Reference,
    ValidateFacts,
)
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.standing import APPROVE, APPROVE_ALL, REJECT, WITHOUT_DEPARTURES

PLAN_LIFETIME = timedelta(hours=24)
"""A plan is applied within this time, or not at all (SPEC section 7)."""

_MARGIN = timedelta(hours=1)
"""An approval lapses so long before the next run is due (a tenth of the time that is left, if that is less): what was
approved must be written by then."""

_DEPARTURES = {
    "disable": "to disable",
    "unlink_role": "to lose the role only",
}
_KINDS = {
    "create": "to create",
    "update": "to update",
    "enable": "to enable again",
    "link": "to link to a student",
    **_DEPARTURES,
}


@dataclass(frozen=True)
class PlanGate(Gate):
    """``approve``: the whole plan waits. Where its departures are over a limit, too, only this one asks."""

    stage = "approve"

    @classmethod
    def open(cls, run: Run, told: Reference | None) -> Self:
        return cls(run, run.files.open(PlanFacts, told))

    @property
    def reasons(self) -> Sequence[str]:
        facts = self.plan.facts
        if not facts.reasons or self.run.parameters.dry_run or facts.superseded:
            return ()
        return (*facts.reasons, *facts.departure_reasons)

    @property
    def options(self) -> Sequence[str]:
        both = (APPROVE_ALL, WITHOUT_DEPARTURES, REJECT)
        return both if self.plan.facts.departure_reasons else (APPROVE, REJECT)

    @property
    def subject(self) -> str:
        return f"{self.run.school.name}: {self._asked()}?"

    def _asked(self) -> str:
        changes, people = sum(self.plan.told[kind] for kind in _KINDS), 0
        if not changes and "pairs.parquet" in self.plan.files:
            people = self.plan.table("pairs")["person_id"].nunique()
        if people:
            return f"{people:,} students to link to their accounts"
        return f"approve {changes:,} changes" if changes else "approve the plan"

    def question(self, lapses_at: datetime, page: str = "") -> str:
        rows = [
            *counted(self.plan, _KINDS),
            f"| unchanged | {self.plan.told['unchanged']:,} |",
            f"| records rejected | {self._rejected:,} |",
        ]
        say_yes = self.options[0]
        without = (
            f"**{WITHOUT_DEPARTURES}** creates, changes and enables, disables nobody, and the run ends as held; "
            if WITHOUT_DEPARTURES in self.options
            else ""
        )
        return asked_in_markdown(
            self,
            lapses_at,
            page,
            begins=f"The plan of {self.run.school.name} for the roll of {self.plan.facts.effective_date} is **held**. "
            "Nothing is written until it is approved.",
            rows=rows,
            choices=f"**{say_yes}** only if these numbers are what the school expects; {without}**{REJECT}** writes "
            "nothing and fails the run.",
        )

    @property
    def _rejected(self) -> int:
        """Records, as the report counts them: a person who is in SIMS twice is two."""
        validated = self.run.files.read().output(ValidateFacts)
        turned_away = validated.counts["extracted"] - validated.counts["accepted"] if validated else 0
        return turned_away + self.plan.told.get("reject", 0)

    def mail(self, lapses_at: datetime, places: Places) -> Mail:
        return plan_held(
            self.run.school,
            subject=self.subject,
            effective_date=self.plan.facts.effective_date.isoformat(),
            reasons=self.reasons,
            counts={words: self.plan.told[kind] for kind, words in _KINDS.items()},
            departing=in_words(self.plan.facts.departing),
            without_departures=WITHOUT_DEPARTURES in self.options,
            lapses_at=lapses_at,
            places=places,
        )

    def facts(self, *, asked: bool, option: str, by: str | None) -> ApproveFacts:
        without = option == WITHOUT_DEPARTURES
        return ApproveFacts(plan=self.plan.reference, asked=asked, approved_by=by, without_departures=without)

    def refused(self, by: str | None, why: str = "") -> NotApproved:
        how = f"{by} rejected the plan{_said(why)}" if by else "Nobody approved the plan in time: it lapsed"
        return NotApproved(
            f"{how}; nothing was written. Why it was held: {' '.join(self.reasons)}",
            advice="When the reason is settled, clear the run from `extract`, or wait for the next one.",
        )


@dataclass(frozen=True)
class LeaverGate(Gate):
    """``approve_leavers``: the departures wait; everybody on roll has been created and changed.

    :param loaded: what was written.
    :param approval: how the plan passed ``approve``.
    """

    loaded: StageOutput[LoadFacts]
    approval: StageOutput[ApproveFacts]

    stage = "approve_leavers"

    @classmethod
    def open(cls, run: Run, told: Reference | None) -> Self:
        loaded = run.files.open(LoadFacts, told)
        approval = run.files.open(ApproveFacts, loaded.facts.approved)
        return cls(run, run.files.open(PlanFacts, approval.facts.plan), loaded, approval)

    @property
    def reasons(self) -> Sequence[str]:
        return self.plan.facts.departure_reasons

    @property
    def options(self) -> Sequence[str]:
        return (APPROVE, REJECT)

    def passes(self) -> Reference | None:
        """Where ``approve`` has asked about the departures, too, its answer holds for them.

        :raises PermanentFault: the directory refused more records than the limit `reject` allows: nobody is asked.
        """
        facts = self.approval.facts
        if self.reasons and facts.without_departures:
            raise self.refused(facts.approved_by, how="approved the plan without its departures")
        if self.reasons and facts.asked:
            return self.let_through(asked=True, by=facts.approved_by)
        if self.reasons:
            check_refusals(self.run, self.loaded)
        return super().passes()

    @property
    def subject(self) -> str:
        return f"{self.run.school.name}: disable {sum(self.plan.told[kind] for kind in _DEPARTURES)} accounts?"

    def question(self, lapses_at: datetime, page: str = "") -> str:
        return asked_in_markdown(
            self,
            lapses_at,
            page,
            begins=f"The departures of {self.run.school.name} for the roll of {self.plan.facts.effective_date} are "
            "**held**. Everybody on roll has been created and changed; nobody is disabled until it is approved.",
            rows=counted(self.plan, _DEPARTURES),
            choices=f"**{APPROVE}** only if so many have left; **{REJECT}** disables nobody and fails the run.",
        )

    def mail(self, lapses_at: datetime, places: Places) -> Mail:
        return departures_held(
            self.run.school,
            effective_date=self.plan.facts.effective_date.isoformat(),
            reasons=self.reasons,
            counts={words: self.plan.told[kind] for kind, words in _DEPARTURES.items()},
            departing=in_words(self.plan.facts.departing),
            lapses_at=lapses_at,
            places=places,
        )

    def facts(self, *, asked: bool, option: str, by: str | None) -> ApproveLeaversFacts:
        return ApproveLeaversFacts(loaded=self.loaded.reference, asked=asked, approved_by=by)

    def refused(self, by: str | None, why: str = "", how: str = "rejected the departures") -> NotApproved:
        told = f"{by} {how}{_said(why)}" if by else "Nobody approved the departures in time: they lapsed"
        return DeparturesNotApproved(
            f"{told}: created and changed; nobody was disabled. Why they were held: {' '.join(self.reasons)}",
            advice="The next run plans the departures afresh; trigger the DAG to have one now.",
        )


GATES: Mapping[str, type[Gate]] = {each.stage: each for each in (PlanGate, LeaverGate)}
"""The gates by their stages."""


def check_refusals(run: Run, loaded: StageOutput[LoadFacts]) -> None:
    """:raises PermanentFault: the directory refused more records than the limit `reject` allows."""
    refused = loaded.facts.newly_refused
    most = allowed(run.school.limits.reject, run.files.open(ValidateFacts).counts["extracted"])
    if refused > most:
        raise PermanentFault(
            f"The directory refused {refused} records that it did not refuse before, and the limit "
            f"(`limits.reject`) is {most}: nobody is disabled.",
            advice="Look on the page of the run at what the directory refuses, and correct it there or in SIMS.",
        )


def lapse(run: Run, planned_at: datetime, now: datetime, *, ends_at: datetime) -> datetime:
    """When an approval lapses: before the next scheduled run, the end of the run's time, and the end of the plan's.

    :param ends_at: when the run's time ends.
    """
    ends = [ends_at, planned_at + PLAN_LIFETIME]
    if run.school.cron:
        next_run: datetime = croniter(run.school.cron, now.astimezone(ZoneInfo(run.school.timezone))).get_next(datetime)
        ends.append(next_run.astimezone(UTC))
    end = min(ends)
    left = max(end - now, timedelta(0))
    return now + left - min(_MARGIN, left / 10)


def _said(why: str) -> str:
    """What somebody writes can name a pupil: a message leads to it, and does not quote it."""
    return " (why stands on the page of the run)" if why else ""


def trigger_again(run: Run) -> str:
    """What to do where this run cannot ask."""
    date = run.parameters.effective_date
    return f"Trigger the DAG again with `effective_date` {date}: a new run asks about its own plan."
