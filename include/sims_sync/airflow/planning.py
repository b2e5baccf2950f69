"""From SIMS to a plan: the tasks ``extract``, ``validate``, ``transform`` and ``plan``, which write to no directory."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
from airflow.sdk.exceptions import AirflowSkipException

from sims_sync.airflow.connections import open_directory, open_sims
from sims_sync.airflow.run import Run
from sims_sync.changes.guards import measure, reasons_to_hold, rejected_records
from sims_sync.changes.on_roll import findings
from sims_sync.changes.plan import Plan, Rules, make_plan
from sims_sync.directory.present import account_table
from sims_sync.directory.scim_client import Directory
from sims_sync.runs.mark import Mark, Roll
from sims_sync.runs.stages import Reference, StageOutput
from sims_sync.sources import source as sources
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.store.lease import hold_lease
from sims_sync.students.identity import match_genders
from sims_sync.students.validation import validate as validate_tables
from sims_sync.students.wanted import accounts_as_they_should_be


def extract(run: Run) -> Reference:
    """Fetch the documents, with no other call to this school's SIMS at the same time, and read them into tables."""
    school = run.school
    if not school.synchronised:
        raise AirflowSkipException(f"{school.name} has no platform module enabled (`modules` is empty).")
    effective_date = run.parameters.effective_date
    with hold_lease(run.state.folder, "sims", f"{run.run_id} (extract)"):
        extracted_at = datetime.now(UTC)
        extracted = sources.extract(Sims(open_sims(school), school.la, school.estab), effective_date)
    raw = {f"{name}.xml.gz": gzip.compress(content, 6, mtime=0) for name, content in extracted.documents.items()}
    return run.files.save(
        "extract",
        {**raw, **extracted.tables},
        counts={name: len(table) for name, table in extracted.tables.items()},
        facts={"effective_date": effective_date.isoformat(), "extracted_at": extracted_at.isoformat()},
    )


def validate(run: Run, extracted: Reference) -> Reference:
    """Tell the records that can be imported from those that cannot."""
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


def transform(run: Run, validated: Reference) -> Reference:
    """Make the accounts as they should be."""
    validation = run.files.open("validate", validated)
    transformation = accounts_as_they_should_be(
        validation.table("students"),
        _tables(run.files.open("extract")),
        effective_date=date.fromisoformat(validation.facts["effective_date"]),
        username_policy=run.school.username,
        unknown=Sims.cannot_know,
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


def plan(run: Run, transformed: Reference) -> Reference:
    """Plan every change, and measure the plan against the school's limits."""
    source = run.files.open("transform", transformed)
    validation = run.files.open("validate")
    directory = open_directory(run.school)
    run.state.check_claim(directory.base_url)
    if not run.parameters.dry_run:
        run.state.claim(directory.base_url)
    accounts = _accounts(run, directory)
    wanted, unmatched = match_genders(source.table("accounts"), directory.capabilities.genders or run.school.genders)
    made = make_plan(
        wanted,
        accounts,
        validation.table("roll"),
        validation.table("roll_emails"),
        rules(run, directory, source),
    )
    made = replace(made, findings=pd.concat([made.findings, findings(unmatched, "gender_unknown")], ignore_index=True))
    mark = run.state.mark()
    rejected_now = rejected_records(pd.concat([validation.table("findings"), made.findings], ignore_index=True))
    measures = measure(
        made,
        accounts,
        dict(run.school.limits),
        extracted=validation.counts["extracted"],
        rejected_now=rejected_now,
        rejected_before=mark.rejected if mark else {},
        disabled_recently=_disabled_recently(run),
    )
    held = [*_lost_mark(run, mark, accounts), *reasons_to_hold(made, measures)]
    return run.files.save(
        "plan",
        {"plan": made.as_document(), "findings": made.findings, "accounts": wanted},
        counts=made.counts,
        facts={
            **source.facts,
            "directory": directory.base_url,
            "knows_extension": directory.capabilities.knows_extension,
            "limits": [each.as_document() for each in measures],
            "held": held,
            "superseded": superseded(run, mark, roll(source)),
            "mark_seen": mark is not None,
            "rejected": rejected_now,
        },
    )


def roll(source: StageOutput) -> Roll:
    """The roll that a stage works with."""
    return Roll(
        date.fromisoformat(source.facts["effective_date"]), datetime.fromisoformat(source.facts["extracted_at"])
    )


def superseded(run: Run, mark: Mark | None, own: Roll) -> str | None:
    """Why the run must not write, if a newer roll was applied (SPEC section 7)."""
    if mark is None or run.parameters.allow_older or not mark.is_newer_than(own):
        return None
    return (
        f"superseded: this run has {own.words}; the run {mark.run_id} began to apply a newer one ({mark.roll.words}). "
        "Nothing to do; `allow_older` would apply the older roll all the same."
    )


def rules(run: Run, directory: Directory, source: StageOutput) -> Rules:
    """What the planning needs to know beside the tables."""
    return Rules(
        mapping=directory.mapping,
        disable_unlinked=run.school.disable_unlinked,
        ignored_roles=run.school.ignored_roles,
        no_leaver_check=source.facts["no_leaver_check"],
    )


def open_plan(run: Run, planned: Reference) -> tuple[Plan, StageOutput]:
    """The plan that a reference names, and nothing else.

    :raises PermanentFault: the file is gone, or is not the one that `plan` wrote.
    """
    source = run.files.open("plan", planned)
    return Plan.from_document(source.document("plan"), source.table("findings")), source


def _tables(extracted: StageOutput) -> dict[str, pd.DataFrame]:
    return sources.owed({name: extracted.table(name) for name in sources.TABLES}, Sims.key)


def _no_leaver_check(run: Run, codes: dict[str, int]) -> str | None:
    """Why nobody is disabled in this run, if so."""
    if run.parameters.only_person_ids is not None:
        return "the run is for some Person IDs only."
    if codes.get("no_person_id"):
        return f"{codes['no_person_id']} student(s) came without a valid Person ID: nobody can tell who they are."
    return None


def _accounts(run: Run, directory: Directory) -> pd.DataFrame:
    accounts = account_table(directory.list_accounts(), directory.mapping)
    if not directory.mapping.keeps_marks:
        accounts["disabled_by_sync"] = accounts["account_id"].isin(run.state.disabled_accounts())
    return accounts


def _disabled_recently(run: Run) -> set[str]:
    departures = run.state.departures(datetime.now(UTC))
    return {account for each in departures if not each.approved for account in each.accounts}


def _lost_mark(run: Run, mark: Mark | None, accounts: pd.DataFrame) -> list[str]:
    """A school with earlier runs whose mark is gone is held (SPEC section 7)."""
    if mark is not None or not (accounts["disabled_by_sync"].any() or run.state.has_applied()):
        return []
    return [
        "The school's mark is gone (state/mark.json in its folder of the store), though earlier runs wrote to this "
        "directory: nobody can tell whether a newer roll was applied. Restore state/ from a backup and clear `plan`; "
        "or approve, if this roll is the newest."
    ]
