"""What a plan must pass before it is written: a question, its answers, and what follows (SPEC section 7)."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from sims_sync.changes.departing import in_words
from sims_sync.mails.mail import Mail
from sims_sync.mails.messages import Places
from sims_sync.model.errors import NotApproved
from sims_sync.night.run import Run
from sims_sync.runs.documents import Facts, PlanFacts, Reference
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.standing import APPROVE, Answer

LONGEST_REASON = 300
"""Characters of what somebody says of their refusal that are kept."""


@dataclass(frozen=True)
class Gate(ABC):
    """What a plan, or a part of it, must pass before it is written.

    :param plan: what was planned.
    """

    run: Run
    plan: StageOutput[PlanFacts]

    stage: ClassVar[str]

    @classmethod
    @abstractmethod
    def open(cls, run: Run, told: Reference | None) -> Self:
        """The gate of a run.

        :param told: what the stage before told, none where it was marked as done by hand.
        """

    @property
    @abstractmethod
    def reasons(self) -> Sequence[str]:
        """Why it is held here until a person approves it; empty where it is not."""

    @property
    @abstractmethod
    def options(self) -> Sequence[str]:
        """What can be answered, the refusal last."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """The question in one line."""

    @abstractmethod
    def question(self, lapses_at: datetime, page: str = "") -> str:
        """What the person who decides must know, in Markdown, without a value of a student.

        :param page: the address of the run's page, if it is known.
        """

    @abstractmethod
    def mail(self, lapses_at: datetime, places: Places) -> Mail:
        """What tells the data team that it waits for them, and where to answer."""

    @abstractmethod
    def facts(self, *, asked: bool, option: str, by: str | None) -> Facts:
        """What the next stage asks for: that it went through, and who let it."""

    @abstractmethod
    def refused(self, by: str | None, why: str = "") -> NotApproved:
        """The fault that follows from a refusal.

        :param by: who refused; none: nobody answered in time.
        :param why: why, in their words.
        """

    def passes(self) -> Reference | None:
        """Let it through where nobody need be asked, or where a person has answered about this plan before.

        :returns: none where a person is to be asked.
        :raises NotApproved: it was refused before.
        """
        if not self.reasons:
            return self.let_through(asked=False)
        answer = self.run.files.answer(self.stage, self.plan.reference)
        return None if answer is None else self._follow(answer.option, answer.by, answer.why)

    def decide(self, option: str, by: str | None, why: str = "") -> Reference:
        """What follows from an answer, which is kept: it holds for this plan however often the run is cleared.

        :param by: who answered; none: nobody did in time.
        :param why: why they refuse, in their words.
        :raises NotApproved: it is refused.
        """
        if by is not None:
            plan, why = self.plan.reference.sha256, one_line(why) if option == self.options[-1] else ""
            answer = Answer(stage=self.stage, plan=plan, option=option, by=by, at=datetime.now(UTC), why=why)
            self.run.files.record_answer(answer)
        return self._follow(option, by, why)

    def _follow(self, option: str, by: str | None, why: str) -> Reference:
        if by is None or option not in self.options[:-1]:
            raise self.refused(by, why)
        return self.let_through(asked=True, option=option, by=by)

    def let_through(self, *, asked: bool, option: str = APPROVE, by: str | None = None) -> Reference:
        """Save what the next stage asks for."""
        return self.run.files.save(self.facts(asked=asked, option=option, by=by), {}, counts={})


def one_line(words: str) -> str:
    """Somebody's own words as a sentence can quote them: one line, not too long, without control characters."""
    shown = "".join(each if unicodedata.category(each)[0] != "C" else " " for each in words)
    line = " ".join(shown.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}\N{HORIZONTAL ELLIPSIS}"


def name_of(plan: StageOutput[PlanFacts]) -> str:
    """What tells one plan from another in a question."""
    return f"Plan `{plan.reference.sha256[:12]}`"


def counted(plan: StageOutput[PlanFacts], kinds: Mapping[str, str]) -> list[str]:
    """Rows of a question's table: how many changes of these kinds, and how many departures are expected.

    :param kinds: what is done, in words, by kind.
    """
    rows = [f"| {words} | {plan.told[kind]:,} |" for kind, words in kinds.items()]
    return [*rows, *(f"| of these expected ({name}) | {number:,} |" for name, number in plan.facts.expected.items())]


def asked_in_markdown(
    gate: Gate, lapses_at: datetime, page: str, *, begins: str, rows: Sequence[str], choices: str
) -> str:
    """A question, with its reasons, its numbers, who would leave, until when it can be answered, and the name of its
    plan."""
    zone = gate.run.school.timezone
    at = lapses_at.astimezone(ZoneInfo(zone))
    lines = [
        begins,
        "",
        "**Why**",
        "",
        *(f"- {reason}" for reason in gate.reasons),
        "",
        "| accounts | |",
        "|---|---:|",
        *rows,
        "",
        *([f"**Who would leave**: {who}.", ""] if (who := in_words(gate.plan.facts.departing)) else []),
        *([f"[The page of the run]({page}) shows each of them.", ""] if page else []),
        f"{choices} Without an answer it lapses at {at:%H:%M} on {at:%A %d %B} ({zone}).",
        "",
        f"{name_of(gate.plan)}: `{gate.plan.folder.name}/plan/plan.json` in the school's folder of the "
        "store lists each change with its cause.",
    ]
    return "\n".join(lines)
