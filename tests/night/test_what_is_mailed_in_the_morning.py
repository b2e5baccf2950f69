"""How each school stands in the daily digest, and whom the records to correct are mailed to (docs/operating.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from night_schools import NightSchool

from nights_without_airflow import WORK, run_night
from sims_sync.airflow import digest
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.config.school_entry import School
from sims_sync.mails.mail import Link, Mail
from sims_sync.mails.messages import Morning
from sims_sync.model.errors import PermanentFault
from sims_sync.night.morning import morning_of
from sims_sync.night.news import after_report, tell_records
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.notices import Notices
from sims_sync.runs.reading import REPORT
from sims_sync.store.folder import Folder, Unreadable
from sims_sync.store.layout import run_folder, state_folder
from sims_sync.store.local import LocalFolder

DAY = date(2026, 9, 14)
LINK = Link("Green Abbey", "https://airflow.example.org/dags/x")
ADA, NOBODYS = range(101, 102), range(0)
TEAM, OFFICE = ["team@example.org"], ["office@example.org"]


@dataclass
class Letters(AirflowPost):
    """Keeps the mails in place of sending them, each with whom it is for."""

    sent: list[tuple[list[str], Mail]] = field(default_factory=list)

    def send(self, school: School, mail: Mail) -> bool:
        self.sent.append((school.office_emails if mail.to_office else school.alert_emails, mail))
        return True


def morning(school: NightSchool, after: timedelta = timedelta()) -> Morning:
    return morning_of(school.store, school.school, datetime.now(UTC) + after, LINK)


def night(school: NightSchool, post: AirflowPost | None = None, **parameters: Any) -> None:
    run = school.run(DAY)
    ran = run_night(run, **parameters)
    if ran.reported:
        after_report(run, ran.reported, post or Letters())


def test_a_school_that_has_not_run_yet_is_neither_late_nor_in_order(school: NightSchool) -> None:
    assert morning(school).state == "new"


def test_a_school_whose_last_run_was_good_is_in_order_until_its_next_is_late(school: NightSchool) -> None:
    school.on_roll((ADA, "9"))
    night(school)
    assert morning(school).state == "in order"
    late = morning(school, timedelta(days=2))
    assert late.state == "late"
    assert late.since is not None
    school.configure(schedule="manual")
    assert morning(school, timedelta(days=2)).state == "in order"


def test_a_school_that_fails_says_since_when_and_what_to_do(school: NightSchool) -> None:
    school.on_roll((NOBODYS, "9"))
    night(school)
    found = morning(school)
    assert found.state == "fails"
    assert "the roll from SIMS was refused" in found.why
    assert found.since is not None


def test_a_plan_waits_until_it_is_answered_or_lapses(school: NightSchool) -> None:
    school.on_roll((ADA, "9"))
    night(school)
    school.configure(limits={"create": {"percent": 0, "floor": 0}})
    school.on_roll((range(101, 103), "9"))
    run, told = school.run(DAY), None
    for stage in ("extract", "validate", "transform", "plan"):
        told = WORK[stage](run, told)
    lapses_at = datetime.now(UTC) + timedelta(hours=1)
    run.files.record_question(run.files.open(PlanFacts, told), lapses_at, stage="approve")
    assert morning(school).state == "waits"
    assert "1 accounts would be created" in morning(school).why
    assert morning(school, timedelta(hours=2)).state == "in order", "nobody can answer any more"


def test_a_paused_school_is_not_late(school: NightSchool) -> None:
    school.on_roll((ADA, "9"))
    night(school)
    today = datetime.now(UTC).date()
    school.configure(
        pause=[{"from": today, "to": today + timedelta(days=9), "what": "all", "reason": "the platform moves"}]
    )
    assert morning(school, timedelta(days=2)).state == "paused"


def test_a_school_whose_files_cannot_be_listed_stops_no_other(
    school: NightSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Unreadable("green-abbey", "it is not ours")

    monkeypatch.setattr(LocalFolder, "stamps", refuse)
    found = morning(school)
    assert found.state == "fails"
    assert "cannot be listed" in found.why


TRIALS: list[dict[str, Any]] = [{"dry_run": True}, {"only_person_ids": frozenset({"101"})}]


def report_of(school: NightSchool) -> Folder:
    """The folder of the last run."""
    return run_folder(school.store, school.school.id, f"night {school.nights}")


def try_it(school: NightSchool, after: timedelta, **trial: Any) -> None:
    """A dry run, or a run for some students alone, some time after now."""
    reported = school.night(DAY, **trial).reported
    assert reported is not None
    ended = reported.report.finished_at + after
    report_of(school).write(REPORT, reported.report.model_copy(update={"finished_at": ended}).as_json())


@pytest.mark.parametrize("trial", TRIALS)
def test_a_trial_does_not_hide_that_a_school_is_late(school: NightSchool, trial: dict[str, Any]) -> None:
    school.on_roll((ADA, "9"))
    night(school)
    try_it(school, timedelta(days=6), **trial)
    assert morning(school).state == "in order"
    assert morning(school, timedelta(days=6)).state == "late"


def test_a_school_of_which_trials_alone_have_a_report_is_late_if_it_ever_really_ran(school: NightSchool) -> None:
    school.on_roll((ADA, "9"))
    night(school)
    report_of(school).remove(REPORT)
    assert morning(school, timedelta(days=40)).state == "late"
    try_it(school, timedelta(days=40), dry_run=True)
    assert morning(school, timedelta(days=40)).state == "late"
    assert morning(school).state == "new", "none was due since"
    school.configure(schedule="manual")
    assert morning(school, timedelta(days=40)).state == "new"


def test_a_school_whose_mark_cannot_be_read_fails(school: NightSchool) -> None:
    school.run(DAY).state.folder.write("mark.json", b"{")
    found = morning(school)
    assert found.state == "fails"
    assert "mark.json" in found.why


@pytest.mark.parametrize("trial", TRIALS)
@pytest.mark.parametrize("on_roll", [ADA, NOBODYS])
def test_a_school_that_was_only_tried_has_not_run_yet(
    school: NightSchool, trial: dict[str, Any], on_roll: range
) -> None:
    school.on_roll((on_roll, "9"))
    try_it(school, timedelta(), **trial)
    assert morning(school).state == "new"
    assert morning(school, timedelta(days=2)).state == "new"


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}"])
def test_a_school_whose_newest_report_cannot_be_read_fails(school: NightSchool, content: bytes) -> None:
    school.on_roll((ADA, "9"))
    night(school)
    night(school)
    report_of(school).write(REPORT, content)
    found = morning(school)
    assert found.state == "fails"
    assert "The report of its run night-2-" in found.why
    assert "clear the run" in found.why
    school.night(DAY, dry_run=True)
    assert morning(school).state == "fails", "a trial decides nothing"
    night(school)
    assert morning(school).state == "in order"


def wrong(school: NightSchool, *people: int) -> None:
    """These have no email in SIMS: that is for the school office."""
    assert hasattr(school.source, "write")
    school.on_roll((range(101, 110), "9"))
    rows = [
        {"person_id": str(person), "location": "H", "email_address": f"p{person}@example.org", "primary": "T"}
        for person in range(101, 110)
        if person not in people
    ]
    school.source.write("emails", rows)


def test_records_are_mailed_to_the_data_team_where_there_is_no_office(school: NightSchool) -> None:
    school.configure(alert_emails=TEAM)
    wrong(school, 101)
    post = Letters()
    night(school, post)
    ((to, mail),) = post.sent
    assert (to, mail.subject) == (TEAM, "Green Abbey: records to correct: 1 new, 0 solved")


def test_records_are_mailed_to_the_office_and_failures_to_the_data_team(school: NightSchool) -> None:
    school.configure(alert_emails=TEAM, office_emails=OFFICE)
    wrong(school, 101)
    post = Letters()
    night(school, post)
    ((to, mail),) = post.sent
    assert (to, mail.subject) == (OFFICE, "Green Abbey: records to correct: 1 new, 0 solved")
    assert "Correct these in SIMS" in mail.text
    night(school, post)
    assert len(post.sent) == 1, "nothing has changed"
    school.on_roll((NOBODYS, "9"))
    night(school, post)
    assert post.sent[-1][0] == TEAM


def test_an_office_that_wants_it_weekly_hears_once_a_week_what_is_to_be_corrected(school: NightSchool) -> None:
    school.configure(alert_emails=TEAM, office_emails=OFFICE, records_mail="weekly")
    post = Letters()

    def week() -> str:
        before = len(post.sent)
        state = school.run(DAY).state.folder
        tell_records(school.school, state, (LINK,), post, to_office=True, again=True)
        return post.sent[-1][1].subject if len(post.sent) > before else ""

    wrong(school, 101)
    night(school, post)
    wrong(school, 102, 103)
    night(school, post)
    assert post.sent == []
    assert week() == "Green Abbey: records to correct: 2 new, 0 solved"
    assert week() == "Green Abbey: records to correct: 0 new, 0 solved", "they are still to be corrected"
    wrong(school)
    night(school, post)
    assert week() == "Green Abbey: records to correct: 0 new, 2 solved"
    assert week() == ""


@pytest.fixture
def mails(school: NightSchool, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Mail]]:
    """What the digest's task mails, to whom."""
    sent: list[tuple[list[str], Mail]] = []
    monkeypatch.setattr(digest, "send_to", lambda addresses, mail: sent.append((addresses, mail)) or True)
    monkeypatch.setattr(digest, "configured_store", lambda: school.store)
    monkeypatch.setattr(digest, "load_schools", lambda: ({school.school.id: school.school}, []))
    return sent


