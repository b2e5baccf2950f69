"""The page of all schools: which one needs us, why, and what to do; the most urgent first."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from invented_runs import error, write_config, write_held_plan, write_report
from ui_client import Pages

from invented_facts import EXTRACTED, planned
from object_store import object_store
from sims_sync.config.school_entry import School
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.files import RunFiles
from sims_sync.store.layout import run_folder
from sims_sync.store.local import LocalFolder
from sims_sync.ui.airflow_runs import AirflowRun, DagState
from sims_sync.ui.history import History
from sims_sync.ui.schools_page import STANDINGS, Line, line, lines
from sims_sync.ui.words import Label

NOW = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)
TONIGHT = NOW - timedelta(hours=7)
IDLE = DagState(paused=False, runs=())
BROKEN = "extract: SIMS refused the login. Correct the connection `sims_x`."


def school(school_id: str = "x", **own: object) -> School:
    values = {"name": f"School {school_id}", "la": "823", "estab": "4321", "modules": ["timetable"]}
    return School.model_validate({"id": school_id, "username": "email", "schedule": "0 1 * * *", **values, **own})


def shown(root: Path, dag: DagState | None = IDLE, *, scheduled: bool = True) -> Line:
    """The school ``x`` of a store."""
    runs = History(LocalFolder(root)).of("x")
    return line(school(), runs, dag, LocalFolder(root), NOW, scheduled=scheduled)


def standing(root: Path, dag: DagState | None = IDLE, **own: object) -> tuple[str, str, str]:
    """How the school ``x`` of a store stands, why, and what to do."""
    made = line(school(**own), History(LocalFolder(root)).of("x"), dag, LocalFolder(root), NOW)
    return made.standing, made.why, made.advice


def under_way(run_id: str, began: datetime = TONIGHT) -> DagState:
    return DagState(paused=False, runs=(AirflowRun(run_id, "running", began),))


def test_a_school_in_order(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, extracted=10, unchanged=10)
    assert standing(tmp_path) == ("success", "", "")


def test_a_failed_run_says_why_and_what_to_do(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, outcome="failed", reason=BROKEN)
    assert standing(tmp_path)[:2] == ("failed", BROKEN)


@pytest.mark.parametrize("outcome", ["dry_run", "superseded"])
def test_a_trial_or_an_older_roll_after_it_does_not_hide_the_failure(tmp_path: Path, outcome: str) -> None:
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, outcome="failed", reason=BROKEN)
    write_report(tmp_path, "x", "later", ended=TONIGHT + timedelta(hours=1), outcome=outcome)
    assert standing(tmp_path)[0] == "failed"
    write_report(tmp_path, "x", "latest", ended=TONIGHT + timedelta(hours=2))
    assert standing(tmp_path)[0] == "success"


PARTIAL: dict[str, Any] = {"partial": True, "only_person_ids": [101], "extracted": 1}
TRIALS: dict[str, dict[str, Any]] = {
    "Some students alone": PARTIAL,
    "Some students alone, failed": {**PARTIAL, "outcome": "failed", "reason": BROKEN},
    "Some students alone, held, not approved": {**PARTIAL, "outcome": "held"},
    "Dry run": {"outcome": "dry_run", "extracted": 400, "dry_run": True},
    "Dry run, failed": {"outcome": "failed", "dry_run": True, "reason": BROKEN},
    "Dry run of some students": {**PARTIAL, "outcome": "dry_run", "dry_run": True},
    "Dry run of some students, failed": {**PARTIAL, "outcome": "failed", "dry_run": True},
}
NIGHTS: dict[str, dict[str, Any]] = {
    "success": {"extracted": 300},
    "failed": {"outcome": "failed", "reason": BROKEN},
    "held": {"outcome": "held"},
    "to_fix": {"errors": [error(1)], "extracted": 300},
}


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("words", TRIALS)
def test_a_trial_changes_nothing_of_how_a_school_stands_and_is_shown_as_what_it_is(
    tmp_path: Path, words: str, night: str
) -> None:
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, **NIGHTS[night])
    before = shown(tmp_path)
    write_report(tmp_path, "x", "trial", ended=TONIGHT + timedelta(hours=1), **TRIALS[words])
    after = shown(tmp_path)
    assert (after.standing, after.why, after.latest) == (before.standing, before.why, before.latest)
    assert after.standing == night
    assert after.since
    assert after.since.label == Label(words, "quiet")


@pytest.mark.parametrize("words", TRIALS)
def test_a_school_that_was_only_tried_has_not_run_yet(tmp_path: Path, words: str) -> None:
    write_report(tmp_path, "x", "trial", ended=TONIGHT, **TRIALS[words])
    made = shown(tmp_path)
    assert (made.standing, made.latest) == ("new", None)


@pytest.mark.parametrize("words", TRIALS)
def test_a_trial_does_not_hide_that_a_school_is_late(tmp_path: Path, words: str) -> None:
    write_report(tmp_path, "x", "before", ended=NOW - timedelta(days=1))
    write_report(tmp_path, "x", "trial", ended=NOW, **TRIALS[words])
    assert standing(tmp_path)[0] == "late"
    dag = DagState(paused=False, runs=(AirflowRun("trial", "success", NOW, is_trial=True),))
    assert standing(tmp_path, dag)[0] == "late"


def test_a_trial_that_failed_without_a_report_does_not_fail_the_school(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "tonight", ended=TONIGHT)
    trial = AirflowRun("trial", "failed", NOW, is_trial=True)
    night = AirflowRun("tonight", "success", TONIGHT)
    assert standing(tmp_path, DagState(paused=False, runs=(trial, night)))[0] == "success"
    lost = AirflowRun("lost", "failed", TONIGHT)
    assert standing(tmp_path, DagState(paused=False, runs=(trial, lost)))[0] == "no_report"


def test_a_month_of_runs_that_decide_nothing_hides_no_failure(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, outcome="failed", reason=BROKEN)
    for number in range(40):
        ended = TONIGHT + timedelta(minutes=number + 1)
        write_report(tmp_path, "x", f"backfill-{number}", ended=ended, outcome="superseded")
    assert standing(tmp_path)[0] == "failed"


@pytest.mark.parametrize(("outcome", "task"), [("failed", "extract"), ("held", "approve"), ("unreadable", "")])
def test_a_line_that_needs_somebody_says_what_to_do_and_where_it_failed(
    tmp_path: Path, outcome: str, task: str
) -> None:
    folder = write_report(tmp_path, "x", "tonight", ended=TONIGHT, outcome=outcome, reason=f"{task}: Broken.")
    if outcome == "unreadable":
        (folder / "report.json").write_text("{")
    assert shown(tmp_path).standing == outcome
    assert shown(tmp_path).advice
    assert shown(tmp_path).failed_task == task


def test_no_school_is_late_where_no_run_can_begin(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "yesterday", ended=NOW - timedelta(days=1))
    assert (shown(tmp_path).standing, shown(tmp_path).late) == ("late", True)
    made = shown(tmp_path, scheduled=False)
    assert (made.standing, made.late) == ("success", False)


def test_a_plan_that_waits_for_an_approval_comes_before_all_else(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "before", ended=TONIGHT - timedelta(days=1), outcome="failed", reason=BROKEN)
    write_held_plan(tmp_path, "x", "tonight", "8 of 20 accounts would be disabled.", "Another reason.")
    how, why, advice = standing(tmp_path, under_way("tonight"))
    assert (how, why) == ("waiting", "8 of 20 accounts would be disabled. And 1 more.")
    assert "Required Actions" in advice
    assert next(iter(STANDINGS)) == "waiting"


@pytest.mark.parametrize("state", ["queued", "running"])
@pytest.mark.parametrize("is_trial", [False, True])
def test_a_run_that_comes_after_it_hides_no_plan_that_waits(tmp_path: Path, state: str, is_trial: bool) -> None:
    write_report(tmp_path, "x", "before", ended=TONIGHT - timedelta(days=1))
    write_held_plan(tmp_path, "x", "tonight", "8 of 20 accounts would be disabled.")
    later = AirflowRun("later", state, None, is_trial=is_trial)
    made = shown(tmp_path, DagState(paused=False, runs=(later, AirflowRun("tonight", "running", TONIGHT))))
    assert made.standing == "waiting"
    assert made.active
    assert (made.active.run_id, made.waits_at) == ("tonight", "approve")


def test_of_two_runs_the_one_that_runs_is_under_way_not_the_one_that_is_queued(tmp_path: Path) -> None:
    trial, night = AirflowRun("trial", "queued", None, is_trial=True), AirflowRun("tonight", "running", TONIGHT)
    made = shown(tmp_path, DagState(paused=False, runs=(trial, night)))
    assert made.active == night
    assert made.standing == "first"


def test_a_plan_that_was_answered_no_longer_waits(tmp_path: Path) -> None:
    write_held_plan(tmp_path, "x", "tonight", "8 of 20 accounts would be disabled.")
    (tmp_path / "x" / "tonight" / "approve.json").write_text("{}")
    assert standing(tmp_path, under_way("tonight"))[0] == "first"


def test_records_to_fix_name_their_codes_since_when_and_the_commonest_correction(tmp_path: Path) -> None:
    errors = [error(1, "no_surname"), error(2, failing_since="2026-03-01"), error(3)]
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, errors=errors)
    how, why, advice = standing(tmp_path)
    assert (how, why) == ("to_fix", "2 no_email, 1 no_surname; the oldest since 01 Mar 2026")
    assert "Enter an email address of type Home or Work in SIMS" in advice


def test_a_school_whose_run_has_not_begun_an_hour_after_it_was_due_is_late(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "yesterday", ended=NOW - timedelta(days=1))
    assert standing(tmp_path, schedule="1 9 * * *")[0] == "success", "due at 08:01 UTC: London is an hour ahead"
    how, why, _ = standing(tmp_path, schedule="0 1 * * *")
    assert (how, why) == ("late", "A run was due on 15 Sep at 01:00 BST, and none has begun since.")
    assert standing(tmp_path, under_way("tonight", NOW - timedelta(hours=8)), schedule="0 1 * * *")[0] == "success"


def test_a_paused_school_is_not_late_but_says_that_it_is_paused(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "yesterday", ended=NOW - timedelta(days=3))
    assert standing(tmp_path, DagState(paused=True, runs=()))[0] == "paused"


def test_a_school_whose_night_ended_as_paused_says_why_unless_it_failed_before(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "before", ended=TONIGHT - timedelta(days=2), errors=[error(1)])
    write_report(tmp_path, "x", "tonight", ended=TONIGHT, outcome="paused", reason="The school is paused.")
    assert standing(tmp_path) == ("pause", "The school is paused.", "")
    assert STANDINGS["pause"].tone == "quiet"
    write_report(tmp_path, "x", "between", ended=TONIGHT - timedelta(days=1), outcome="failed", reason=BROKEN)
    assert standing(tmp_path)[0] == "failed"


def test_a_run_that_failed_without_a_report_is_no_success_of_the_night_before(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "before", ended=NOW - timedelta(days=1))
    dag = DagState(paused=False, runs=(AirflowRun("tonight", "failed", TONIGHT),))
    how, why, _ = standing(tmp_path, dag)
    assert how == "no_report"
    assert "tonight" in why


def test_a_school_without_a_dag_without_modules_or_without_a_run(tmp_path: Path) -> None:
    assert standing(tmp_path, None)[0] == "no_dag"
    assert standing(tmp_path, modules=[])[0] == "off"
    assert standing(tmp_path)[0] == "new"
    assert standing(tmp_path, under_way("tonight"))[0] == "first"


def test_a_school_without_ticks_is_not_late(tmp_path: Path) -> None:
    write_report(tmp_path, "x", "before", ended=NOW - timedelta(days=9))
    assert standing(tmp_path, schedule="manual")[0] == "success"


def test_the_most_urgent_school_is_the_first(tmp_path: Path) -> None:
    kept = {"a": {}, "b": {"errors": [error(1)]}, "c": {"errors": [error(1), error(2)]}, "d": {"outcome": "failed"}}
    for school_id, own in kept.items():
        write_report(tmp_path, school_id, "tonight", ended=TONIGHT, **own)
    write_held_plan(tmp_path, "e", "tonight", "8 of 20.")
    schools = [school(school_id) for school_id in "abcde"]
    dags = {each.dag_id: IDLE for each in schools} | {schools[4].dag_id: under_way("tonight")}
    ordered = lines(schools, History(LocalFolder(tmp_path)).of_all("abcde"), dags, LocalFolder(tmp_path), NOW)
    assert [each.school.id for each in ordered] == ["e", "d", "c", "b", "a"]


def test_a_report_that_is_no_report_is_said_and_stops_no_other(tmp_path: Path) -> None:
    write_report(tmp_path, "y", "tonight", ended=TONIGHT)
    folder = write_report(tmp_path, "x", "tonight", ended=TONIGHT)
    for broken in ("{", "[]", "{}", '{"errors": 3}'):
        (folder / "report.json").write_text(broken)
        assert standing(tmp_path)[0] == "unreadable"
    assert [run.outcome for run in History(LocalFolder(tmp_path)).of("y")] == ["success"]


def test_a_report_is_read_once_and_again_when_it_is_written_anew(tmp_path: Path) -> None:
    folder = write_report(tmp_path, "x", "tonight", ended=TONIGHT, extracted=10)
    history = History(LocalFolder(tmp_path))
    assert history.of("x")[0].counts["extracted"] == 10
    report = folder / "report.json"
    before = report.stat()
    report.write_text(report.read_text().replace('"extracted": 10', '"extracted": 99'))
    os.utime(report, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert history.of("x")[0].counts["extracted"] == 10, "neither its time nor its size has changed"
    os.utime(report)
    assert history.of("x")[0].counts["extracted"] == 99
    report.unlink()
    assert history.of("x") == []


def test_an_object_store_shows_the_same_as_a_folder(tmp_path: Path) -> None:
    for day in range(3):
        write_report(tmp_path, "x", f"night-{day}", ended=TONIGHT - timedelta(days=day), extracted=day)
    (tmp_path / "x" / "state").mkdir()
    (tmp_path / "x" / "state" / "report.json").write_text("{}")
    remote = object_store(tmp_path)
    for path in tmp_path.rglob("report.json"):
        remote.write(str(path.relative_to(tmp_path)), path.read_bytes())
    assert History(remote).of_all(["x", "nobody"]) == History(LocalFolder(tmp_path)).of_all(["x", "nobody"])
    assert [run.run_id for run in History(remote).of("x")] == ["night-0", "night-1", "night-2"]


def test_the_page_is_the_same_through_airflow(pages: Pages, know_dags: Callable[..., None]) -> None:
    now = datetime.now(UTC)
    names = {"ok": "In Order", "bad": "<script>alert('x')</script> & Sons", "held": "St Hild's"}
    write_config(pages.config, [{"id": school_id, "name": name} for school_id, name in names.items()])
    write_report(pages.root, "ok", "tonight", ended=now, extracted=1234, created=3, updated=2, disabled=1)
    reason = 'load: <img src=x onerror=alert(1)> "quoted" `limits.disable`'
    write_report(pages.root, "bad", "to:night+1", ended=now, outcome="failed", reason=reason)
    write_held_plan(pages.root, "held", "tonight", "8 of 20 accounts would be disabled.")
    states = {"ok": {"tonight": "success"}, "bad": {"to:night+1": "failed"}, "held": {"tonight": "running"}}
    know_dags({school: {run: (state, now) for run, state in runs.items()} for school, runs in states.items()})
    page = pages.get().text
    assert re.findall(r'<tr class="tone-\w+" id="([\w-]+)">', page) == ["held", "bad", "ok"]
    assert "2 schools need you" in page
    assert "1,234" in page
    assert "/dags/sims_student_sync__held/runs/tonight/tasks/approve/required_actions?map_index=-1" in page
    assert "/student-sync/dags/sims_student_sync__bad/runs/to%3Anight%2B1" in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; Sons" in page
    assert "&lt;img src=x onerror=alert(1)&gt; &#34;quoted&#34; <code>limits.disable</code>" in page
    for path in ("dags/sims_student_sync__bad", "dags/sims_student_sync__bad/runs/to%3Anight%2B1"):
        text = pages.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;img src=x" in text


def test_a_plan_that_waits_is_told_on_all_pages_though_a_later_run_is_queued(
    pages: Pages, know_dags: Callable[..., None]
) -> None:
    now = datetime.now(UTC)
    write_config(pages.config, [{"id": "behind", "name": "St Hild's"}])
    write_held_plan(pages.root, "behind", "tonight", "8 of 20 accounts would be disabled.")
    know_dags({"behind": {"tonight": ("running", now - timedelta(hours=2)), "later": ("queued", now)}})
    for path in ("", "dags/sims_student_sync__behind"):
        page = pages.get(path).text
        assert "/runs/tonight/tasks/approve/required_actions?map_index=-1" in page
        assert "8 of 20 accounts would be disabled." in page
    assert "All that waits for an answer" in pages.get().text


def test_departures_that_wait_lead_to_the_task_that_asks(pages: Pages, know_dags: Callable[..., None]) -> None:
    write_config(pages.config, [{"id": "held", "name": "St Hild's"}])
    files = RunFiles(run_folder(LocalFolder(pages.root), "held", "tonight"))
    document: dict[str, object] = {"counts": {}, "no_leaver_check": None, "changes": [], "unchanged": []}
    files.save(EXTRACTED, {}, counts={})
    files.save(planned(departure_reasons=("8 of 20.",)), {"plan": document}, counts={})
    files.record_question(files.open(PlanFacts), NOW + timedelta(hours=8), stage="approve_leavers")
    know_dags({"held": {"tonight": ("running", datetime.now(UTC))}})
    for path in ("", "dags/sims_student_sync__held", "dags/sims_student_sync__held/runs/tonight"):
        page = pages.get(path).text
        assert "/runs/tonight/tasks/approve_leavers/required_actions?map_index=-1" in page
        assert "8 of 20." in page
    assert "nobody is disabled until a person approves it" in page


def test_the_page_of_a_school_shows_its_year(pages: Pages, know_dags: Callable[..., None]) -> None:
    today = datetime.now(ZoneInfo("Europe/London")).date()
    every = {"from": "01-01", "to": "12-31", "leavers_of": ["11", "<b>"], "joiners": True}
    gone = {"from": "2020-01-01", "to": "2020-01-02", "what": "all", "reason": "long ago"}
    coming = {"from": str(today + timedelta(days=3)), "to": str(today + timedelta(days=4)), "what": "leavers"}
    write_config(
        pages.config,
        [{"id": "x", "expected": [{"name": "Always", **every}], "pause": [gone, {**coming, "reason": "it moves"}]}],
    )
    know_dags({"x": {"tonight": ("success", datetime.now(UTC))}})
    page = pages.get("dags/sims_student_sync__x").text
    assert "1 January to 31 December: leavers of 11, &lt;b&gt; and joiners expected" in page
    assert page.count('<span class="tag info">now</span>') == 1
    assert "nobody is disabled (it moves)" in page
    assert "long ago" not in page


UNREADABLE = {
    "defaults:\n  x: 1\nschools: [": "schools.yaml, line 3: is no YAML",
    "schools:\n- id: a\n\tname: b": "schools.yaml, line 3: is no YAML",
    "schools:\n- id: &a\n- *b": "schools.yaml, line 3: is no YAML",
    "school:\n- id: a": "schools.yaml, line 2: the keys are",
    "defaults: {}\nschools:\n  a: b": "schools.yaml, line 3: <code>schools</code> must be a list",
    "schools:\n- id: 7": "school number 1",
    "- id: a": "found no mapping",
    "": "found no mapping",
}


@pytest.mark.parametrize("content", UNREADABLE)
def test_a_configuration_that_cannot_be_read_is_all_that_the_page_says(pages: Pages, content: str) -> None:
    pages.config.write_text(content)
    page = pages.get().text
    assert "The configuration cannot be read" in page
    assert '<p class="notice bad">' in page
    assert UNREADABLE[content] in page
    assert "No school" not in page
    answer = pages.get("dags/sims_student_sync__x")
    assert answer.status_code == 404
    assert "The configuration cannot be read" in answer.text


def test_a_configuration_that_is_not_there_cannot_be_read(pages: Pages) -> None:
    pages.config.unlink(missing_ok=True)
    page = pages.get().text
    assert "The configuration cannot be read" in page
    assert "cannot be read (No such file or directory)" in page


def test_wrong_entries_are_said_and_take_no_other_school_away(pages: Pages, know_dags: Callable[..., None]) -> None:
    write_config(pages.config, [{"id": "good"}, *({"id": f"bad-{number}", "nmae": "x"} for number in range(12))])
    write_report(pages.root, "good", "tonight")
    know_dags({"good": {"tonight": ("success", datetime.now(UTC))}})
    page = pages.get().text
    assert "The configuration needs you" in page
    assert page.count("school bad-") == 10
    assert "And 2 more." in page
    assert '<tr class="tone-' in page


def test_a_scheduler_that_is_down_is_said_once_and_no_school_is_late(
    pages: Pages, know_dags: Callable[..., None], scheduler_reported: Callable[[datetime], None]
) -> None:
    now, before = datetime.now(UTC), datetime.now(UTC) - timedelta(days=2)
    due = now - timedelta(hours=2)
    ids = [f"s{number}" for number in range(3)]
    nightly = f"{due.minute} {due.hour} * * *"
    write_config(pages.config, [{"id": each, "schedule": nightly, "timezone": "UTC"} for each in ids])
    for each in ids:
        write_report(pages.root, each, "before", ended=before)
    know_dags({each: {"before": ("success", before)} for each in ids})
    scheduler_reported(now)
    page = pages.get().text
    assert "3 schools need you" in page
    assert "scheduler has not" not in page
    scheduler_reported(now - timedelta(hours=3))
    page = pages.get().text
    assert "Airflow needs you" in page
    assert page.count("scheduler has not reported since") == 1
    assert f"{now - timedelta(hours=3):%H:%M} UTC" in page
    assert not re.search(r'class="tag warn">Late', page)
    assert "scheduler has not reported since" in pages.get("dags/sims_student_sync__s0").text
