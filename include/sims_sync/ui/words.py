"""What the pages call things: outcomes, changes and attributes in words, declared once."""

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
    "paused": Label("Paused", "quiet"),
    "unreadable": Label("Report cannot be read", "bad"),
    "waiting": Label("Waits for approval", "warn"),
    "under_way": Label("Under way", "info"),
    "no_report": Label("No report", "bad"),
}
"""The outcomes of SPEC section 11, that of a report which is no report, and how runs stand that have none."""


def run_label(outcome: str, *, dry_run: bool, partial: bool) -> Label:
    """What a run is called. One that was only tried is called that, and is nobody's emergency however it ended."""
    ended = OUTCOMES[outcome]
    tried = {(True, True): "Dry run of some students", (True, False): "Dry run", (False, True): "Some students alone"}
    if (kind := tried.get((dry_run, partial))) is None:
        return ended
    return Label(kind if outcome in ("success", "dry_run") else f"{kind}, {ended.words.lower()}", "quiet")


KINDS: dict[str, Label] = {
    "create": Label("Create", "good"),
    "update": Label("Update", "info"),
    "enable": Label("Enable again", "good"),
    "link": Label("Link", "info"),
    "disable": Label("Disable", "warn"),
    "unlink_role": Label("Remove the role", "warn"),
}

DONE: dict[str, Label] = {
    "create": Label("account created", "good"),
    "update": Label("account updated", "info"),
    "enable": Label("account enabled again", "good"),
    "link": Label("account linked", "good"),
    "disable": Label("account disabled", "warn"),
    "unlink_role": Label("role removed", "warn"),
}
"""What was done to an account."""

RESULTS: dict[str, Label] = {
    "done": Label("written", "good"),
    "rejected": Label("refused", "bad"),
    "failed": Label("failed", "bad"),
    "not_known": Label("not known whether it was written", "warn"),
}

ENDED: dict[str, Label] = {
    "done": Label("done", "good"),
    "failed": Label("failed", "bad"),
    "held": Label("not approved", "warn"),
    "skipped": Label("skipped", "quiet"),
    "superseded": Label("superseded", "quiet"),
    "paused": Label("paused", "quiet"),
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
