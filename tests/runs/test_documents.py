"""The files of a run as the version before wrote them: they are read, and what is written now looks the same.

``earlier_files`` are those of an invented school whose nights Airflow's scheduler ran: creates, then every other kind
of change; a dry run; a record that the directory refused beside a write that failed; a roll that was superseded; a plan
that waits for an answer, one that was rejected and one that was approved; a run of some students alone; and an answer
of another school. SIMS's documents and most of the tables are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from sims_sync.runs.documents import (
    FACTS,
    STAGES,
    ApproveFacts,
    ApproveLeaversFacts,
    Document,
    Manifest,
    MeasuredLimit,
    PlanFacts,
    Report,
    ValidateFacts,
    WriteResult,
)
from sims_sync.runs.mark import Departures, Mark
from sims_sync.runs.notices import Notices
from sims_sync.runs.planned import PlanDocument
from sims_sync.runs.reading import RunReader
from sims_sync.runs.standing import ANSWERS, Ending
from sims_sync.runs.state import Claim, SchoolState
from sims_sync.store.content import as_json
from sims_sync.store.local import LocalFolder

ROOT = LocalFolder(Path(__file__).parent / "earlier_files")
SCHOOL = ROOT / "green-abbey"
RUNS = sorted(set(SCHOOL.names()) - {"state"})


def run(name: str) -> RunReader:
    return RunReader(SCHOOL / name)


def kind_of(name: str) -> type[Document]:
    """What a file at the top of a run's folder holds."""
    stage = name.partition(".")[0]
    if name.endswith(".ended.json"):
        return Ending
    return Report if stage == "report" else Manifest.__class_getitem__(FACTS[stage])


FILES = [
    *(
        (f"{each}/{name}", kind_of(name))
        for each in RUNS
        for name in (SCHOOL / each).names()
        if name.endswith(".json") and name != ANSWERS
    ),
    ("state/mark.json", Mark),
    ("state/notices.json", Notices),
    ("state/claim.json", Claim),
]


@pytest.mark.parametrize(("file", "kind"), FILES, ids=lambda each: each if isinstance(each, str) else "")
def test_a_file_is_written_as_it_was_read(file: str, kind: type[Document]) -> None:
    content = SCHOOL.read(file)
    assert kind.model_validate_json(content).as_json() == content


def test_every_kind_of_file_is_among_them() -> None:
    names = {file.partition("/")[2] for file, _ in FILES}
    assert {f"{stage}.json" for stage in STAGES} <= names
    endings = {each.how for name in RUNS for stage in STAGES if (each := run(name).ended(stage))}
    assert endings == {"failed", "held", "skipped", "superseded", "paused"}
    outcomes = {report.outcome for name in RUNS if (report := run(name).report())}
    assert outcomes == {"success", "failed", "held", "superseded", "dry_run", "paused"}
    kinds = {change.kind for name in RUNS if (plan := run(name).plan()) for change in plan.changes}
    assert kinds == {"create", "update", "enable", "disable", "unlink_role"}


def test_the_lists_of_the_state_are_written_as_they_were_read(tmp_path: Path) -> None:
    state = SchoolState(ROOT, "green-abbey")
    copy = SchoolState(LocalFolder(tmp_path), "green-abbey")
    entries = TypeAdapter(list[Departures]).validate_json(state.folder.read("departures.json"))
    for entry in entries:
        copy.save_departures(entry)
    copy.save_failing_since(state.failing_since())
    for file in ("departures.json", "failing.json"):
        assert copy.folder.read(file) == state.folder.read(file)
    assert state.failing_since() == {"127:no_email": date(2026, 11, 19)}
    assert [entry.approved for entry in entries].count(True) == 1
    assert state.has_applied()