@pytest.mark.parametrize(("wanted", "number"), [("problems", 0), ("always", 1)])
def test_the_digest_comes_when_all_is_well_where_that_is_wanted(
    school: NightSchool, mails: list[tuple[list[str], Mail]], wanted: str, number: int
) -> None:
    school.configure(alert_emails=TEAM, digest=wanted)
    school.on_roll((ADA, "9"))
    night(school)
    digest.mail_how_schools_stand.function()
    assert [(to, mail.subject) for to, mail in mails] == [(TEAM, "all well: 1 in order")] * number


def test_the_digest_comes_for_a_school_whose_files_cannot_be_listed(
    school: NightSchool, mails: list[tuple[list[str], Mail]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Unreadable("green-abbey", "it is not ours")

    school.configure(alert_emails=TEAM)
    monkeypatch.setattr(LocalFolder, "stamps", refuse)
    digest.mail_how_schools_stand.function()
    ((to, mail),) = mails
    assert to == TEAM
    assert "cannot be listed" in mail.text


def test_a_school_whose_state_cannot_be_written_keeps_no_other_office_from_its_weekly_mail(
    school: NightSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(folder: LocalFolder, file: str, content: bytes) -> None:
        if "green-abbey" in str(folder):
            raise PermissionError
        whole(folder, file, content)

    of_each = {"office_emails": OFFICE, "records_mail": "weekly", "timezone": "UTC"}
    school.configure(**of_each)
    schools = [school.school, *(school.school.model_copy(update={"id": each}) for each in ("north-quay", "west-hill"))]
    for each in schools:
        Notices(found=("101:no_email",)).save(state_folder(school.store, each.id))
    post, whole = Letters(), LocalFolder.write
    monkeypatch.setattr(LocalFolder, "write", write)
    monkeypatch.setattr(digest, "AirflowPost", lambda: post)
    monkeypatch.setattr(digest, "configured_store", lambda: school.store)
    monkeypatch.setattr(digest, "load_schools", lambda: ({each.id: each for each in schools}, []))
    monkeypatch.setattr(digest, "_MONDAY", datetime.now(UTC).weekday())
    with pytest.raises(PermanentFault, match="The records to correct of green-abbey were not mailed"):
        digest.mail_records_of_the_week.function()
    assert len(post.sent) == 3
    kept = [Notices.of(state_folder(school.store, each.id)).records for each in schools]
    assert kept == [None, ("101:no_email",), ("101:no_email",)]
