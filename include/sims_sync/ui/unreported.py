"""What is known of a run that has no report yet, as one that waits for an approval: from the files of its stages."""

from __future__ import annotations

from typing import Any

from sims_sync.findings import CODES
from sims_sync.ui.run_files import RunFolder

_STAGES = ("validate", "transform", "plan")


def unreported(files: RunFolder) -> dict[str, Any]:
    """Counts (those that the plan would reach), errors and warnings as a report has them; empty before validation."""
    import pandas as pd

    from sims_sync.runs.report import count

    validated, plan = files.manifest("validate"), files.manifest("plan")
    tables = [table for stage in _STAGES if (table := files.table(stage, "findings")) is not None]
    if validated is None or not tables:
        return {}
    findings = pd.concat(tables, ignore_index=True)
    entries = [_entry(row) for row in findings.to_dict("records")]
    return {
        "counts": count(
            extracted=validated["counts"]["extracted"],
            accepted=validated["counts"]["accepted"],
            findings=findings,
            planned=plan["counts"] if plan else None,
            results=None,
        ),
        "errors": [entry for entry in entries if CODES[entry["code"]].stops],
        "warnings": [entry for entry in entries if not CODES[entry["code"]].stops],
    }


def _entry(finding: Any) -> dict[str, Any]:
    code = CODES[finding["code"]]
    known = {name: value if isinstance(value, str) else None for name, value in finding.items()}
    person_id = finding["person_id"]
    return {
        "person_id": person_id if isinstance(person_id, int) else None,
        "school_identifier": known["school_identifier"],
        "code": code.code,
        "message": f"{code.reason} ({known['detail']})" if known["detail"] else code.reason,
        "correct": code.correct,
    }
