"""What the stages of an invented run tell, for tests of those who read it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sims_sync.runs.documents import ExtractFacts, PlanFacts, Reference, TransformFacts, ValidateFacts

EXTRACTED = ExtractFacts(effective_date=date(2026, 9, 15), extracted_at=datetime(2026, 9, 15, 2, 13, tzinfo=UTC))
VALIDATED = ValidateFacts(**EXTRACTED.model_dump())
TRANSFORMED = TransformFacts(**EXTRACTED.model_dump())
REFERENCE = Reference(stage="plan", manifest="plan.json", sha256="0" * 64, counts={})


def planned(**own: Any) -> PlanFacts:
    """Facts of a plan that is within the limits, unless it says why not."""
    facts = {
        "directory": "https://directory.example.org/scim/v2",
        "knows_extension": True,
        "limits": (),
        "reasons": (),
        "superseded": None,
        "mark_seen": True,
        "rejected": {},
    }
    return PlanFacts(**EXTRACTED.model_dump(), **{**facts, **own})
