"""Departures over a limit wait alone, after everybody on roll was written; all else holds the whole plan (SPEC section
7)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from night_schools import NightSchool

from nights_without_airflow import WORK, Night, answered, run_night
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.mails.mail import Mail
from sims_sync.model.errors import DeparturesNotApproved, NotApproved, PermanentFault, SyncError, TransientFault
from sims_sync.night.approval import GATES
from sims_sync.night.news import after_report
from sims_sync.night.reporting import report_run
from sims_sync.night.run import Run, recorded
from sims_sync.runs.documents import FACTS, PlanFacts
from sims_sync.runs.standing import APPROVE, APPROVE_ALL, REJECT, WITHOUT_DEPARTURES
from sims_sync.ui.airflow_runs import AirflowRun
from sims_sync.ui.fate import Fate
from sims_sync.ui.history import History, RunSummary
from sims_sync.ui.run_page import RunPage, run_page
from sims_sync.ui.student_page import student_page

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 9, 14) + timedelta(days=day) for day in range(4))
ALL, STAY, JOIN = range(101, 121), range(101, 113), range(201, 204)
"""20 on Monday; on Tuesday 8 have left, which is over both limits of departures, and 3 are new."""


@pytest.fixture
def tuesday(school: NightSchool) -> NightSchool:
    """A school after Monday's good night, with Tuesday's roll."""
    school.on_roll((ALL, "9"))
    assert school.night(MONDAY).fault is None
    school.on_roll((STAY, "9"), (JOIN, "7"))
    return school


def holds_all(school: NightSchool) -> None:
    """Nobody may be created without an approval: the whole plan is held."""
    school.configure(limits={"create": {"percent": 0, "floor": 0}})


def ended(night: Night) -> tuple[str, dict[str, str]]:
    assert night.reported
    return night.reported.report.outcome, {
        stage: state for stage, state in night.states.items() if stage in ("approve", "load", "approve_leavers")
    }


def counts(night: Night) -> dict[str, int]:
    assert night.reported
    return {name: number for name, number in night.reported.report.counts.items() if number}


def reason(night: Night) -> str:
    assert night.reported
    return night.reported.report.reason


@pytest.mark.parametrize(("by", "how"), [("admin", "admin rejected the departures"), (None, "they lapsed")])
def test_departures_that_are_refused_or_lapse_leave_all_else_written_and_nobody_disabled(
    tuesday: NightSchool, by: str | None, how: str
) -> None:
    night = tuesday.night(TUESDAY, approved_by=by, answers={"approve_leavers": REJECT})
    assert ended(night) == ("held", {"approve": "success", "load": "success", "approve_leavers": "failed"})
    assert isinstance(night.fault, DeparturesNotApproved)
    assert reason(night).startswith("approve_leavers: ")
    assert how in reason(night)
    assert "created and changed; nobody was disabled" in reason(night)
    assert "8 of 20 active student accounts would be disabled" in reason(night)
    assert counts(night) == {"extracted": 15, "created": 3, "unchanged": 12}
    assert tuesday.active() == {*ALL, *JOIN}
    mark = tuesday.run(TUESDAY).state.mark()
    assert mark
    assert mark.effective_date == TUESDAY, "the mark stays"

    again = tuesday.night(WEDNESDAY, approved_by="admin")
    assert ended(again)[0] == "success", "the next night plans afresh"
    assert counts(again) == {"extracted": 15, "unchanged": 15, "disabled": 8}
    assert tuesday.active() == {*STAY, *JOIN}


def test_departures_over_a_limit_that_are_approved_are_written_and_count_for_no_later_limit(
    tuesday: NightSchool,
) -> None:
    night = tuesday.night(TUESDAY, approved_by="admin")
    assert ended(night)[0] == "success"
    assert night.reported
    assert "The departures were held, and approved by admin." in night.reported.report.notes
    assert tuesday.active() == {*STAY, *JOIN}
    tuesday.on_roll((range(101, 108), "9"), (JOIN, "7"))
    assert ended(tuesday.night(WEDNESDAY))[0] == "success", "5 more are within the limits, for 8 were approved"


def test_what_holds_the_whole_plan_holds_the_joiners_too(tuesday: NightSchool) -> None:
    holds_all(tuesday)
    night = tuesday.night(TUESDAY)
    assert ended(night) == (
        "held",
        {"approve": "failed", "load": "upstream_failed", "approve_leavers": "upstream_failed"},
    )
    assert isinstance(night.fault, NotApproved)
    assert not isinstance(night.fault, DeparturesNotApproved)
    assert tuesday.active() == {*ALL}
    assert "nothing was written" in reason(night)


OPTIONS = {
    APPROVE_ALL: ("success", {*STAY, *JOIN}, {"created": 3, "disabled": 8}),
    WITHOUT_DEPARTURES: ("held", {*ALL, *JOIN}, {"created": 3}),
    REJECT: ("held", {*ALL}, {"created": 3, "disabled": 8}),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_if_both_kinds_are_over_only_approve_asks(tuesday: NightSchool, option: str) -> None:
    holds_all(tuesday)
    outcome, active, numbers = OPTIONS[option]
    night = tuesday.night(TUESDAY, approved_by="admin", answers={"approve": option, "approve_leavers": "never asked"})
    assert ended(night)[0] == outcome
    assert tuesday.active() == active
    assert {name: number for name, number in counts(night).items() if name in ("created", "disabled")} == numbers
    if option == WITHOUT_DEPARTURES:
        assert "admin approved the plan without its departures" in reason(night)
        assert "created and changed; nobody was disabled" in reason(night)
        assert ended(night)[1]["approve_leavers"] == "failed"


def test_question_and_mail_say_who_would_leave_in_groups_and_where_each_of_them_is_shown(
    school: NightSchool,
) -> None:
    school.on_roll((STAY, "9"), (range(113, 120), "11"), (range(120, 121), None))
    assert school.night(MONDAY).fault is None
    school.on_roll((STAY, "9"))
    groups = "7 of year 11, 1 of no known year"
    for stage in ("approve_leavers", "approve"):
        gate = GATES[stage].open(asked_at(school, stage), None)
        assert dict(gate.plan.facts.departing) == {"of year 11": 7, "of no known year": 1}
        body = gate.question(datetime(2026, 9, 16, tzinfo=UTC), "https://airflow.example.org/page")
        assert f"**Who would leave**: {groups}." in body
        assert "[The page of the run](https://airflow.example.org/page) shows each of them." in body
        assert "The page of the run" not in gate.question(datetime(2026, 9, 16, tzinfo=UTC))
        mail = gate.mail(datetime(2026, 9, 16, tzinfo=UTC), AirflowPost().places(school.school, "night 2"))
        assert f"Who would leave: {groups}." in " ".join(mail.text.split())
        holds_all(school)
        school.on_roll((STAY, "9"), (JOIN, "7"))


@pytest.mark.parametrize(
    ("why", "kept"),
    [
        ("", ""),
        ("The office says\n they   stay.", "The office says they stay."),
        ("\u0000\u202e odd\u2028", "odd"),
        ("w" * 2000, f"{'w' * 299}…"),
    ],
)
def test_why_somebody_refused_is_kept_and_no_message_quotes_it(tuesday: NightSchool, why: str, kept: str) -> None:
    run = asked_at(tuesday, "approve_leavers")
    told = f"admin rejected the departures{' (why stands on the page of the run)' if kept else ''}: created"
    for _ in range(2):  # the answer holds when the task is cleared
        with pytest.raises(DeparturesNotApproved) as refused, recorded(run.files, "approve_leavers"):
            refuse(run, why)
        assert told in str(refused.value)
    assert [answer.why for answer in run.files.read().answers()] == [kept]
    reported = report_run(run, {"approve_leavers": "failed"}, datetime.now(UTC))
    assert told in reported.report.reason
    for may_edit in (True, False):
        shown = run_page(tuesday.store, run.school, AirflowRun(run.run_id, "failed", None), {}, may_edit=may_edit)
        assert shown
        assert list(shown.refused) == ([kept] if kept and may_edit else [])


def refuse(run: Run, why: str) -> None:
    """What a person answers, or has answered before."""
    gate = GATES["approve_leavers"].open(run, None)
    if gate.passes() is None:
        gate.decide(REJECT, "admin", why)


@pytest.mark.parametrize("approved", [False, True])
def test_a_run_that_was_refused_and_is_planned_anew_shows_nothing_of_its_earlier_try(
    tuesday: NightSchool, approved: bool
) -> None:
    holds_all(tuesday)
    run = asked_at(tuesday, "approve")
    with pytest.raises(NotApproved), recorded(run.files, "approve"):
        GATES["approve"].open(run, None).decide(REJECT, "admin", "Not today.")
    report_run(run, {"approve": "failed"}, datetime.now(UTC))
    in_between = AirflowRun(run.run_id, "running", None)

    def shown() -> RunPage:
        page = run_page(tuesday.store, run.school, in_between, {}, may_edit=True)
        assert page
        return page

    assert (list(shown().refused), shown().has_csv) == (["Not today."], True)
    waits_at(run, "approve")
    assert (list(shown().refused), shown().has_csv) == ([], False)
    assert run.files.read().errors_csv() is None
    if approved:
        carry_out(run, [*WORK][4:])
        report_run(run, {}, datetime.now(UTC))
        assert (shown().label.words, list(shown().refused), shown().has_csv) == ("Success", [], True)


def test_what_somebody_wrote_who_approved_goes_nowhere(tuesday: NightSchool) -> None:
    run = asked_at(tuesday, "approve_leavers")
    GATES["approve_leavers"].open(run, None).decide(APPROVE, "admin", "The office says so.")
    assert run.files.read().answers()[0].why == ""


def test_the_question_has_the_options_that_there_are(tuesday: NightSchool) -> None:
    holds_all(tuesday)
    run = asked_at(tuesday, "approve")
    gate = GATES["approve"].open(run, None)
    assert gate.options == (APPROVE_ALL, WITHOUT_DEPARTURES, REJECT)
    assert len(gate.reasons) == 3, "create, disable and disable_7_days"
    body = gate.question(datetime(2026, 9, 16, tzinfo=UTC))
    for words in ("| to create | 3 |", "| to disable | 8 |", "**Approve all**", "**Approve without departures**"):
        assert words in body
    tuesday.on_roll((ALL, "9"), (JOIN, "7"))
    assert GATES["approve"].open(asked_at(tuesday, "approve"), None).options == (APPROVE, REJECT)


def asked_at(school: NightSchool, stage: str) -> Run:
    """A run that has come to where a stage asks."""
    run = school.run(TUESDAY)
    carry_out(run, list(WORK)[: list(WORK).index(stage)])
    return run


def waits_at(run: Run, stage: str) -> None:
    """Ask a person, as the task does."""
    carry_out(run, list(WORK)[: list(WORK).index(stage)])
    run.files.record_question(run.files.open(PlanFacts), datetime.now(UTC) + timedelta(hours=8), stage=stage)


def fate_in(run: Run, school: NightSchool, person_id: int) -> tuple[RunSummary, Fate]:
    """What the page of a student says of a run that it was asked for."""
    history = History(school.store).of(school.school.id)
    page = student_page(school.store, run.school, history, str(person_id), wanted_run=run.run_id, may_see_values=True)
    assert page
    assert not page.not_shown
    return next(each for each in page.fates if each[0].run_id == run.run_id)


def carry_out(run: Run, stages: Iterable[str], **answers: str) -> None:
    """Carry out stages, each from what the one before it has left, as Airflow does when a run is cleared."""
    before = dict(zip(list(WORK)[1:], WORK, strict=False))
    for stage in stages:
        work = answered(stage, answers.get(stage), "admin") if stage in GATES else WORK[stage]
        told = run.files.open(FACTS[before[stage]]).reference if stage in before else None
        with recorded(run.files, stage):
            work(run, told)


@pytest.mark.parametrize("cleared", ["approve", "load", "approve_leavers", "disable_leavers"])
@pytest.mark.parametrize("both", [True, False])
def test_a_run_that_was_killed_and_cleared_uses_the_answers_to_the_same_plan_again(
    tuesday: NightSchool, cleared: str, both: bool
) -> None:
    if both:
        holds_all(tuesday)
    run = asked_at(tuesday, "approve")
    carry_out(run, ["approve", "load", "approve_leavers"])
    unanswered = dict.fromkeys(GATES, REJECT)
    from_there = list(WORK)[list(WORK).index(cleared) :]
    carry_out(run, from_there, **unanswered)
    assert tuesday.active() == {*STAY, *JOIN}, "nobody was asked again"


def test_an_answer_holds_for_no_other_plan(tuesday: NightSchool) -> None:
    run = asked_at(tuesday, "approve")
    carry_out(run, ["approve", "load", "approve_leavers"])
    with pytest.raises(DeparturesNotApproved):
        carry_out(run, ["plan", "approve", "load", "approve_leavers"], approve_leavers=REJECT)


def test_an_answer_that_refuses_holds_as_well(tuesday: NightSchool) -> None:
    run = asked_at(tuesday, "approve")
    carry_out(run, ["approve", "load"])
    for answer in (REJECT, APPROVE):
        with pytest.raises(DeparturesNotApproved, match="admin rejected the departures"):
            carry_out(run, ["approve_leavers"], approve_leavers=answer)
    assert tuesday.active() == {*ALL, *JOIN}


def test_nobody_is_disabled_where_approve_leavers_was_marked_as_done_by_hand(tuesday: NightSchool) -> None:
    run = asked_at(tuesday, "approve")
    carry_out(run, ["approve", "load"])
    with pytest.raises(PermanentFault, match="went through `approve_leavers` without an answer"):
        WORK["disable_leavers"](run, None)
    assert tuesday.active() == {*ALL, *JOIN}


def test_departures_count_as_approved_only_if_they_were_over_a_limit_and_the_answer_covered_them(
    tuesday: NightSchool,
) -> None:
    """A plan that is held for its joiners, and whose leavers are within the limits, is approved for its joiners."""
    holds_all(tuesday)
    tuesday.on_roll((range(101, 117), "9"), (JOIN, "7"))
    assert ended(tuesday.night(TUESDAY, approved_by="admin"))[0] == "success"
    _, entry = tuesday.run(TUESDAY).state.departures(datetime.now(UTC))
    assert (len(entry.accounts), entry.approved) == (4, False)
    tuesday.on_roll((range(101, 115), "9"), (JOIN, "7"))
    held = tuesday.night(WEDNESDAY)
    assert ended(held)[0] == "held"
    assert "With those of the last 7 days that no person approved, 6 accounts" in reason(held)


def test_a_dry_run_asks_nobody(tuesday: NightSchool) -> None:
    night = tuesday.night(TUESDAY, dry_run=True)
    assert ended(night)[0] == "dry_run"
    assert counts(night) == {"extracted": 15, "created": 3, "unchanged": 12, "disabled": 8}


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_value_that_everybody_who_has_it_would_lose_holds_the_plan_whatever_the_limit(
    school: NightSchool, size: int
) -> None:
    mobiles = {person: f"07700 900{person}" for person in ALL[:size]}
    school.on_roll((ALL, "9"), mobiles=mobiles)
    assert school.night(MONDAY).fault is None
    school.on_roll((ALL, "9"), mobiles={ALL[0]: mobiles[ALL[0]]})
    assert school.night(TUESDAY).fault is None, "one keeps it"
    school.on_roll((ALL, "9"), mobiles=mobiles)
    assert school.night(WEDNESDAY).fault is None
    school.on_roll((ALL, "9"))
    night = school.night(THURSDAY)
    assert ended(night)[0] == "held"
    assert f"All {size} accounts with" in reason(night)


def test_the_only_one_who_has_a_value_may_lose_it(school: NightSchool) -> None:
    school.on_roll((ALL, "9"), mobiles={ALL[0]: "07700 900101"})
    assert school.night(MONDAY).fault is None
    school.on_roll((ALL, "9"), mobiles={ALL[1]: "07700 900102"})
    assert school.night(TUESDAY).fault is None


class Letters(AirflowPost):
    """Keeps the mails in place of sending them."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    def send(self, school: Any, mail: Mail) -> bool:
        self.mails.append(mail)
        return True


