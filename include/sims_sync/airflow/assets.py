"""A school's directory as an Airflow asset, so that others' DAGs can follow a sync."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias

from sims_sync.runs.documents import Report


def directory_asset(school_id: str) -> Asset:
    """The accounts of a school's students: ``schedule=[directory_asset("green-abbey")]`` follows each sync of it."""
    return Asset(name=f"sims_sync_directory__{school_id}", uri=f"sims-sync://directory/{school_id}")


def directory_alias(school_id: str) -> AssetAlias:
    """What the task `report` may update: whether it does is known only at the end of the run."""
    return AssetAlias(f"sims_sync_directory__{school_id}")


def updated(outlet_events: Any, report: Report) -> None:
    """Say that the directory agrees with the roll: after a whole sync that was applied.

    Not after a dry run, a superseded, held or failed one, nor after one of some students alone.

    :param outlet_events: the task's.
    :param report: for who may only read; its counts and effective date go with the event.
    """
    outlet_events[directory_alias(report.school)].add(
        directory_asset(report.school),
        extra={
            "run_id": report.run_id,
            "effective_date": report.effective_date.isoformat() if report.effective_date else None,
            "counts": report.counts,
        },
    )
