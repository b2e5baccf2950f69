"""Every mail that there is: one function for each, from plain facts. docs/operating.md lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.mails.failure import Failure
from sims_sync.mails.mail import Link, Mail, Table
from sims_sync.model.findings import CODES

_DIGEST = "While it goes on failing so, only the daily digest says it again; a note follows when it works again."
_CLEAR = "Put right what the message says, then clear the failed task in Airflow; or wait for the next night."


@dataclass(frozen=True)
class Places:
    """Where a run and its school are in Airflow's UI."""

    run: Link
    school: Link
    approval: Link
    departures: Link


def run_failed(school: School, failure: Failure, written: int | None, places: Places) -> Mail:
    """A run failed, for good: a task after its retries, or the run as a whole.

    :param written: accounts that the run had written by then; none where nobody can tell.
    """
    if written is None:
        meaning = "How much had been written is not known: no report was made. The next good run puts it right."
    elif written:
        meaning = f"Until then {written:,} accounts were written. What was written stays; the next run writes the rest."
    else:
        meaning = "Nothing was written: all accounts are as they were."
    return Mail(
        subject=f"{school.name}: {failure.words}",
        tone="bad",
        happened=(f"{failure.stage}: {failure.message}", meaning, _DIGEST),
        to_do=failure.advice or _CLEAR,
        links=(places.run, places.school),
    )


def plan_held(
    school: School,
    *,
    effective_date: str,
    reasons: Sequence[str],
    counts: Mapping[str, int],
    without_departures: bool,
    lapses_at: datetime,
    places: Places,
) -> Mail:
    """A plan is over a limit and waits for a person.

    :param reasons: each limit exceeded.
    :param counts: accounts, by what would be done with them in words.
    :param without_departures: whether the person may approve all but the departures.
    """
    without = " Approve without departures, if only the leavers look wrong: then nobody is disabled."
    return Mail(
        subject=f"{school.name}: approve {sum(counts.values()):,} changes?",
        tone="warn",
        happened=(
            f"The plan for the roll of {effective_date} is held. Nothing is written until a person approves it.",
            f"Without an answer it lapses at {_at(lapses_at, school)}, and the run fails.",
        ),
        reasons=tuple(reasons),
        table=Table(("Accounts", ""), [(words, f"{number:,}") for words, number in counts.items()]),
        to_do="Approve only if these numbers are what the school expects; reject, and nothing is written."
        + (without if without_departures else ""),
        links=(places.approval, places.run),
    )


def departures_held(
    school: School,
    *,
    effective_date: str,
    reasons: Sequence[str],
    counts: Mapping[str, int],
    lapses_at: datetime,
    places: Places,
) -> Mail:
    """The departures of a plan are over a limit and wait for a person; all else was written.

    :param reasons: each limit exceeded.
    :param counts: accounts, by what would be done with them in words.
    """
    return Mail(
        subject=f"{school.name}: disable {sum(counts.values()):,} accounts?",
        tone="warn",
        happened=(
            f"The departures of the roll of {effective_date} are held. Everybody on roll has been created and changed; "
            "nobody is disabled until a person approves it.",
            f"Without an answer they lapse at {_at(lapses_at, school)}, and the run fails.",
        ),
        reasons=tuple(reasons),
        table=Table(("Accounts", ""), [(words, f"{number:,}") for words, number in counts.items()]),
        to_do="Approve only if so many have left; reject, and nobody is disabled.",
        links=(places.departures, places.run),
    )


def run_late(school: School, run_id: str, after: timedelta, at_work: str, places: Places) -> Mail:
    """A run has not ended in the time that the school is given.

    :param at_work: the stage that has not ended.
    """
    return Mail(
        subject=f"{school.name}: the run is late",
        tone="warn",
        happened=(
            f"The run {run_id} has not ended {_long(after)} after it was due to start. It is at `{at_work}`.",
            "Nothing is lost: it goes on, and its outcome is said when it ends.",
        ),
        to_do="Open the run: a task that waits to be tried again says what it waits for. If none has begun, look "
        "whether Airflow has a worker for it, and whether an earlier run of the school goes on.",
        links=(places.run, places.school),
    )