def test_the_mail_of_departures_that_were_refused_says_what_was_written(tuesday: NightSchool) -> None:
    run = tuesday.run(TUESDAY)
    night, post = run_night(run), Letters()
    assert night.reported
    after_report(run, night.reported, post)
    (mail,) = post.mails
    assert mail.subject == "Green Abbey: the departures were not approved"
    assert "3 accounts were written" in mail.text
    assert "Nothing was written" not in mail.text


def stop(run: Run, stage: str, how: str) -> None:
    """End a stage that writes as a killed process, a defect or a fault that was foreseen does."""
    endings = {"defect": KeyError("Ada"), "fault": TransientFault("The directory is out of reach.")}
    with suppress(SyncError, Killed), recorded(run.files, stage, passes=Killed):
        raise endings.get(how, Killed())


class Killed(Exception):
    """A process that is gone leaves no word."""


@pytest.mark.parametrize("stage", ["load", "disable_leavers"])
@pytest.mark.parametrize("how", ["killed", "defect", "fault"])
def test_what_a_task_has_written_that_ended_without_a_word_is_not_known(
    tuesday: NightSchool, stage: str, how: str
) -> None:
    run, post = tuesday.run(TUESDAY), Letters()
    carry_out(run, [*WORK][: [*WORK].index(stage)])
    stop(run, stage, how)
    reported = report_run(run, {stage: "failed"}, datetime.now(UTC))
    after_report(run, reported, post)
    (mail,) = post.mails
    known = how == "fault"
    assert ("How much had been written is not known" in mail.text) == (not known)
    nothing = "Nothing was written" if stage == "load" else "Until then 3 accounts were written"
    assert (nothing in mail.text) == known
    shown = run_page(tuesday.store, run.school, AirflowRun(run.run_id, "failed", None), {}, may_edit=True)
    assert shown
    assert shown.changes
    written_by = {"create": "load", "disable": "disable_leavers"}
    results = {each.result for each in shown.changes.rows if written_by[each.kind] == stage}
    assert results == {"" if known else "not_known"}
    _, fate = fate_in(run, tuesday, JOIN[0] if stage == "load" else ALL[-1])
    assert ("it is not known whether it was written" in fate.sentence) == (not known)
    assert (fate.label.words == "not known whether it was written") == (not known)


