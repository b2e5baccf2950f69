"""Why a run failed, in the few words of a subject line and in full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

CLEAR = "Put right what the message says, then clear the failed task in Airflow; or wait for the next night."
"""What to do where a fault does not say it."""

_SYSTEMS = {"extract": "SIMS", "validate": "", "transform": ""}
"""What a stage talks to; every other one talks to the directory."""

_BY_KIND = {
    "CredentialsRefused": "{system} refused the password",
    "PermissionMissing": "{system} lacks a permission",
    "RollRefused": "the roll from SIMS was refused",
    "NotApproved": "the plan was not approved",
    "DeparturesNotApproved": "the departures were not approved",
    "TransientFault": "{system} could not be used",
    "UnexpectedAnswer": "{system} answered something unexpected",
}
"""By the type of the fault (``sims_sync.model.errors``), where it tells more than the stage."""

_BY_STAGE = {
    "extract": "the roll could not be fetched",
    "validate": "the records could not be checked",
    "transform": "the rules could not be applied",
    "plan": "no plan could be made",
    "approve": "the plan was not let through",
    "load": "accounts could not be written",
    "approve_leavers": "the departures were not let through",
    "disable_leavers": "leavers could not be disabled",
    "report": "the report could not be written",
    "run": "the run was stopped",
}


def in_a_few_words(stage: str, kind: str) -> str:
    """What failed, for a subject line: ``SIMS refused the password``.

    :param stage: the stage that failed, or ``run`` for the run as a whole.
    :param kind: the name of the fault's type, empty where none is known.
    """
    system = _SYSTEMS.get(stage, "the directory")
    phrase = _BY_KIND.get(kind, "")
    if phrase and (system or "{system}" not in phrase):
        return phrase.format(system=system)
    return _BY_STAGE[stage]


@dataclass(frozen=True)
class Failure:
    """A school that fails.

    :param since: when it began to fail, the first of the nights that followed each other.
    :param run_id: the run that failed last.
    :param stage: where, or ``run``.
    :param kind: the type of its fault.
    :param message: what happened.
    :param advice: what to do, if the fault knows.
    """

    since: datetime
    run_id: str
    stage: str
    kind: str
    message: str
    advice: str = ""

    @property
    def words(self) -> str:
        """What failed, for a subject line. Two failures with the same words are the same failure to a reader."""
        return in_a_few_words(self.stage, self.kind)
