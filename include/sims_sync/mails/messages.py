"""Every mail that there is: one function for each, from plain facts. docs/operating.md lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sims_sync.config.school_entry import School
from sims_sync.config.school_year import Pause, Window
from sims_sync.mails.failure import CLEAR, Failure
from sims_sync.mails.mail import Link, Mail, Table
from sims_sync.model.findings import CODES

_DIGEST = "While it goes on failing so, only the daily digest says it again; a note follows when it works again."


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
        meaning = "How much had been written is not known: no report was made of it. The next good run puts it right."
    elif written:
        meaning = f"Until then {written:,} accounts were written. What was written stays; the next run writes the rest."
    else:
        meaning = "Nothing was written: all accounts are as they were."
    return Mail(
        subject=f"{school.name}: {failure.words}",
        tone="bad",
        happened=(f"{failure.stage}: {failure.message}", meaning, _DIGEST),
        to_do=failure.advice or CLEAR,
        links=(places.run, places.school),
    )


def plan_held(
    school: School,
    *,
    subject: str,
    effective_date: str,
    reasons: Sequence[str],
    counts: Mapping[str, int],
    without_departures: bool,
    departing: str = "",
    lapses_at: datetime,
    places: Places,
) -> Mail:
    """A plan is held and waits for a person.

    :param subject: the question in one line.
    :param reasons: why it is held.
    :param counts: accounts, by what would be done with them in words.
    :param departing: how many would leave of each group, in words; empty where nobody would.
    :param without_departures: whether the person may approve all but the departures.
    """
    without = " Approve without departures, if only the leavers look wrong: then nobody is disabled."
    return Mail(
        subject=subject,
        tone="warn",
        happened=(
            f"The plan for the roll of {effective_date} is held. Nothing is written until a person approves it.",
            *_leaving(departing),
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
    departing: str = "",
) -> Mail:
    """The departures of a plan are over a limit and wait for a person; all else was written.

    :param reasons: each limit exceeded.
    :param counts: accounts, by what would be done with them in words.
    :param departing: how many of each group, in words.
    """
    return Mail(
        subject=f"{school.name}: disable {sum(counts.values()):,} accounts?",
        tone="warn",
        happened=(
            f"The departures of the roll of {effective_date} are held. Everybody on roll has been created and changed; "
            "nobody is disabled until a person approves it.",
            *_leaving(departing),
            f"Without an answer they lapse at {_at(lapses_at, school)}, and the run fails.",
        ),
        reasons=tuple(reasons),
        table=Table(("Accounts", ""), [(words, f"{number:,}") for words, number in counts.items()]),
        to_do="Approve only if so many have left; reject, and nobody is disabled.",
        links=(places.departures, places.run),
    )


def _leaving(departing: str) -> tuple[str, ...]:
    return (f"Who would leave: {departing}. The page of the run shows each of them.",) if departing else ()


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


def records_changed(
    school: School, before: Collection[str], now: Collection[str], links: tuple[Link, ...], *, to_office: bool = False
) -> Mail:
    """The records to correct in SIMS are others than those that were told last.

    :param before: the findings that were told last.
    :param now: those of the last good run: ``<Person ID>:<code>`` each.
    :param to_office: whether it is for the school office (`office_emails`).
    """
    new = set(now) - set(before)
    solved = {key for key in set(before) - set(now) if not once(key)}
    by_code = {name: Counter(map(code_of, keys)) for name, keys in (("now", now), ("new", new), ("solved", solved))}
    codes = [code for code in CODES if by_code["now"][code] or by_code["solved"][code]]
    rows: list[tuple[str | int | Link, ...]] = [
        (
            CODES[code].reason if to_office else code,
            _STOPS[CODES[code].stops],
            *(by_code[name][code] for name in by_code),
            CODES[code].correct,
        )
        for code in sorted(codes, key=lambda code: not CODES[code].stops)
    ]
    first = "What is wrong" if to_office else "Code"
    where = "it is on the run's page (For the school office), and has each record by its admission number."
    to_do = f"Correct these in SIMS. Ask the data team for the list, if you have no access to Airflow: {where}"
    if not to_office:
        to_do = f"Send the school office the list: {where}"
    return Mail(
        subject=f"{school.name}: records to correct: {len(new):,} new, {len(solved):,} solved",
        tone="info",
        happened=(
            "What is wrong with records in SIMS has changed since this was last mailed."
            if new or solved
            else "These records are still to be corrected in SIMS.",
            f"Now {_number(now, stops=True)} not imported, and {_number(now, stops=False)} imported with a warning.",
        ),
        table=Table((first, "Record", "Now", "New", "Solved", "What to correct"), rows),
        to_do=to_do if by_code["now"] else "Nothing: no record is wrong any more.",
        links=links,
        to_office=to_office,
    )


@dataclass(frozen=True)
class Morning:
    """How a school stands in the morning.

    :param state: a key of :data:`MORNINGS`.
    :param why: and what to do.
    :param link: to its page.
    """

    school: School
    state: str
    link: Link
    why: str = ""
    since: datetime | None = None


MORNINGS = {
    "fails": "failing",
    "waits": "waiting for an answer",
    "late": "late",
    "paused": "paused",
    "new": "not run yet",
    "in order": "in order",
}
"""How schools can stand, in words, the most urgent first."""


def daily_digest(mornings: Sequence[Morning], all_schools: Link) -> Mail:
    """Each day, to one recipient: how their schools stand, the longest failing one at the top."""
    order = list(MORNINGS)
    ordered = sorted(mornings, key=lambda each: (order.index(each.state), each.since or _FAR, each.school.name))
    numbers = Counter(each.state for each in ordered)
    failing = numbers["fails"]
    if failing:
        subject = f"{ordered[0].school.name} still fails" if failing == 1 else f"{failing:,} schools still fail"
    elif attention := sum(numbers[state] for state in ("waits", "late")):
        subject = f"{ordered[0].school.name} needs you" if attention == 1 else f"{attention:,} schools need you"
    else:
        subject = f"all well: {', '.join(_numbers(numbers))}"
    told: list[tuple[str | int | Link, ...]] = [
        (each.link, _at(each.since, each.school) if each.since else "", f"{MORNINGS[each.state]}. {each.why}")
        for each in ordered
        if each.state not in ("in order", "new")
    ]
    return Mail(
        subject=subject,
        tone="bad" if failing else "warn" if numbers["waits"] or numbers["late"] else "good",
        happened=(
            f"{_schools(len(ordered))}: {', '.join(_numbers(numbers))}.",
            *(("The accounts of a school that fails are as its last good run left them.",) if failing else ()),
        ),
        table=Table(("School", "Since", "How it stands, and what to do"), told) if told else None,
        links=(all_schools,),
    )


def what_fails(failure: Failure) -> str:
    """How a school fails, and what to do, in a line."""
    return f"{failure.words}. {failure.message} {failure.advice or CLEAR}"


_FAR = datetime.max.replace(tzinfo=UTC)


def _numbers(numbers: Mapping[str, int]) -> list[str]:
    return [f"{numbers[state]:,} {words}" for state, words in MORNINGS.items() if numbers[state]]


def _schools(number: int) -> str:
    return f"{number:,} school{'' if number == 1 else 's'}"


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


def once(key: str) -> bool:
    """Whether a finding, ``<Person ID>:<code>``, is one that can be found once alone."""
    code = CODES.get(code_of(key))
    return code is not None and code.once


_STOPS = {True: "not imported", False: "warning"}


def _number(keys: Collection[str], *, stops: bool) -> str:
    """How many records have findings that stop them, or that do not."""
    records = {key.rpartition(":")[0] for key in keys if (code := CODES.get(code_of(key))) and code.stops == stops}
    return f"{len(records):,} {'record is' if len(records) == 1 else 'records are'}"


def code_of(key: str) -> str:
    """The code of a finding's key."""
    return key.rpartition(":")[2]


def _at(moment: datetime, school: School) -> str:
    return f"{moment.astimezone(ZoneInfo(school.timezone)):%H:%M on %A %d %B} ({school.timezone})"


def _long(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    return f"{minutes // 60} hours" if minutes % 60 == 0 and minutes > 60 else f"{minutes} min"