def test_a_task_that_is_at_work_is_not_told_to_have_ended_without_a_word(tuesday: NightSchool) -> None:
    run = asked_at(tuesday, "load")
    shown = run_page(tuesday.store, run.school, AirflowRun(run.run_id, "running", None), {}, may_edit=True)
    assert shown
    assert shown.changes
    assert {each.result for each in shown.changes.rows} == {""}


def test_the_question_counts_rejected_records_as_the_report_does(school: NightSchool) -> None:
    school.on_roll((ALL, "9"))
    assert school.night(MONDAY).fault is None
    holds_all(school)
    twice = range(101, 104)
    school.on_roll((ALL, "9"), (twice, "9"), (JOIN, "7"))
    run = school.run(TUESDAY)
    night = run_night(run)
    assert night.reported
    report = night.reported.report
    assert (report.outcome, report.counts["rejected"]) == ("held", 2 * len(twice))
    assert [error.code for error in report.errors] == ["duplicate_person"] * len(twice)
    question = GATES["approve"].open(run, None).question(datetime.now(UTC))
    assert f"| records rejected | {report.counts['rejected']} |" in question


@pytest.mark.parametrize("waits", [False, True])
def test_a_run_for_some_students_alone_tells_nothing_of_the_others(tuesday: NightSchool, waits: bool) -> None:
    joiner, leaver, asked_for = JOIN[0], ALL[-1], ALL[-2]
    if waits:
        holds_all(tuesday)
    run = tuesday.run(TUESDAY, only_person_ids=frozenset(map(str, (joiner, asked_for))))
    if waits:
        waits_at(run, "approve")
    else:
        assert run_night(run).fault is None
    for other in (STAY[0], leaver):
        summary, fate = fate_in(run, tuesday, other)
        assert not fate.known
        assert fate.label.words == "not compared"
        assert fate.sentence == "The run was for some students alone, and not for this one."
    assert summary.label.words.startswith("Some students alone")
    assert fate_in(run, tuesday, joiner)[1].known
    sentence = fate_in(run, tuesday, asked_for)[1].sentence
    assert sentence == (
        "The person is not on roll. Nobody is disabled in this run: the run is for some Person IDs only."
    )
