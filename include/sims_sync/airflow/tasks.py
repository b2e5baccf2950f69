"""The tasks of a school's DAG. Each opens what the one before saved, calls a pure function, and saves the outcome.

XCom carries references, hashes and counts (``runs.stages.Reference``), never a value of a person.
"""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from sims_sync.airflow.connections import open_directory, open_sims
from sims_sync.airflow.run import Run, running
from sims_sync.errors import SyncError, TransientFault

if TYPE_CHECKING:
    import pandas as pd

    from sims_sync.changes.apply import Replan, Result
    from sims_sync.changes.change import Change
    from sims_sync.changes.plan import Plan, Rules
    from sims_sync.directory.writing import Directory
    from sims_sync.runs.stages import Reference, StageOutput


@task(show_return_value_in_logs=False, max_active_tis_per_dag=1)
def extract(school_id: str) -> Reference:
    """Fetch the school's documents from SIMS, one call at a time, and read them into tables.

    Refuses another school's answers, an empty roll, and a roll without a single email address.
    """
    from sims_sync.sims.extract import extract as extract_documents

    with running("extract", school_id) as run:
        school = run.school
        if not school.synchronised:
            raise AirflowSkipException(f"{school.name} has no platform module enabled (`modules` is empty).")
        effective_date = run.parameters.effective_date
        extracted_at = datetime.now(UTC)
        extracted = extract_documents(open_sims(school), school.la, school.estab, effective_date)
        raw = {f"{name}.xml.gz": gzip.compress(content, 6, mtime=0) for name, content in extracted.documents.items()}
        return run.files.save(
            "extract",
            {**raw, **extracted.tables},
            counts={name: len(table) for name, table in extracted.tables.items()},
            facts={"effective_date": effective_date.isoformat(), "extracted_at": extracted_at.isoformat()},
        )


@task(show_return_value_in_logs=False)
def validate(school_id: str, extracted: Reference) -> Reference:
    """Tell the records that can be imported from those that cannot, with every reason at once.

    A rejected student is still a student: an existing account is neither changed nor disabled.
    """
    from sims_sync.students.validation import validate as validate_tables

    with running("validate", school_id) as run:
        source = run.files.open("extract", extracted)
        validation = validate_tables(_tables(source), only_person_ids=run.parameters.only_person_ids)
        codes = Counter(map(str, validation.findings["code"]))
        return run.files.save(
            "validate",
            {
                "students": validation.students,
                "roll": validation.roll,
                "roll_emails": validation.roll_emails,
                "findings": validation.findings,
            },
            counts={"extracted": len(validation.roll), "accepted": len(validation.students), **codes},
            facts={**source.facts, "no_leaver_check": _no_leaver_check(run, codes)},
        )


@task(show_return_value_in_logs=False)
def transform(school_id: str, validated: Reference) -> Reference:
    """Make the accounts as they should be: for each student the values that the selection rules take."""
    from sims_sync.students.accounts import accounts_as_they_should_be

    with running("transform", school_id) as run:
        validation = run.files.open("validate", validated)
        genders = open_directory(run.school).capabilities.genders or run.school.genders
        transformation = accounts_as_they_should_be(
            validation.table("students"),
            _tables(run.files.open("extract")),
            effective_date=date.fromisoformat(validation.facts["effective_date"]),
            username_policy=run.school.username,
            genders=genders,
        )
        return run.files.save(
            "transform",
            {
                "accounts": transformation.accounts,
                "choices": transformation.choices,
                "findings": transformation.findings,
            },
            counts={"accounts": len(transformation.accounts), "warnings": len(transformation.findings)},
            facts=validation.facts,
        )


@task(show_return_value_in_logs=False)
def plan(school_id: str, transformed: Reference) -> Reference:
    """Compare with the directory, and plan every change before anything is written. The plan is a file."""
    from sims_sync.changes.plan import make_plan

    with running("plan", school_id) as run:
        source = run.files.open("transform", transformed)
        validation = run.files.open("validate")
        directory = open_directory(run.school)
        run.state.check_claim(directory.base_url)
        if not run.parameters.dry_run:
            run.state.claim(directory.base_url)
        made = make_plan(
            source.table("accounts"),
            _accounts(run, directory),
            validation.table("roll"),
            validation.table("roll_emails"),
            _rules(run, directory, source),
        )
        return run.files.save(
            "plan",
            {"plan": made.as_document(), "findings": made.findings},
            counts=made.counts,
            facts={**source.facts, "knows_extension": directory.capabilities.knows_extension},
        )


@task(show_return_value_in_logs=False, retries=0)
def approve(school_id: str, planned: Reference) -> Reference:
    """Let the plan through."""
    with running("approve", school_id) as run:
        run.files.open("plan", planned)
        return planned


