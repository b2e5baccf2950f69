"""What is known of a run that has no report yet, as one that waits for an approval: from the files of its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sims_sync.model.change_kinds import LEAVER_KINDS
from sims_sync.runs.documents import (
    DisableLeaversFacts,
    LoadFacts,
    PlanFacts,
    ReportedError,
    ReportedWarning,
    ValidateFacts,
)
from sims_sync.runs.reading import RunReader


@dataclass(frozen=True)
class SoFar:
    """Counts, errors and warnings as a report has them: what was written counts as it went, what was not as the plan
    has it. Empty before validation."""

    counts: Mapping[str, int] = field(default_factory=dict)
    errors: Sequence[ReportedError] = ()
    warnings: Sequence[ReportedWarning] = ()


def so_far(run: RunReader) -> SoFar:
    """What the stages of a run have found and written so far."""
    from sims_sync.runs.report import count_of, entries  # it takes pandas

    if run.table(ValidateFacts, "findings") is None:
        return SoFar()
    findings, plan = run.findings(), run.output(PlanFacts)
    counts = count_of(run, findings, written=run.output(LoadFacts) is not None)
    if plan and run.output(DisableLeaversFacts) is None:
        counts["disabled"] = sum(plan.counts.get(kind, 0) for kind in LEAVER_KINDS)
    errors, warnings = entries(findings, since={})
    return SoFar(counts, errors, warnings)
