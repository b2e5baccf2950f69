"""The parameters of a run, read and checked (SPEC section 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.model.errors import PermanentFault
from sims_sync.model.person import KeyForm

_NAMED = 5
"""The most entries that a fault names."""


@dataclass(frozen=True)
class RunParameters:
    """The parameters of one run.

    :param only_person_ids: these students alone; none for all.
    :param allow_older: whether an older roll than one that was applied may be written.
    :param allow_empty_roll: whether a roll of nobody is taken for what it is.
    :param link_accounts: which students get the account that stands under another Person ID, if any do.
    :param link_except: these Person IDs do not.
    :param fault: what is wrong with the parameters; the run ends with it before anything is asked.
    """

    dry_run: bool
    effective_date: date
    only_person_ids: frozenset[str] | None
    allow_older: bool
    allow_empty_roll: bool = False
    link_accounts: Literal["certain", "likely"] | None = None
    link_except: frozenset[str] = field(default_factory=frozenset)
    fault: PermanentFault | None = None


def read_parameters(params: Mapping[str, Any], school: School, run_date: datetime, key: KeyForm) -> RunParameters:
    """Read the parameters of a run. What is wrong with them is kept, so that the run has a report all the same.

    :param params: the run's ``params``.
    :param run_date: the run's own date (its logical date, or when it was due).
    :param key: what the keys of the school's people look like.
    """
    dry_run, asked = bool(params.get("dry_run")), params.get("effective_date")
    day = effective_date(asked, run_date, school)
    people = {name: _given(params.get(name)) for name in ("only_person_ids", "link_except")}
    keys = {name: frozenset(filter(None, map(key.key, given))) for name, given in people.items()}
    faults = [_wrong_date(asked, day, school, dry_run=dry_run), *(_wrong_ids(*each, key) for each in people.items())]
    return RunParameters(
        dry_run=dry_run,
        effective_date=day,
        only_person_ids=keys["only_person_ids"] if people["only_person_ids"] else None,
        allow_older=bool(params.get("allow_older")),
        allow_empty_roll=bool(params.get("allow_empty_roll")),
        link_accounts=params.get("link_accounts"),
        link_except=keys["link_except"],
        fault=next(filter(None, faults), None),
    )


def effective_date(asked: object, run_date: datetime, school: School) -> date:
    """The date whose roll a run is for: the one asked for, else the run's own.

    :param asked: the parameter; one that is no date counts for nothing.
    """
    return _date(asked) or run_date.astimezone(ZoneInfo(school.timezone)).date()


def _date(asked: object) -> date | None:
    try:
        return date.fromisoformat(str(asked))
    except ValueError:
        return None


def _given(people: object) -> Sequence[object]:
    """The entries of a list, or of a text that has one a line, as it is typed into the trigger form."""
    if isinstance(people, str):
        return [each for each in re.split(r"[\s,;]+", people) if each]
    return people if isinstance(people, Sequence) else []


def _wrong_date(asked: object, day: date, school: School, *, dry_run: bool) -> PermanentFault | None:
    if asked and _date(asked) is None:
        return PermanentFault(
            "The parameter `effective_date` is no date.",
            advice="Trigger the run again with a date such as `2026-09-15`.",
        )
    today = datetime.now(UTC).astimezone(ZoneInfo(school.timezone)).date()
    if day > today and not dry_run:
        return PermanentFault(
            f"The effective date {day} is after today, {today}.",
            advice="Trigger the run again with `dry_run`, or with an earlier date.",
        )
    return None


def _wrong_ids(name: str, given: Sequence[object], key: KeyForm) -> PermanentFault | None:
    """What is wrong with Person IDs, by their places: what stands there may be a person's name."""
    wrong = [str(place) for place, each in enumerate(given, start=1) if key.key(each) is None]
    if not wrong:
        return None
    more = f" and {len(wrong) - _NAMED} more" if wrong[_NAMED:] else ""
    return PermanentFault(
        f"Not every entry of the parameter `{name}` is a Person ID: look at number {', '.join(wrong[:_NAMED])}{more}.",
        advice="Trigger the run again with one Person ID a line.",
    )
