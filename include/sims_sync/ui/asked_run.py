"""A run that a page is asked about, whether it has a report (yet) or not."""

from __future__ import annotations

from sims_sync.runs.documents import ExtractFacts, ValidateFacts
from sims_sync.runs.reading import RunReader
from sims_sync.ui.airflow_runs import AirflowRun
from sims_sync.ui.history import RunSummary, summary_of


def asked_run(files: RunReader, run_id: str, known: AirflowRun | None) -> RunSummary | None:
    """The run in one line; none where nothing of it tells of people: it has no roll yet, or its files are gone.

    :param known: what Airflow knows of it.
    """
    report, validated = files.report(), files.output(ValidateFacts)
    if validated is None:
        return None
    if report is not None:
        return summary_of(report)
    extracted = files.output(ExtractFacts)
    active = known is not None and known.active
    only = validated.facts.only_person_ids
    return RunSummary(
        run_id=run_id,
        outcome="waiting" if files.waits_at() else "under_way" if active else "no_report",
        effective_date=extracted.facts.effective_date if extracted else None,
        started_at=known.started_at if known else None,
        partial=only is not None,
        only_person_ids=only,
    )
