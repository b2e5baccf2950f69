"""How a run stands between its files: how stages ended, what a person is asked about its plan, and has answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from sims_sync.runs.documents import Document, Moment
from sims_sync.store.content import as_json

How = Literal["done", "failed", "held", "skipped", "superseded", "paused", "waiting", ""]
"""How a stage stands: it has an output, it ended without one, it waits for an answer, or it was not reached."""

QUESTIONS: Mapping[str, str] = MappingProxyType(
    {stage: f"{stage}.asked.json" for stage in ("approve", "approve_leavers")}
)
"""The stages that ask a person, each with the file that tells that it has."""

ANSWERS = "answers.json"
"""What people have answered in a run."""


APPROVE, APPROVE_ALL, WITHOUT_DEPARTURES, REJECT = "Approve", "Approve all", "Approve without departures", "Reject"
OPTIONS = (APPROVE, APPROVE_ALL, WITHOUT_DEPARTURES, REJECT)
"""All that can be answered; each question has some of them."""


@dataclass(frozen=True)
class StageState:
    """How a stage of a run stands, and why."""

    stage: str
    how: How
    reason: str = ""


class Ending(Document):
    """``<stage>.ended.json``: how and why a stage ended without an output.

    :param kind: the type of the fault (``sims_sync.model.errors``).
    :param message: what happened.
    :param advice: what to do; empty where it was no fault.
    """

    how: Literal["failed", "held", "skipped", "superseded", "paused"]
    reason: str
    kind: str = ""
    message: str = ""
    advice: str = ""

    def as_json(self) -> bytes:
        return as_json(self.model_dump(exclude_defaults=True))


class Question(Document):
    """``<stage>.asked.json``: a person was asked whether a plan, or its departures, are to be written.

    :param plan: the hash of the plan's manifest.
    :param lapses_at: until when the person may answer.
    """

    plan: str
    asked_at: Moment
    lapses_at: Moment


class Answer(Document):
    """What a person answered, for the one plan.

    :param plan: the hash of the plan's manifest.
    :param option: what they chose.
    :param by: their name.
    :param why: why they refused, in their words; empty where they did not say.
    """

    stage: str
    plan: str
    option: str
    by: str
    at: Moment
    why: str = Field(default="", exclude_if=lambda why: not why)
