"""The sync's metrics, through Airflow's own stats: StatsD or OpenTelemetry, whatever ``[metrics]`` says."""

from __future__ import annotations

from sims_sync.runs.documents import Report

PREFIX = "sims_sync"

GAUGES = {
    "extracted": "students on roll",
    "rejected": "records that were not imported",
    "warnings": "warnings about records",
    "created": "accounts created",
    "updated": "accounts changed, those enabled again among them",
    "unchanged": "accounts that needed no write",
    "enabled": "accounts enabled again",
    "disabled": "accounts disabled, or that lost the role",
    "failed": "records whose write failed",
}
"""``sims_sync.<school>.<name>``: the counts of the report, as gauges; one of each for a run."""


def emit(report: Report) -> None:
    """Send a run's metrics. None is sent where Airflow has no metrics configured.

    The gauges are of runs that decide how the school stands: not of a dry run, nor of one for some students alone.
    Beside the counts: ``sims_sync.<school>.runs.<outcome>`` counts runs, ``sims_sync.<school>.run_seconds`` times them.
    The school stands in the name, since StatsD drops tags: the gauges of all schools would be one.

    :param report: ``report.json``.
    """
    from airflow.sdk.observability import stats

    school = f"{PREFIX}.{report.school}"
    took = report.finished_at - report.started_at
    stats.incr(f"{school}.runs.{report.outcome}")
    stats.timing(f"{school}.run_seconds", took)
    for name in GAUGES if report.decides else ():
        stats.gauge(f"{school}.{name}", report.counts[name])
