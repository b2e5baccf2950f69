"""What the files of a run say of how it stands: the same for tasks, mails and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from invented_facts import EXTRACTED, REFERENCE, TRANSFORMED, VALIDATED, planned
from sims_sync.model.errors import DeparturesNotApproved, NotApproved, TransientFault
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.runs.documents import ApproveFacts, DisableLeaversFacts, LoadFacts, PlanFacts, ValidateFacts
from sims_sync.runs.files import RunFiles
from sims_sync.runs.report import ReportHead, build_report
from sims_sync.runs.standing import Answer
from sims_sync.store.local import LocalFolder

NOW = datetime(2026, 9, 15, 3, tzinfo=UTC)
REASONS = ("8 of 20 accounts would be disabled.", "With those of the last 7 days 9.")
APPROVED = ApproveFacts(plan=REFERENCE, asked=True, approved_by="admin")


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return RunFiles(LocalFolder(tmp_path / "run"))


@pytest.fixture
def held(files: RunFiles) -> RunFiles:
    """A run whose plan is over two limits."""
    for facts in (EXTRACTED, VALIDATED, TRANSFORMED, planned(reasons=REASONS)):
        files.save(facts, {}, counts={})
    return files


def ask(files: RunFiles) -> None:
    files.record_question(files.open(PlanFacts), NOW + timedelta(hours=8))


def how(files: RunFiles) -> dict[str, str]:
    return {state.stage: state.how for state in files.read().stages() if state.how}


def test_a_run_that_has_left_nothing_is_at_its_first_stage(files: RunFiles) -> None:
    run = files.read()
    assert run.is_empty
    assert run.at_work() == "extract"
    assert (run.plan(), run.results(), run.report(), run.errors_csv()) == (None, [], None, None)
    assert list(run.findings().columns) == list(FINDING_COLUMNS)
    assert how(files) == {}


def test_a_plan_over_a_limit_that_nobody_was_asked_about_waits_for_a_worker_and_not_for_a_person(
    held: RunFiles,
) -> None:
    assert held.read().waits_for_approval() == ()
    assert held.read().at_work() == "approve"
    assert how(held) == dict.fromkeys(("extract", "validate", "transform", "plan"), "done")


def test_a_run_waits_from_when_a_person_was_asked(held: RunFiles) -> None:
    ask(held)
    assert held.read().waits_for_approval() == REASONS
    assert how(held)["approve"] == "waiting"
    assert held.read().at_work() == "approve"


def test_a_run_waits_no_more_once_the_plan_was_approved(held: RunFiles) -> None:
    ask(held)
    held.begin("approve")
    assert held.read().waits_for_approval() == ()
    held.save(APPROVED, {}, counts={})
    assert held.read().waits_for_approval() == ()
    assert how(held)["approve"] == "done"
    assert held.read().at_work() == "load"


def test_a_run_waits_no_more_once_the_plan_was_rejected(held: RunFiles) -> None:
    ask(held)
    held.record_failure("approve", NotApproved("admin rejected the plan."), held=True)
    assert held.read().waits_for_approval() == ()
    assert how(held)["approve"] == "held"
    assert held.read().at_work() == "report"


def test_a_plan_that_is_made_anew_does_not_wait_for_the_answer_about_the_one_before(held: RunFiles) -> None:
    ask(held)
    held.begin("plan")
    held.save(planned(reasons=REASONS), {}, counts={"disable": 9})
    assert held.read().waits_for_approval() == ()


def test_a_question_about_another_plan_is_none_about_this_one(held: RunFiles) -> None:
    ask(held)
    held.save(planned(reasons=REASONS), {}, counts={"disable": 9})
    assert held.read().waits_for_approval() == ()


def test_a_run_waits_for_the_answer_about_its_departures_where_that_was_asked(files: RunFiles) -> None:
    for facts in (EXTRACTED, VALIDATED, TRANSFORMED, planned(departure_reasons=REASONS), APPROVED):
        files.save(facts, {}, counts={})
    files.save(LoadFacts(approved=REFERENCE), {}, counts={})
    assert (files.read().waits_at(), files.read().waits_for_approval()) == ("", ())
    files.record_question(files.open(PlanFacts), NOW + timedelta(hours=8), stage="approve_leavers")
    assert (files.read().waits_at(), files.read().waits_for_approval()) == ("approve_leavers", REASONS)
    assert how(files)["approve_leavers"] == "waiting"
    assert files.read().at_work() == "approve_leavers"
    files.record_failure("approve_leavers", DeparturesNotApproved("admin rejected the departures."), held=True)
    assert files.read().waits_for_approval() == ()


def test_an_answer_is_for_one_plan_at_one_stage_and_the_last_one_counts(held: RunFiles) -> None:
    plan = held.open(PlanFacts).reference
    for option, by in (("Reject", "admin"), ("Approve", "otto")):
        held.record_answer(Answer(stage="approve", plan=plan.sha256, option=option, by=by, at=NOW))
    held.begin("extract")
    answer = held.answer("approve", plan)
    assert answer
    assert (answer.option, answer.by) == ("Approve", "otto")
    assert held.answer("approve_leavers", plan) is None
    assert held.answer("approve", REFERENCE) is None


def test_a_stage_that_failed_is_at_work_until_it_has_been_tried_for_the_last_time(files: RunFiles) -> None:
    files.record_failure("extract", TransientFault("SIMS is out of reach.", advice="Wait."))
    assert files.read().at_work() == "extract"
    ended = files.read().ended("extract")
    assert ended
    assert (ended.how, ended.kind, ended.message, ended.advice) == (
        "failed",
        "TransientFault",
        "SIMS is out of reach.",
        "Wait.",
    )


@pytest.mark.parametrize("how", ["superseded", "skipped", "paused"])
def test_after_a_stage_that_was_skipped_only_the_report_is_to_come(
    held: RunFiles, how: Literal["superseded", "skipped", "paused"]
) -> None:
    held.save(APPROVED, {}, counts={})
    held.record_skip("load", "Dry run.", how=how)
    assert held.read().at_work() == "report"
    ended = held.read().ended("load")
    assert ended
    assert (ended.how, ended.kind) == (how, "")


def test_findings_are_those_of_all_stages_and_of_the_records_that_were_refused(held: RunFiles) -> None:
    def found(person_id: str, stage: str, code: str) -> pd.DataFrame:
        row = (person_id, person_id.zfill(6), stage, code, None)
        return pd.DataFrame([row], columns=list(FINDING_COLUMNS)).astype({"person_id": "str"})

    def result(person_id: int, result: str, code: str | None, kind: str = "update") -> dict[str, object]:
        common = {"kind": kind, "school_identifier": None, "account_id": "a", "detail": None}
        return {**common, "person_id": person_id, "result": result, "code": code}

    held.save(VALIDATED, {"findings": found("101", "validate", "no_email")}, counts={})
    held.save(planned(), {"findings": found("102", "plan", "identity_mismatch")}, counts={})
    written = [result(103, "rejected", "rejected_by_directory"), result(104, "failed", None), result(105, "done", None)]
    held.save(LoadFacts(approved=REFERENCE), {"results": written}, counts={})
    of_leavers = [result(106, "rejected", "rejected_by_directory", kind) for kind in ("disable", "unlink_role")]
    held.save(DisableLeaversFacts(approved=REFERENCE), {"results": of_leavers}, counts={})
    findings = held.read().findings()
    assert list(zip(findings["person_id"], findings["stage"], findings["code"], strict=True)) == [
        ("101", "validate", "no_email"),
        ("102", "plan", "identity_mismatch"),
        ("103", "load", "rejected_by_directory"),
    ]


def test_what_was_changed_by_hand_or_cannot_be_read_is_as_if_it_were_not_there(held: RunFiles) -> None:
    findings = pd.DataFrame(columns=list(FINDING_COLUMNS))
    held.save(VALIDATED, {"findings": findings}, counts={})
    held.save(planned(), {"plan": {"changes": [], "unchanged": [101]}}, counts={})
    plan = held.read().plan()
    assert plan
    assert plan.unchanged == ("101",)
    (held.folder / "plan").write("plan.json", b'{"changes": [], "unchanged": []}')
    (held.folder / "validate").write("findings.parquet", b"")
    for broken in (b"", b"[]", b"{}", b'{"facts": {}}'):
        held.folder.write("transform.json", broken)
        held.folder.write("load.ended.json", broken)
        held.folder.write("report.json", broken)
        run = held.read()
        assert run.plan() is None
        assert run.table(ValidateFacts, "findings") is None
        assert run.findings().empty
        assert run.ended("load") is None
        assert run.report() is None
        assert not run.reported_since(None)


def test_a_report_is_of_this_try_if_it_was_finished_after_that_began(files: RunFiles) -> None:
    findings = pd.DataFrame(columns=list(FINDING_COLUMNS))
    head = ReportHead("green-abbey", "tonight", NOW.date(), "success", "", NOW, NOW + timedelta(minutes=3))
    report = build_report(head, {}, findings, {})
    place = files.save_report(report, report, b"person_id")
    assert place == f"{files.folder}/report.json"
    run = files.read()
    assert run.reported_since(NOW)
    assert run.reported_since(None)
    assert not run.reported_since(NOW + timedelta(hours=1))
    assert run.errors_csv() == b"person_id"
