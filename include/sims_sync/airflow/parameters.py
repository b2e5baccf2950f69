"""The parameters of a run (SPEC section 8), as the trigger form shows and checks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Param

from sims_sync.config import School
from sims_sync.errors import PermanentFault
from sims_sync.model.person import NUMBER


def trigger_form() -> dict[str, Param]:
    """The parameters as the trigger form shows them; new ones for each DAG, Airflow keeps a run's values in them."""
    return {
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Extract, validate and plan, but write nothing: the report says what a real run would do.",
        ),
        "effective_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Effective date",
            description="The date whose roll is synchronised. Default: the run's own date in the school's time zone. "
            "A date after today takes a dry run.",
        ),
        "only_person_ids": Param(
            None,
            type=["null", "array"],
            items={"type": "integer", "minimum": 0},
            title="Only these Person IDs",
            description="Synchronise these students alone, a Person ID a line. "
            "Nobody's account is disabled in such a run.",
        ),
        "allow_older": Param(
            False,
            type="boolean",
            title="Allow an older roll",
            description="Write even though a newer roll was applied before. "
            "Only when you know that the newer one was wrong.",
        ),
    }


@dataclass(frozen=True)
class RunParameters:
    """The parameters of one run, read and checked."""

    dry_run: bool
    effective_date: date
    only_person_ids: frozenset[str] | None
    allow_older: bool


def read_parameters(params: Mapping[str, Any], school: School, run_date: datetime) -> RunParameters:
    """Read the parameters of a run.

    :param params: the run's ``params``.
    :param run_date: the run's own date (its logical date, or when it was due).
    :raises PermanentFault: the effective date is after today, and it is no dry run.
    """
    zone = ZoneInfo(school.timezone)
    given = params.get("effective_date")
    effective_date = date.fromisoformat(given) if given else run_date.astimezone(zone).date()
    today = datetime.now(UTC).astimezone(zone).date()
    if effective_date > today and not params.get("dry_run"):
        raise PermanentFault(
            f"The effective date {effective_date} is after today, {today}.",
            advice="Trigger the run again with `dry_run`, or with an earlier date.",
        )
    only = params.get("only_person_ids")
    return RunParameters(
        dry_run=bool(params.get("dry_run")),
        effective_date=effective_date,
        only_person_ids=frozenset(key for each in only if (key := NUMBER.key(each))) if only else None,
        allow_older=bool(params.get("allow_older")),
    )
