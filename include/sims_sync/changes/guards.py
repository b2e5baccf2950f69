"""The limits of SPEC section 7: a plan over one of them is held until a person approves it, or its departures are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import pandas as pd

from sims_sync.changes.plan import Plan, rejected
from sims_sync.config.limits import Limit
from sims_sync.model.attributes import ATTRIBUTES, Attribute, label_of, special_names

MISMATCHES_ALLOWED = 3
"""More records whose account is somebody else's (``identity_mismatch``) hold the plan, SPEC section 5."""

OF_DEPARTURES = frozenset({"disable", "disable_7_days"})
"""The limits that hold the departures alone; the others hold the whole plan."""

MOST_EXPECTED = 60
"""Departures of more per cent of all active student accounts are held, however well they are expected."""

_EVERYBODY = 2
"""So many accounts or more are everybody who has a value: if all would lose it, that is held whatever the limit."""

_WORDS = {
    "disable": "{count} of {base} active student accounts would be disabled or lose the role",
    "disable_7_days": "With those of the last 7 days that no person approved, {count} accounts would be disabled or "
    "lose the role, beside {base} active student accounts",
    "clear": "{count} of {base} accounts would lose their {attribute}",
    "create": "{count} accounts would be created, beside {base} active student accounts",
    "reject": "{count} of {base} extracted records are rejected that the last applied run did not reject",
}

_SPECIAL_LOSS = (
    "More accounts than the limit (`limits.clear`) allows, or all that have it, would lose a protected value: the page "
    "of the run tells which, and how many, to those who may edit the DAG."
)
"""Who may read the DAG sees why a plan is held, and must not learn how many have a value of a special category."""

Rejected = Mapping[str, int]
"""Rejected records: ``"<Person ID>"`` to 1, and ``"none"`` to the number of those without one."""


@dataclass(frozen=True)
class Measure:
    """How near a plan comes to a limit.

    :param limit: its key in the configuration.
    :param count: accounts or records that the limit counts, of ``base``.
    :param allowed: the largest count that is not over the limit.
    :param attribute: for ``clear``, the attribute that is lost.
    """

    limit: str
    count: int
    base: int
    allowed: int
    attribute: str | None = None

    @property
    def exceeded(self) -> bool:
        return self.count > self.allowed

    @property
    def message(self) -> str:
        """The measure in words, with the limit."""
        if self.attribute in special_names():
            return _SPECIAL_LOSS
        words = _WORDS[self.limit].format(count=self.count, base=self.base, attribute=_called(self.attribute))
        return f"{words}; the limit (`limits.{self.limit}`) is {self.allowed}."

    def as_document(self) -> dict[str, Any]:
        return {**asdict(self), "exceeded": self.exceeded}


def allowed(limit: Limit, base: int) -> int:
    """The largest count that is within a limit: over it is one above ``floor`` and above ``percent`` of the base, or
    above the optional ``count`` whatever the percentage."""
    most = max(limit.floor, int(Fraction(str(limit.percent)) * base / 100))
    return most if limit.count is None else min(most, limit.count)


def measure(
    plan: Plan,
    accounts: pd.DataFrame,
    limits: Mapping[str, Limit],
    *,
    extracted: int,
    rejected_now: Rejected,
    rejected_before: Rejected,
    disabled_recently: Collection[str],
    attributes: Sequence[Attribute] = ATTRIBUTES,
) -> list[Measure]:
    """Measure a plan against the limits.

    :param accounts: accounts as they are (``directory.present``).
    :param limits: the school's limits by key.
    :param extracted: the number of records in the extract.
    :param rejected_now: the records that this run rejects; ``rejected_before``: those of the last applied run.
    :param disabled_recently: ids of the accounts that were disabled or lost the role in the last 7 days, unexpectedly
        and without a person's approval.
    :param attributes: those of the tables.
    :returns: one measure for each limit that applies, and for ``clear`` one for each attribute that an account loses.
        On an empty directory only ``reject`` applies; to a plan that disables nobody ``disable_7_days`` does not.
        Expected leavers count towards no limit.
    """
    newly_rejected = sum((Counter(rejected_now) - Counter(rejected_before)).values())
    measured: list[tuple[str, int, int, str | None]] = [("reject", newly_rejected, extracted, None)]
    if accounts["is_student"].any():
        active = int((accounts["is_student"] & accounts["active"]).sum())
        leaving = {str(change.account_id) for change in plan.for_leavers if change.window is None}
        measured.append(("create", plan.counts["create"], active, None))
        measured.append(("disable", len(leaving), active, None))
        if leaving:
            measured.append(("disable_7_days", len(leaving | set(disabled_recently)), active, None))
        measured += [("clear", lost, of, name) for name, lost, of in _losses(plan, accounts, attributes)]
    return [Measure(key, count, base, allowed(limits[key], base), name) for key, count, base, name in measured]