def works_again(school: School, failure: Failure, counts: Mapping[str, int], places: Places) -> Mail:
    """A school that had failed works again.

    :param failure: how it had failed.
    :param counts: those of the report of the good run.
    """
    return Mail(
        subject=f"{school.name}: works again",
        tone="good",
        happened=(
            f"It had failed since {_at(failure.since, school)} ({failure.words}). The last run was good: "
            f"{counts['created']:,} accounts created, {counts['updated']:,} updated, {counts['disabled']:,} disabled, "
            f"{counts['unchanged']:,} unchanged.",
        ),
        to_do="Nothing. What the failed nights left undone is done.",
        links=(places.run, places.school),
    )


def records_changed(school: School, before: Collection[str], now: Collection[str], places: Places) -> Mail:
    """The records to correct in SIMS are others than after the last run.

    :param before: the findings of the last run.
    :param now: of this one: ``<Person ID>:<code>`` each.
    """
    new, solved = set(now) - set(before), set(before) - set(now)
    by_code = {name: Counter(map(_code, keys)) for name, keys in (("now", now), ("new", new), ("solved", solved))}
    codes = [code for code in CODES if by_code["now"][code] or by_code["solved"][code]]
    rows: list[tuple[str | int, ...]] = [
        (code, *(by_code[name][code] for name in by_code), CODES[code].correct) for code in codes
    ]
    return Mail(
        subject=f"{school.name}: records to correct: {len(new):,} new, {len(solved):,} solved",
        tone="info",
        happened=("What is wrong with records in SIMS has changed since the last run.",),
        table=Table(("Code", "Now", "New", "Solved", "What to correct"), rows),
        to_do="Send the school office the list: on the run's page, or errors.csv beside its report."
        if by_code["now"]
        else "Nothing: no record is wrong any more.",
        links=(places.run, places.school),
    )


def still_failing(failing: Sequence[tuple[School, Failure]], all_schools: Link) -> Mail:
    """Each day, to one recipient: their schools that still fail, the longest failing one first."""
    ordered = sorted(failing, key=lambda each: each[1].since)
    number = len(ordered)
    subject = f"{ordered[0][0].name} still fails" if number == 1 else f"{number} schools still fail"
    return Mail(
        subject=subject,
        tone="bad",
        happened=("Their accounts are as the last good run left them.",),
        table=Table(
            ("School", "Since", "Why, and what to do"),
            [
                (
                    school.name,
                    _at(failure.since, school),
                    f"{failure.words}. {failure.message} {failure.advice or _CLEAR}",
                )
                for school, failure in ordered
            ],
        ),
        links=(all_schools,),
    )


def begins_tomorrow(beginning: Sequence[tuple[School, Window | Pause]], all_schools: Link) -> Mail:
    """The day before, to one recipient: the windows and pauses of their schools that begin.

    :param beginning: each school with what begins there.
    """
    schools: dict[tuple[str, str], list[str]] = {}
    for school, each in beginning:
        schools.setdefault((each.name, each.words), []).append(school.name)
    names = list(dict.fromkeys(name for name, _ in schools))
    number = len({school.id for school, _ in beginning})
    begin = "begin" if names[1:] else "begins"
    whose = beginning[0][0].name if number == 1 else f"{number:,} schools"
    return Mail(
        subject=f"{whose}: {' and '.join(names[:2])}{' and more' if names[2:] else ''} {begin} tomorrow",
        tone="info",
        happened=("As the configuration says (`expected`, `pause`):",),
        table=Table(("What", "When, and what it means", "Schools"), [(*key, _some(of)) for key, of in schools.items()]),
        to_do="Nothing, if it is right. Else correct `schools.yaml` before tonight.",
        links=(all_schools,),
    )


def _some(names: Sequence[str], most: int = 10) -> str:
    told = [*names[:most], *([f"{len(names) - most:,} more"] if len(names) > most else [])]
    return ", ".join(told)


def _code(key: str) -> str:
    return key.rpartition(":")[2]


def _at(moment: datetime, school: School) -> str:
    return f"{moment.astimezone(ZoneInfo(school.timezone)):%H:%M on %A %d %B} ({school.timezone})"


def _long(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    return f"{minutes // 60} hours" if minutes % 60 == 0 and minutes > 60 else f"{minutes} min"
