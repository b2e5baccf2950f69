"""The plan: everything that is to change, before anything is written. A file that a person can open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.kept_forms import KeptForms
from sims_sync.changes.leavers import plan_leavers
from sims_sync.changes.linking import Linking, without_pairs
from sims_sync.changes.on_roll import findings, plan_students
from sims_sync.changes.pairs import PAIR_COLUMNS
from sims_sync.changes.user_names import Holders, not_known, with_user_names
from sims_sync.directory.learnt import Learnt
from sims_sync.directory.mapping import STANDARD, AccountMapping
from sims_sync.model.change_kinds import LEAVER_KINDS, Kind
from sims_sync.model.findings import CODES, FINDING_COLUMNS
from sims_sync.model.person import in_document


@dataclass(frozen=True)
class PlanOptions:
    """What the plan needs to know beside the tables.

    :param mapping: where values stand in the directory's accounts, and what it has no place for.
    :param disable_unlinked: the school's choice for student accounts that are linked to nobody.
    :param ignored_roles: the school's roles that everybody has.
    :param linking: what people have decided about students whose account stands under another Person ID.
    :param no_leaver_check: why nobody is disabled in this run, if so.
    :param learnt: what is known of the directory from earlier runs.
    :param expected_leavers: the Person IDs whose departure is expected, each with the window of the school's year.
    """

    mapping: AccountMapping = STANDARD
    disable_unlinked: bool = True
    ignored_roles: Collection[str] = ("user",)
    linking: Linking = field(default_factory=Linking)
    no_leaver_check: str | None = None
    learnt: Learnt | None = None
    expected_leavers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """All changes of a run.

    :param changes: those of the students first (in order of Person ID), then those of the leavers.
    :param unchanged: Person IDs whose account needs no write.
    :param findings: records that the plan rejects, and warnings; columns of ``FINDING_COLUMNS``. Not part of the file.
    :param no_leaver_check: why nobody is disabled in this run, if so.
    :param kept: the values that the directory keeps otherwise, which are not written. Not part of the file.
    :param pairs: students whose account stands under another Person ID or under none; columns of ``PAIR_COLUMNS``. Not
        part of the file.
    """

    changes: list[Change]
    unchanged: list[str]
    findings: pd.DataFrame = field(compare=False)
    no_leaver_check: str | None = None
    kept: KeptForms = field(default_factory=KeptForms, compare=False)
    pairs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PAIR_COLUMNS)), compare=False)

    def warned(self, students: pd.DataFrame, code: str) -> Plan:
        """The plan with a warning for each of these students."""
        return replace(self, findings=pd.concat([self.findings, findings(students, code)], ignore_index=True))

    def told_of(self, people: Collection[str]) -> Plan:
        """The plan without what it finds of others than these people."""
        theirs = self.findings["person_id"].isna() | self.findings["person_id"].isin(list(people))
        return replace(self, findings=self.findings[theirs].reset_index(drop=True))

    def told_of_all(self, code: str, details: Sequence[str]) -> Plan:
        """The plan with a warning of nobody in particular for each of these details."""
        rows = pd.DataFrame({"stage": "plan", "code": code, "detail": list(details)}, dtype="str")
        told = rows.reindex(columns=list(FINDING_COLUMNS)).astype("str")
        return replace(self, findings=pd.concat([self.findings, told], ignore_index=True)) if details else self

    @property
    def for_students(self) -> list[Change]:
        """What ``load`` writes."""
        return [change for change in self.changes if change.kind not in LEAVER_KINDS]

    @property
    def for_leavers(self) -> list[Change]:
        """What ``disable_leavers`` writes."""
        return [change for change in self.changes if change.kind in LEAVER_KINDS]

    @property
    def expected(self) -> dict[str, int]:
        """How many departures are expected, by the window of the school's year."""
        return dict(Counter(change.window for change in self.for_leavers if change.window))

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each kind, how many accounts stay as they are, how many records the plan rejects."""
        kinds = Counter(change.kind for change in self.changes)
        return {
            **{kind: kinds.get(kind, 0) for kind in get_args(Kind)},
            "unchanged": len(self.unchanged),
            "reject": len(rejected(self.findings)),
        }

    def as_document(self) -> dict[str, Any]:
        """The plan as its file holds it."""
        return {
            "counts": self.counts,
            "no_leaver_check": self.no_leaver_check,
            "changes": [change.as_document() for change in self.changes],
            "unchanged": [in_document(person_id) for person_id in self.unchanged],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any], findings: pd.DataFrame) -> Plan:
        """The plan that a file holds."""
        return cls(
            [Change.from_document(change) for change in document["changes"]],
            [str(person_id) for person_id in document["unchanged"]],
            findings,
            document["no_leaver_check"],
        )


def make_plan(
    should: pd.DataFrame,
    accounts: pd.DataFrame,
    roll: pd.DataFrame,
    roll_emails: pd.DataFrame,
    options: PlanOptions,
    holders: Holders = not_known,
) -> Plan:
    """Plan all changes of a run.

    :param should: accounts as they should be, of the students who validated.
    :param accounts: accounts as they are.
    :param roll: everybody on roll, validated or not (``students.identity.people_on_roll``).
    :param roll_emails: the email addresses of those on roll: ``person_id``, ``email``.
    :param holders: knows whose user names are.
    """
    paired = without_pairs(
        plan_students(should, accounts, options.mapping, options.learnt),
        should,
        accounts,
        roll,
        mapping=options.mapping,
        linking=options.linking,
        ignored_roles=options.ignored_roles,
    )
    students = with_user_names(paired.plan, holders)
    departures: list[Change] = []
    warnings = students.findings.iloc[:0]
    if options.no_leaver_check is None:
        departures, warnings = plan_leavers(
            accounts,
            roll,
            roll_emails,
            disable_unlinked=options.disable_unlinked,
            ignored_roles=options.ignored_roles,
            marker_name=options.mapping.marker_name,
            expected=options.expected_leavers,
            spared=paired.spared,
        )
    return Plan(
        changes=[*students.changes, *departures],
        unchanged=students.unchanged,
        findings=pd.concat([students.findings, warnings], ignore_index=True)[list(FINDING_COLUMNS)],
        no_leaver_check=options.no_leaver_check,
        kept=students.kept,
        pairs=paired.pairs,
    )


def rejected(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings that stop a record."""
    return findings[findings["code"].map(lambda code: CODES[code].stops).astype(bool)]
