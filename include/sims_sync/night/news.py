"""What the data team is mailed of a run: one mail for each event, never the same one night after night.

`report` ends every run, so it tells most: it knows what failed and what was written. What it cannot tell (its own
failure, and that of a run which was stopped as a whole) whoever runs the stages has told here. A failure is told once
for as long as it is the same one (:attr:`Failure.words`), then by the daily digest. Dry runs, superseded
runs and those of a pause are nobody's emergency: they neither fail a school nor heal it. A run for some students alone
that failed is told to who waits for it, and no more: it does not fail the school either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sims_sync.config.school_entry import School
from sims_sync.mails import messages
from sims_sync.mails.failure import Failure
from sims_sync.mails.mail import Link
from sims_sync.mails.post import Post
from sims_sync.model.findings import CODES, SCHOOL_OFFICE
from sims_sync.runs.documents import Report
from sims_sync.runs.notices import FailureNotice, Notices
from sims_sync.runs.reading import RunReader
from sims_sync.runs.untold import is_untold
from sims_sync.store.folder import Folder

if TYPE_CHECKING:
    from sims_sync.night.reporting import Reported
    from sims_sync.night.run import Run

_WRITTEN = ("created", "updated", "disabled")


def after_report(run: Run, reported: Reported, post: Post) -> None:
    """Tell what the run's report says, if it is news."""
    report = reported.report
    if run.parameters.dry_run or report.outcome in ("superseded", "paused"):
        return
    if reported.failure is not None:
        written = _written(run, report, reported.failure.stage)
        tell_failure(run.school, run.state.folder, reported.failure, written, post, of_school=run.is_whole)
    elif run.is_whole:
        _tell_recovery(run, report, post)
        _tell_records(run, report, post)


def _written(run: Run, report: Report, stage: str) -> int | None:
    """Accounts that a run had written when a stage failed; none where nobody can tell."""
    if is_untold(run.files.read(), stage):
        return None
    return 0 if report.wrote_nothing else sum(report.counts[name] for name in _WRITTEN)


def tell_failure(
    school: School, state: Folder, failure: Failure, written: int | None, post: Post, *, of_school: bool = True
) -> None:
    """Tell of a failure, unless it was told before; keep it for the digest.

    :param state: the school's state.
    :param written: accounts written until then; none where nobody can tell.
    :param of_school: whether the school fails now; a run for some students alone says nothing of it, and is not kept.
    """
    before = Notices.of(state)
    if not of_school:
        if before.told != failure.words:
            post.send(school, messages.run_failed(school, failure, written, post.places(school, failure.run_id)))
        return
    first = _failing(before)
    if first is not None:
        failure = replace(failure, since=first.since)
    told = before.told
    if told != failure.words:
        mail = messages.run_failed(school, failure, written, post.places(school, failure.run_id))
        told = failure.words if post.send(school, mail) else ""
    before.model_copy(update={"failing": FailureNotice(**asdict(failure)), "told": told}).save(state)


def tell_unreported(
    school: School,
    state: Folder,
    run: RunReader,
    failure: Failure,
    began: datetime | None,
    post: Post,
    *,
    of_school: bool = True,
) -> None:
    """Tell of a run that failed without a report of its own.

    :param run: what it has left.
    :param began: when this try of the run began.
    :param of_school: whether the school fails now.
    """
    if run.reported_since(began):
        return  # `report` has told it
    told = failing(state)
    if told is None or (told.run_id, told.stage) != (failure.run_id, "report"):
        tell_failure(school, state, failure, None, post, of_school=of_school)


def tell_late(
    school: School, run_id: str, run: RunReader, began: datetime | None, after: timedelta, day: date, post: Post
) -> None:
    """Tell that a run has not ended in its time, but where it waits for an answer: that was mailed when it was asked.
    One that has reported is over, and its report was told. While the school is paused, no run is late.

    :param run: what it has left.
    :param began: when this try of the run began.
    :param after: how long after it was due.
    :param day: its effective date.
    """
    over = run.reported_since(began)
    if not over and not run.waits_for_approval() and school.paused_on(day, "all") is None:
        post.send(school, messages.run_late(school, run_id, after, run.at_work(), post.places(school, run_id)))


def failing(state: Folder) -> Failure | None:
    """How a school fails, if it does."""
    return _failing(Notices.of(state))


def _tell_recovery(run: Run, report: Report, post: Post) -> None:
    before = Notices.of(run.state.folder)
    failure = _failing(before)
    if failure is None:
        return
    before.model_copy(update={"failing": None, "told": ""}).save(run.state.folder)
    if before.told:
        places = post.places(run.school, run.run_id)
        post.send(run.school, messages.works_again(run.school, failure, report.counts, places))


def _tell_records(run: Run, report: Report, post: Post) -> None:
    before, school = Notices.of(run.state.folder), run.school
    found = {
        f"{entry.school_identifier if entry.person_id is None else entry.person_id}:{entry.code}"
        for entry in (*report.errors, *report.warnings)
    }
    before.model_copy(update={"found": tuple(sorted(found))}).save(run.state.folder)
    places = post.places(school, run.run_id)
    if school.office_emails and school.records_mail == "daily":
        tell_records(school, run.state.folder, (places.run, places.school), post, to_office=True)
    tell_records(school, run.state.folder, (places.run, places.school), post)


def tell_records(
    school: School, state: Folder, links: tuple[Link, ...], post: Post, *, to_office: bool = False, again: bool = False
) -> bool:
    """Tell which records are to be corrected, where they are others than those that were told last.

    Where there are `office_emails`, the school office is told of what it corrects, and the data team of the rest.

    :param state: the school's state.
    :param again: whether it is told too where nothing has changed, as long as there are any.
    :returns: whether a mail was sent.
    """
    notices = Notices.of(state)

    def theirs(keys: Iterable[str] | None) -> set[str]:
        return {key for key in keys or () if not school.office_emails or of_office(key) == to_office}

    told = theirs(notices.records)
    now = told if notices.found is None else theirs(notices.found)
    gone = told - now
    if told >= now and all(map(messages.once, gone)) and not (again and now):
        if gone:
            notices.model_copy(update={"records": tuple(sorted(set(notices.records or ()) - gone))}).save(state)
        return False
    if not post.send(school, messages.records_changed(school, told, now, links, to_office=to_office)):
        return False  # the next night tells of both
    records = tuple(sorted(set(notices.records or ()) - told | now))
    notices.model_copy(update={"records": records}).save(state)
    return True


def of_office(key: str) -> bool:
    """Whether it is the school office that corrects what a finding's key tells of."""
    code = CODES.get(messages.code_of(key))
    return code is not None and code.who == SCHOOL_OFFICE


def _failing(notices: Notices) -> Failure | None:
    return None if notices.failing is None else Failure(**notices.failing.model_dump())
