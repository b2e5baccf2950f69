"""The parameters of a run, read and checked (SPEC section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.model.errors import PermanentFault
from sims_sync.model.person import KeyForm


@dataclass(frozen=True)
class RunParameters:
    """The parameters of one run.

    :param only_person_ids: these students alone; none for all.
    :param allow_older: whether an older roll than one that was applied may be written.
    :param allow_empty_roll: whether a roll of nobody is taken for what it is.
    :param link_accounts: which students get the account that stands under another Person ID, if any do.
    :param link_except: these Person IDs do not.
    """

    dry_run: bool
    effective_date: date
    only_person_ids: frozenset[str] | None
    allow_older: bool
    allow_empty_roll: bool = False
    link_accounts: Literal["certain", "likely"] | None = None
    link_except: frozenset[str] = field(default_factory=frozenset)


def read_parameters(params: Mapping[str, Any], school: School, run_date: datetime, key: KeyForm) -> RunParameters:
    """Read the parameters of a run.

    :param params: the run's ``params``.
    :param run_date: the run's own date (its logical date, or when it was due).
    :param key: what the keys of the school's people look like.
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
    only, left_out = params.get("only_person_ids"), params.get("link_except") or ()
    return RunParameters(
        dry_run=bool(params.get("dry_run")),
        effective_date=effective_date,
        only_person_ids=frozenset(person for each in only if (person := key.key(each))) if only else None,
        allow_older=bool(params.get("allow_older")),
        allow_empty_roll=bool(params.get("allow_empty_roll")),
        link_accounts=params.get("link_accounts"),
        link_except=frozenset(person for each in left_out if (person := key.key(each))),
    )
