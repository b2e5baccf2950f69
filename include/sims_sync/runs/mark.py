"""The mark of a school: the newest roll that any run began to apply (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Roll:
    """Which roll a run has: that of an effective date, as SIMS had it at some time."""

    effective_date: date
    extracted_at: datetime

    @property
    def words(self) -> str:
        return f"the roll of {self.effective_date}, extracted at {self.extracted_at:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class Mark:
    """The newest effective date and the newest time of extraction that any run began to apply.

    :param run_id: the run that set the mark last.
    :param rejected: the records that it rejected (``changes.guards.Rejected``).
    """

    roll: Roll
    run_id: str
    rejected: Mapping[str, int] = field(default_factory=dict)

    def is_newer_than(self, roll: Roll) -> bool:
        """Whether a roll is older than the mark in either, so that a run with it must not write."""
        return roll.effective_date < self.roll.effective_date or roll.extracted_at < self.roll.extracted_at

    def moved_to(self, roll: Roll, run_id: str, rejected: Mapping[str, int]) -> Mark:
        """The mark after a run began to apply a roll; it never goes back (an older roll may have been allowed)."""
        newest = Roll(
            max(self.roll.effective_date, roll.effective_date), max(self.roll.extracted_at, roll.extracted_at)
        )
        return Mark(newest, run_id, rejected)

    def as_document(self) -> dict[str, Any]:
        """The mark as its file holds it."""
        roll = {
            "effective_date": self.roll.effective_date.isoformat(),
            "extracted_at": self.roll.extracted_at.isoformat(),
        }
        return {**roll, "run_id": self.run_id, "rejected": dict(self.rejected)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Mark:
        """The mark that a file holds."""
        roll = Roll(date.fromisoformat(document["effective_date"]), datetime.fromisoformat(document["extracted_at"]))
        return cls(roll, document["run_id"], document["rejected"])


@dataclass(frozen=True)
class Departures:
    """Accounts that a plan disabled, or took the role from; written down before the first of them is written.

    :param plan: the plan's hash; :param approved: whether a person approved it.
    :param accounts: their ids: those planned until the task has come to its end, then those written.
    """

    run_id: str
    plan: str
    at: datetime
    approved: bool
    accounts: tuple[str, ...]

    def as_document(self) -> dict[str, Any]:
        """The entry as its file holds it."""
        return {**asdict(self), "at": self.at.isoformat(), "accounts": list(self.accounts)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Departures:
        """The entry that a file holds."""
        return cls(
            **{
                **document,
                "at": datetime.fromisoformat(document["at"]),
                "accounts": tuple(document["accounts"]),
            }
        )
