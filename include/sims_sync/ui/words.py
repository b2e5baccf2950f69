"""What the pages call things: outcomes, stages, changes and attributes in words, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "info", "warn", "bad", "quiet"]


@dataclass(frozen=True)
class Label:
    """A word and how urgent it is."""

    words: str
    tone: Tone


OUTCOMES: dict[str, Label] = {
    "success": Label("Success", "good"),
    "failed": Label("Failed", "bad"),
    "held": Label("Held, not approved", "warn"),
    "superseded": Label("Superseded", "quiet"),
    "dry_run": Label("Dry run", "quiet"),
    "unreadable": Label("Report cannot be read", "bad"),
}
"""The outcomes of SPEC section 11, and that of a report which is no report."""

WRITES_NOTHING = frozenset({"held", "superseded", "dry_run"})
"""Outcomes whose counts are what the plan would have done."""

TRIALS = frozenset({"superseded", "dry_run"})
"""Outcomes that say nothing of how a school stands, where another run does."""

KINDS: dict[str, Label] = {
    "create": Label("Create", "good"),
    "update": Label("Update", "info"),
    "enable": Label("Enable again", "good"),
    "disable": Label("Disable", "warn"),
    "unlink_role": Label("Remove the role", "warn"),
}

RESULTS: dict[str, Label] = {
    "done": Label("written", "good"),
    "rejected": Label("refused", "bad"),
    "failed": Label("failed", "bad"),
}

STAGES: dict[str, str] = {
    "extract": "Fetch the roll from SIMS",
    "validate": "Check each record",
    "transform": "Apply the rules",
    "plan": "Compare with the directory",
    "approve": "Check the limits",
    "load": "Write accounts",
    "disable_leavers": "Disable leavers",
    "report": "Report",
}

ENDED: dict[str, Label] = {
    "done": Label("done", "good"),
    "failed": Label("failed", "bad"),
    "held": Label("not approved", "warn"),
    "skipped": Label("skipped", "quiet"),
    "superseded": Label("superseded", "quiet"),
    "waiting": Label("waits for approval", "warn"),
    "": Label("not reached", "quiet"),
}

LIMITS: dict[str, str] = {
    "disable": "Accounts to disable",
    "disable_7_days": "Disabled within 7 days, without approval",
    "clear": "Accounts that lose a value",
    "create": "Accounts to create",
    "reject": "Newly rejected records",
}

FLOW: dict[str, Label] = {
    "created": Label("created", "good"),
    "updated": Label("updated", "info"),
    "unchanged": Label("unchanged", "quiet"),
    "rejected": Label("rejected", "bad"),
    "failed": Label("failed", "bad"),
}
"""Where an extracted record can end, each in one place."""


@dataclass(frozen=True)
class Rule:
    """How the value of one column of the accounts is taken (SPEC section 4).

    :param source: what the id of the chosen row is called in SIMS.
    :param special: whether the mere choice tells health or poverty, so that only who may edit the DAG sees it.
    """

    name: str
    sentence: str
    source: str = ""
    special: bool = False


_MARKED = "of {}, the one marked Primary; else the one marked Main; else the first in the list"

RULES: dict[str, Rule] = {
    "user_name": Rule("User name", "given once, when the account is created; later runs never change it", "EmailID"),
    "given_name": Rule("Forename", "as in SIMS"),
    "family_name": Rule("Surname", "as in SIMS"),
    "home_address": Rule(
        "Home address",
        "of the home addresses in force, the one that began last; else one without a start; else the next to begin; "
        "else the last to end",
        "AddressID",
    ),
    "home_telephone": Rule("Home telephone", _MARKED.format("those of type H"), "TelephoneID"),
    "mobile_telephone": Rule("Mobile telephone", _MARKED.format("those of type M"), "TelephoneID"),
    "home_email": Rule("Personal email", _MARKED.format("those of type H"), "EmailID"),
    "work_email": Rule("Work email", _MARKED.format("those of type W"), "EmailID"),
    "school_identifier": Rule("Admission number", "as in SIMS"),
    "date_of_birth": Rule("Date of birth", "as in SIMS"),
    "free_school_meals": Rule("Free school meals", "whether a period covers the effective date", special=True),
    "gender": Rule("Gender", "the directory's own gender of the name that SIMS holds"),
    "sen_information": Rule("SEN information", "the provisions that cover the effective date", special=True),
    "email_preference": Rule(
        "Preferred email", "the type of the Primary email; else of the Main one; else Personal. Written once", "EmailID"
    ),
}
"""The rule of each column of the accounts as they should be."""

SPECIAL_ATTRIBUTES = frozenset({"freeSchoolMeals", "senInformation"})
"""Attributes of a change that only who may edit the DAG sees, for the same reason."""