def test_results_are_those_of_the_writes() -> None:
    found = Counter((each.kind, each.result, each.code) for each in run("load-failed").results())
    assert found == {
        ("enable", "done", None): 1,
        ("update", "failed", None): 1,
        ("update", "rejected", "rejected_by_directory"): 1,
    }
    content = SCHOOL.read("load-failed/load/results.json")
    results = TypeAdapter(list[WriteResult]).validate_json(content)
    saved = [each.model_dump(mode="json", exclude={"prose"}) for each in results]  # an earlier version kept no prose
    assert as_json(saved) == content


def test_a_plan_is_read_without_its_values() -> None:
    plan = run("second").plan()
    assert plan
    assert Counter(change.kind for change in plan.changes) == {"create": 1, "update": 1, "disable": 1, "unlink_role": 1}
    (renamed,) = [change for change in plan.changes if change.kind == "update"]
    assert (renamed.person_id, renamed.attributes) == ("102", ("name.familyName",))
    assert len(plan.unchanged) == 23
    assert "Renamed" in SCHOOL.read("second/plan/plan.json").decode()
    assert "Renamed" not in plan.model_dump_json()


def test_a_plan_over_a_limit_says_why_and_who_approved_it() -> None:
    output = run("approved").output(PlanFacts)
    approval = run("approved").output(ApproveFacts)
    assert output
    assert approval
    assert len(output.facts.reasons) == 2
    assert {limit.limit for limit in output.facts.limits if limit.exceeded} == {"disable", "disable_7_days"}
    assert approval.facts.asked
    assert approval.facts.approved_by == "admin"
    assert approval.facts.plan.sha256 == output.reference.sha256


def test_what_was_answered_about_departures_is_read() -> None:
    (approved,), (refused,) = run("departures-approved").answers(), run("departures-refused").answers()
    assert (approved.stage, approved.option, refused.option) == ("approve_leavers", "Approve", "Reject")
    told = run("departures-refused").report()
    assert told
    assert (told.outcome, told.wrote_nothing) == ("held", False)
    let_go = run("departures-approved").output(ApproveLeaversFacts)
    assert let_go
    assert (let_go.facts.asked, let_go.facts.approved_by) == (True, "admin")


def test_the_tables_of_a_run_are_read() -> None:
    roll = run("second").table(ValidateFacts, "roll")
    assert roll is not None
    assert len(roll) == 26
    assert set(run("second").findings()["code"]) == {"no_email", "no_primary_email", "gender_unknown"}
    assert run("first").table(ValidateFacts, "roll") is None


def test_what_was_told_is_remembered() -> None:
    notices = Notices.of(SCHOOL / "state")
    assert notices.failing
    assert (notices.failing.stage, notices.failing.kind) == ("extract", "RollRefused")
    assert notices.told == "the roll from SIMS was refused"
    assert "127:no_email" in (notices.records or ())


@pytest.mark.parametrize("name", RUNS)
def test_the_keys_and_types_of_a_report_are_those_that_others_build_on(name: str) -> None:
    report = json.loads(SCHOOL.read(f"{name}/report.json")) if "report.json" in run(name).names else None
    for entry in [*report["errors"], *report["warnings"]] if report else []:
        assert isinstance(entry["person_id"], int)
    read = run(name).report()
    assert (read is None) == (report is None)
    assert read is None or json.loads(read.as_json()) == report


def test_a_key_of_a_later_version_is_passed_over_and_one_that_is_needed_must_be_there() -> None:
    limit = {"limit": "disable", "count": 1, "base": 20, "allowed": 5, "exceeded": False}
    assert MeasuredLimit.model_validate({**limit, "later": 1}) == MeasuredLimit(**limit, attribute=None)
    for wrong in ({**limit, "count": "1"}, {**limit, "count": 1.0}, {"limit": "disable"}):
        with pytest.raises(ValidationError):
            MeasuredLimit.model_validate(wrong)
    with pytest.raises(ValidationError):
        PlanDocument.model_validate_json('{"changes": [{"kind": "delete"}], "unchanged": []}')