def reasons_to_hold(plan: Plan, measures: Collection[Measure]) -> list[str]:
    """Why a plan is held as a whole, in words without a value; empty when it is not."""
    of_all = [each for each in measures if each.limit not in OF_DEPARTURES]
    reasons = [each.message for each in of_all if each.exceeded]
    reasons += [
        _lost_by_all(each)
        for each in of_all
        if each.limit == "clear" and not each.exceeded and each.count == each.base >= _EVERYBODY
    ]
    mismatches = int((plan.findings["code"] == "identity_mismatch").sum())
    if mismatches > MISMATCHES_ALLOWED:
        reasons.append(
            f"{mismatches} accounts with a student's Person ID seem to be other people's (`identity_mismatch`): is it "
            "the right school's directory, or was SIMS renumbered?"
        )
    return list(dict.fromkeys(reasons))


def reasons_to_hold_departures(plan: Plan, measures: Collection[Measure]) -> list[str]:
    """Why the departures of a plan are held, in words without a value; empty when they are not."""
    reasons = [each.message for each in measures if each.limit in OF_DEPARTURES and each.exceeded]
    for each in measures:
        if each.limit != "disable":
            continue
        if not each.exceeded and 2 * each.count > each.base:
            reasons.append(
                f"{each.count} of {each.base} active student accounts would be disabled or lose the role: more than "
                "half always takes an approval."
            )
        departing = len(plan.for_leavers)
        if plan.expected and 100 * departing > MOST_EXPECTED * each.base:
            reasons.append(
                f"{departing} of {each.base} active student accounts would be disabled or lose the role, expected ones "
                f"among them: more than {MOST_EXPECTED} % always takes an approval."
            )
    return reasons


def _called(attribute: str | None) -> str:
    """An attribute in the middle of a sentence."""
    label = label_of(attribute or "")
    return label[:1].lower() + label[1:]


def _lost_by_all(measure: Measure) -> str:
    if measure.attribute in special_names():
        return _SPECIAL_LOSS
    called = _called(measure.attribute)
    return f"All {measure.count} accounts with a {called} would lose it: that always takes an approval."


def rejected_records(findings: pd.DataFrame) -> dict[str, int]:
    """The records that a run rejects, so that the next one can tell which are new.

    :param findings: all findings of the run (columns of ``FINDING_COLUMNS``).
    """
    stops = rejected(findings)
    people = {str(person_id): 1 for person_id in stops["person_id"].dropna().unique()}
    nobodys = int((stops["code"] == "no_person_id").sum())
    return {**people, **({"none": nobodys} if nobodys else {})}


def _losses(plan: Plan, accounts: pd.DataFrame, attributes: Sequence[Attribute]) -> Iterator[tuple[str, int, int]]:
    """Attributes that some account would lose: name, how many lose it, how many of those compared have it."""
    changes = {str(change.account_id): change.values for change in plan.for_students if change.account_id}
    people = {change.person_id for change in plan.for_students} | set(plan.unchanged)
    compared = accounts[accounts["account_id"].isin(changes) | accounts["linked_person_id"].isin(people)]
    for attribute in attributes:
        having = compared[attribute.kind.has_value(compared[attribute.column])]
        lost = sum(
            attribute.name in values and attribute.kind.is_loss(present, values[attribute.name])
            for account_id, present in zip(having["account_id"], having[attribute.column], strict=True)
            if (values := changes.get(str(account_id), {}))
        )
        if lost:
            yield attribute.name, lost, len(having)
