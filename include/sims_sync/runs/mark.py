"""The mark of a school: the newest roll that any run began to apply (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from sims_sync.runs.documents import Count, Document, Moment, RollVersion


class Mark(RollVersion):
    """The newest effective date and the newest time of extraction that any run began to apply.

    :param run_id: the run that set the mark last.
    :param rejected: the records that it rejected (``changes.guards.Rejected``).
    """

    run_id: str
    rejected: dict[str, Count]

    @classmethod
    def at(cls, roll: RollVersion, run_id: str, rejected: Mapping[str, int]) -> Mark:
        """The mark after the first run that began to apply a roll."""
        return cls(
            effective_date=roll.effective_date, extracted_at=roll.extracted_at, run_id=run_id, rejected=dict(rejected)
        )

    def is_newer_than(self, roll: RollVersion) -> bool:
        """Whether a roll is older than the mark in either, so that a run with it must not write."""
        return roll.effective_date < self.effective_date or roll.extracted_at < self.extracted_at

    def moved_to(self, roll: RollVersion, run_id: str, rejected: Mapping[str, int]) -> Mark:
        """The mark after a run began to apply a roll; it never goes back (an older roll may have been allowed)."""
        return Mark(
            effective_date=max(self.effective_date, roll.effective_date),
            extracted_at=max(self.extracted_at, roll.extracted_at),
            run_id=run_id,
            rejected=dict(rejected),
        )


class Departures(Document):
    """Accounts that a plan disabled, or took the role from; written down before the first of them is written.

    :param plan: the plan's hash.
    :param approved: whether the departures were over a limit, and a person approved them.
    :param accounts: their ids: those planned until the task has come to its end, then those written.
    :param expected: those of them that were expected in a window of the school's year.
    """

    run_id: str
    plan: str
    at: Moment
    approved: bool
    accounts: tuple[str, ...]
    expected: tuple[str, ...] = Field(default=(), exclude_if=lambda accounts: not accounts)
