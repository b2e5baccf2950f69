"""What is known of a run that has no report yet, as one that waits for an approval: from the files of its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sims_sync.runs.documents import PlanFacts, ReportedError, ReportedWarning, ValidateFacts
from sims_sync.runs.reading import RunReader


@dataclass(frozen=True)
class SoFar:
    """Counts (those that the plan would reach), errors and warnings as a report has them; empty before validation."""

    counts: Mapping[str, int] = field(default_factory=dict)
    errors: Sequence[ReportedError] = ()
    warnings: Sequence[ReportedWarning] = ()


def so_far(run: RunReader) -> SoFar:
    """What the stages of a run have found so far."""
    from sims_sync.runs.report import count, entries  # it takes pandas

    validated, plan = run.output(ValidateFacts), run.output(PlanFacts)
    if validated is None or run.table(ValidateFacts, "findings") is None:
        return SoFar()
    findings = run.findings()
    counts = count(
        extracted=validated.counts.get("extracted", 0),
        accepted=validated.counts.get("accepted", 0),
        findings=findings,
        planned=plan.counts if plan else None,
        results=None,
    )
    errors, warnings = entries(findings, since={})
    return SoFar(counts, errors, warnings)
