"""The files between two stages."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from invented_facts import EXTRACTED, TRANSFORMED, VALIDATED, planned
from sims_sync.model.errors import PermanentFault, TransientFault
from sims_sync.model.findings import FINDING_COLUMNS
from sims_sync.runs.documents import STAGES, ExtractFacts, PlanFacts, TransformFacts, ValidateFacts
from sims_sync.runs.files import RunFiles
from sims_sync.runs.report import ReportHead, build_report
from sims_sync.store.layout import run_folder
from sims_sync.store.local import LocalFolder

TABLE = pd.DataFrame(
    {
        "person_id": pd.array(["1", None], dtype="str"),
        "forename": pd.array([None, None], dtype="str"),
        "keep": [["gender"], []],
    }
)


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return RunFiles(run_folder(LocalFolder(tmp_path / "store"), "green-abbey", "scheduled__2026-11-23T02:13:00+00:00"))


def test_a_table_comes_back_as_it_was_saved(files: RunFiles) -> None:
    reference = files.save(VALIDATED, {"students": TABLE}, counts={"students": 2})
    back = files.open(ValidateFacts, reference).table("students")
    assert_frame_equal(back.drop(columns="keep"), TABLE.drop(columns="keep"))
    assert [list(keep) for keep in back["keep"]] == [["gender"], []]


def test_run_files_are_private_to_the_services_user(files: RunFiles, tmp_path: Path) -> None:
    files.save(EXTRACTED, {"GetXmlStudents.xml.gz": b"..."}, counts={})
    for path in (tmp_path / "store").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_changed_by_hand_is_refused_with_what_to_clear(files: RunFiles) -> None:
    reference = files.save(planned(), {"plan": {"changes": []}}, counts={})
    (files.folder / "plan").write("plan.json", b'{"changes": [1]}')
    with pytest.raises(PermanentFault, match="Clear the run from `plan`"):
        files.open(PlanFacts, reference).document("plan")


def test_the_output_of_another_try_is_refused(files: RunFiles) -> None:
    reference = files.save(planned(), {"plan": {"changes": []}}, counts={"create": 1})
    files.save(planned(), {"plan": {"changes": [1]}}, counts={"create": 2})
    with pytest.raises(PermanentFault, match="Clear the run from `plan`"):
        files.open(PlanFacts, reference)


def test_files_that_are_gone_say_to_clear_from_extract(files: RunFiles) -> None:
    reference = files.save(EXTRACTED, {"students": TABLE}, counts={})
    (files.folder / "extract").remove("students.parquet")
    with pytest.raises(PermanentFault, match="Clear the run from `extract`"):
        files.open(ExtractFacts, reference).table("students")
    with pytest.raises(PermanentFault, match="Clear the run from `extract`"):
        files.open(TransformFacts)


def test_a_manifest_that_cannot_be_read_says_to_clear_the_stage(files: RunFiles) -> None:
    files.folder.write("plan.json", b'{"stage": "plan"}')
    with pytest.raises(PermanentFault, match=r"plan\.json cannot be read \(`saved_at`\)\. Clear the run from `plan`"):
        files.open(PlanFacts)


def test_a_stage_that_begins_again_forgets_itself_and_what_came_after(files: RunFiles) -> None:
    for facts in (EXTRACTED, VALIDATED, TRANSFORMED, planned()):
        files.save(facts, {}, counts={})
    files.record_question(files.open(PlanFacts), datetime.now(UTC))
    files.record_failure("approve", TransientFault("The directory is out of reach.", advice="Wait."))
    files.begin("validate")
    assert files.folder.names() == ["extract.json"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_begins_again_leaves_nothing_of_the_report_of_an_earlier_try(files: RunFiles, stage: str) -> None:
    now = datetime.now(UTC)
    nothing = pd.DataFrame(columns=list(FINDING_COLUMNS))
    head = ReportHead("green-abbey", "tonight", now.date(), "held", "", now, now)
    report = build_report(head, {}, nothing, {})
    files.save_report(report, report, b"person_id")
    assert set(files.folder.names()) == {"errors.csv", "report.json", "report.redacted.json"}
    files.begin(stage)
    assert files.folder.names() == []
