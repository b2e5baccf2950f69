"""The report (SPEC sections 5 and 11)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from importlib import resources

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sims_sync.model.findings import CODES, FINDING_COLUMNS
from sims_sync.runs.documents import Solved
from sims_sync.runs.report import (
    ReportHead,
    build_report,
    count,
    failing_since,
    sync_report,
)

SYNC_REPORT_SCHEMA = json.loads(
    resources.files("sims_sync.directory").joinpath("sync-report.schema.json").read_bytes()
)[0]
TODAY = date(2026, 11, 23)
HEAD = ReportHead(
    school="green-abbey",
    run_id="manual__1",
    effective_date=TODAY,
    outcome="success",
    reason="",
    started_at=datetime(2026, 11, 23, 2, tzinfo=UTC),
    finished_at=datetime(2026, 11, 23, 3, tzinfo=UTC),
)


def findings(*rows: tuple[int | None, str | None, str, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(FINDING_COLUMNS)).astype({"person_id": "str"})


def results(**done: dict[str, int]) -> pd.DataFrame:
    rows = [(kind, result) for kind, each in done.items() for result, number in each.items() for _ in range(number)]
    return pd.DataFrame(rows, columns=["kind", "result"])


@given(
    rejected=st.integers(0, 5),
    unchanged=st.integers(0, 5),
    plan_rejects=st.integers(0, 5),
    writes=st.dictionaries(
        st.sampled_from(["create", "update", "enable"]),
        st.dictionaries(st.sampled_from(["done", "rejected", "failed", "unattempted"]), st.integers(0, 5)),
    ),
    leavers=st.integers(0, 5),
    refused=st.integers(0, 2),
    to_be_written=st.booleans(),
)
def test_every_extracted_record_is_counted_once(
    rejected: int,
    unchanged: int,
    plan_rejects: int,
    writes: dict[str, dict[str, int]],
    leavers: int,
    refused: int,
    to_be_written: bool,
) -> None:
    planned = {kind: sum(each.values()) for kind, each in writes.items()}
    accepted = sum(planned.values()) + unchanged + plan_rejects
    written = {
        kind: {result: number for result, number in each.items() if result != "unattempted"}
        for kind, each in writes.items()
    }
    counts = count(
        extracted=accepted + rejected,
        accepted=accepted,
        findings=findings(),
        planned={**planned, "unchanged": unchanged, "reject": plan_rejects, "disable": leavers + refused},
        results=results(**written, disable={"done": leavers, "rejected": refused}) if to_be_written else None,
    )
    fates = ("created", "updated", "unchanged", "rejected", "failed")
    assert sum(counts[fate] for fate in fates) == counts["extracted"]
    assert all(number >= 0 for number in counts.values())
    assert counts["enabled"] <= counts["updated"]
    assert counts["disabled"] == (leavers if to_be_written else leavers + refused)


def test_those_who_validated_in_a_run_that_came_to_no_plan_have_failed() -> None:
    counts = count(extracted=5, accepted=3, findings=findings(), planned=None, results=results())
    assert {name: number for name, number in counts.items() if number} == {"extracted": 5, "rejected": 2, "failed": 3}


def test_each_rejected_record_is_listed_with_reason_and_what_to_correct_and_since_when() -> None:
    found = findings(
        ("2447", "004604", "validate", "no_surname", None),
        ("2448", None, "load", "rejected_by_directory", "status 400, invalidValue, familyName"),
        (2449, "004605", "validate", "no_primary_email", None),
    )
    since = failing_since(found, {"2447:no_surname": date(2026, 11, 20), "9999:no_email": date(2026, 11, 1)}, TODAY)
    assert since == {"2447:no_surname": date(2026, 11, 20), "2448:rejected_by_directory": TODAY}, "solved ones are gone"
    report = json.loads(build_report(HEAD, {"extracted": 3}, found, since).as_json())
    first, second = report["errors"]
    assert first == {
        "person_id": 2447,
        "school_identifier": "004604",
        "stage": "validate",
        "code": "no_surname",
        "message": CODES["no_surname"].reason,
        "correct": CODES["no_surname"].correct,
        "where": "Basic Details",
        "failing_since": "2026-11-20",
    }
    assert "invalidValue" in second["message"]
    assert report["solved"] == []
    assert [warning["code"] for warning in report["warnings"]] == ["no_primary_email"]


def test_the_sync_report_holds_what_its_schema_declares_and_no_more() -> None:
    counts = dict.fromkeys(
        ("extracted", "rejected", "warnings", "created", "updated", "unchanged", "enabled", "disabled", "failed"), 1
    )
    found = findings(("1", "004604", "validate", "no_email", None), (None, None, "validate", "no_person_id", None))
    document = sync_report(build_report(HEAD, counts, found, {}))
    declared = {attribute["name"]: attribute for attribute in SYNC_REPORT_SCHEMA["attributes"]}
    assert set(document) <= set(declared)
    assert {name for name, attribute in declared.items() if attribute["required"]} <= set(document)
    for name in ("counts", "errors"):
        sub_attributes = {each["name"] for each in declared[name]["subAttributes"]}
        entries = document[name] if isinstance(document[name], list) else [document[name]]
        assert all(set(entry) <= sub_attributes for entry in entries)
    assert document["errors"][0]["personId"] == "1"


def test_a_record_that_fails_no_more_is_noted_once() -> None:
    report = build_report(HEAD, {}, findings(), {}, {"2447:no_email": date(2026, 11, 1)})
    assert report.solved == (Solved(record="2447", code="no_email", failing_since=date(2026, 11, 1)),)