@task(show_return_value_in_logs=False)
def load(school_id: str, approved: Reference) -> Reference:
    """Write the planned changes of the students on roll: create, update, enable; only the values that differ.

    Running it again writes nothing twice.
    """
    from sims_sync.changes.apply import replan_student

    with running("load", school_id) as run:
        made, source = _open_plan(run, approved)
        if run.parameters.dry_run:
            raise AirflowSkipException("Dry run: the plan is made, nothing is written.")
        directory = open_directory(run.school)
        replan = replan_student(run.files.open("transform").table("accounts"), _rules(run, directory, source))
        return _apply(run, approved, "load", directory, made.for_students, replan)[0]


@task(show_return_value_in_logs=False)
def disable_leavers(school_id: str, loaded: Reference) -> Reference:
    """Disable the accounts of those who left, and read them back; one with further roles only loses a role."""
    from sims_sync.changes.apply import check_disabled, replan_leaver

    with running("disable_leavers", school_id) as run:
        planned: Reference = run.files.open("load", loaded).facts["plan"]
        made, source = _open_plan(run, planned)
        if made.no_leaver_check:
            raise AirflowSkipException(f"Nobody is disabled: {made.no_leaver_check}")
        directory = open_directory(run.school)
        validation = run.files.open("validate")
        replan = replan_leaver(
            validation.table("roll"), validation.table("roll_emails"), _rules(run, directory, source)
        )
        reference, results = _apply(run, planned, "disable_leavers", directory, made.for_leavers, replan)
        check_disabled(directory, results)
        return reference


@task(show_return_value_in_logs=False)
def report(school_id: str) -> dict[str, Any]:
    """Say what happened to every record, whatever happened before: ``report.json``, ``errors.csv``, the platform."""
    from sims_sync.airflow.reporting import report_run

    context: Any = get_current_context()
    with running("report", school_id) as run:
        return report_run(run, context)


def _tables(extracted: StageOutput) -> dict[str, pd.DataFrame]:
    return {
        name.removesuffix(".parquet"): extracted.table(name.removesuffix(".parquet"))
        for name in extracted.files
        if name.endswith(".parquet")
    }


def _no_leaver_check(run: Run, codes: dict[str, int]) -> str | None:
    """Why nobody is disabled in this run, if so."""
    if run.parameters.only_person_ids is not None:
        return "the run is for some Person IDs only."
    if codes.get("no_person_id"):
        return f"{codes['no_person_id']} student(s) came without a valid Person ID: nobody can tell who they are."
    return None


def _accounts(run: Run, directory: Directory) -> pd.DataFrame:
    from sims_sync.directory.accounts import account_table

    accounts = account_table(directory.list_accounts())
    if not directory.capabilities.knows_extension:
        accounts["disabled_by_sync"] = accounts["account_id"].isin(run.state.disabled_accounts())
    return accounts


def _rules(run: Run, directory: Directory, source: StageOutput) -> Rules:
    from sims_sync.changes.plan import Rules

    return Rules(
        knows_extension=directory.capabilities.knows_extension,
        disable_unlinked=run.school.disable_unlinked,
        ignored_roles=run.school.ignored_roles,
        no_leaver_check=source.facts["no_leaver_check"],
    )


def _open_plan(run: Run, planned: Reference) -> tuple[Plan, StageOutput]:
    from sims_sync.changes.plan import Plan

    source = run.files.open("plan", planned)
    return Plan.from_document(source.document("plan"), source.table("findings")), source


def _apply(
    run: Run, planned: Reference, stage: str, directory: Directory, changes: list[Change], replan: Replan
) -> tuple[Reference, list[Result]]:
    """Write the changes, and save what became of each, also when a fault ends the task half way.

    :raises TransientFault: some writes failed for the server's reasons.
    """
    from sims_sync.changes.apply import apply_changes

    knows_extension = directory.capabilities.knows_extension
    marked: set[str] = set()
    if not knows_extension:
        marked = {change.account_id or "" for change in changes if change.values.get("disabledBySync")}
        run.state.save_disabled_accounts(run.state.disabled_accounts() | marked)
    results: list[Result] = []
    fault: SyncError | None = None
    try:
        results.extend(apply_changes(directory, changes, replan, knows_extension=knows_extension))
    except SyncError as error:
        fault = error
    reference = run.files.save(
        stage,
        {"results": [result.as_document() for result in results]},
        counts=dict(Counter(result.result for result in results)),
        facts={"plan": planned},
    )
    if fault is not None:
        raise fault
    failed = sum(result.result == "failed" for result in results)
    if failed:
        raise TransientFault(
            f"{failed} of {len(changes)} writes failed for the directory's reasons.",
            advice="What was written stays; the next try writes the rest.",
        )
    if not knows_extension:
        enabled = {change.account_id or "" for change in changes if "disabledBySync" in change.values} - marked
        run.state.save_disabled_accounts(run.state.disabled_accounts() - enabled)
    return reference, results
