"""From the source to a plan: the stages ``extract``, ``validate``, ``transform`` and ``plan``, which write to no
directory."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from sims_sync.changes.differences import CLEARED
from sims_sync.changes.guards import measure, reasons_to_hold, reasons_to_hold_departures, rejected_records
from sims_sync.changes.plan import Plan, PlanOptions, make_plan
from sims_sync.changes.withholding import Withholding
from sims_sync.directory.discovery import Capabilities, discover
from sims_sync.directory.present import account_table
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint
from sims_sync.model.attributes import only_special
from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.night import empty_rolls
from sims_sync.night.always_held import always_held
from sims_sync.night.expected import expected_leavers, known_year_groups
from sims_sync.night.run import Paused, Run, Skipped
from sims_sync.night.withheld import withholding
from sims_sync.runs.documents import (
    ExtractFacts,
    MeasuredLimit,
    PlanFacts,
    Reference,
    RollVersion,
    TransformFacts,
    ValidateFacts,
)
from sims_sync.runs.files import RAW, packed_document
from sims_sync.runs.mark import Mark
from sims_sync.runs.reading import StageOutput
from sims_sync.runs.withheld_values import WITHHELD
from sims_sync.sources import source as sources
from sims_sync.store.lease import hold_lease
from sims_sync.students.identity import match_genders, with_forename
from sims_sync.students.validation import validate as validate_tables
from sims_sync.students.wanted import accounts_as_they_should_be

log = logging.getLogger(__name__)

_SPOILT = "invalid_characters"
"""The file that tells of whose rows characters were dropped."""


def extract(run: Run) -> Reference:
    """Fetch the roll, with no other call to this school's source at the same time.

    :raises Skipped: the school has no platform module enabled.
    :raises Paused: nothing is to happen on this date.
    """
    school, effective_date = run.school, run.parameters.effective_date
    if not school.synchronised:
        raise Skipped(f"{school.name} has no platform module enabled (`modules` is empty).")
    if (pause := school.paused_on(effective_date, "all")) and not run.parameters.dry_run:
        raise Paused(pause.why)
    may_be_empty = empty_rolls.may_be_empty(run)
    with hold_lease(run.state.folder, "sims", f"{run.run_id} (extract)"):
        extracted_at = datetime.now(UTC)
        extracted = _extracted(run, may_be_empty=may_be_empty)
    left_out = sum(rows for name, rows in extracted.left_out.items() if name not in sources.SPECIAL)
    if left_out:
        log.info("%d rows of people who are not on roll were left out", left_out)
    raw = {f"{name}{RAW}": packed_document(content) for name, content in extracted.documents.items()}
    return run.files.save(
        ExtractFacts(effective_date=effective_date, extracted_at=extracted_at),
        {**raw, **extracted.tables, _SPOILT: extracted.spoilt},
        counts={
            **{name: rows for name, rows in extracted.rows.items() if name not in sources.SPECIAL},
            "left_out": left_out,
        },
    )


def _extracted(run: Run, *, may_be_empty: bool) -> sources.Extract:
    """The roll. A document that cannot be read is kept, so that somebody can look at it.

    :raises SyncError: it cannot be had.
    """
    try:
        return sources.extract(run.source, run.parameters.effective_date, run.choice, may_be_empty=may_be_empty)
    except UnexpectedAnswer as fault:
        if fault.document is None:
            raise
        kept = run.files.keep_document(*fault.document)
        raise UnexpectedAnswer(
            fault.message, advice=f"{fault.advice} The document is kept: {kept} in the run's folder of the store."
        ) from None


def validate(run: Run, extracted: Reference | None) -> Reference:
    """Tell the records that can be imported from those that cannot."""
    source = run.files.open(ExtractFacts, extracted)
    tables = _tables(run, source)
    tables["students"] = with_forename(tables["students"], run.school.forename)
    validation = validate_tables(
        tables,
        spoilt=source.table(_SPOILT) if f"{_SPOILT}.parquet" in source.files else None,
        only_person_ids=run.parameters.only_person_ids,
    )
    codes = Counter(map(str, _told_to_all(run, validation.findings)["code"]))
    return run.files.save(
        ValidateFacts(**source.facts.model_dump(), no_leaver_check=_no_leaver_check(run, codes)),
        {
            "students": validation.students,
            "roll": validation.roll,
            "roll_emails": validation.roll_emails,
            "findings": validation.findings,
        },
        counts={"extracted": len(validation.roll), "accepted": len(validation.students), **codes},
    )


def transform(run: Run, validated: Reference | None) -> Reference:
    """Make the accounts as they should be, as far as the source tells."""
    validation = run.files.open(ValidateFacts, validated)
    transformation = accounts_as_they_should_be(
        validation.table("students"),
        _tables(run, run.files.open(ExtractFacts)),
        effective_date=validation.facts.effective_date,
        username_policy=run.school.username,
        attributes=run.attributes,
        unknown=run.source.cannot_know | run.choice.unknown,
        withheld=run.school.withheld(),
    )
    return run.files.save(
        TransformFacts(**validation.facts.model_dump(), off=tuple(sorted(run.school.off))),
        {
            "accounts": transformation.accounts,
            "choices": transformation.choices,
            "findings": transformation.findings,
            **_withheld(withholding(run), transformation.accounts),
        },
        counts={"accounts": len(transformation.accounts), "warnings": len(_told_to_all(run, transformation.findings))},
    )


def plan(run: Run, transformed: Reference | None) -> Reference:
    """Plan every change, and measure the plan against the school's limits.

    What the directory offers is discovered here, once in a run, and saved with the plan.
    """
    source = run.files.open(TransformFacts, transformed)
    validation = run.files.open(ValidateFacts)
    endpoint = run.open_directory()
    run.state.check_claim(endpoint.base_url)
    capabilities = discover(endpoint, run.mapping)
    if not run.parameters.dry_run:
        run.state.claim(endpoint.base_url)
    directory = run.directory(endpoint, capabilities)
    accounts, withheld = _accounts(run, directory), withholding(run)
    roll, day = validation.table("roll"), source.facts.effective_date
    expected = expected_leavers(run.school.windows_on(day), known_year_groups(run.state.year_groups(), roll))
    wanted, unmatched = match_genders(source.table("accounts"), capabilities.genders or run.school.genders)
    wanted = withheld.wanted(wanted)
    planned = withheld.plan(
        make_plan(
            wanted,
            accounts,
            roll,
            validation.table("roll_emails"),
            replace(plan_options(run, directory, source.facts), expected_leavers=expected),
        ).warned(unmatched, "gender_unknown")
    )
    planned = _kept_otherwise(run, directory, planned)
    shown = withheld.untold(planned)
    mark = run.state.mark()
    rejected_now = rejected_records(pd.concat([validation.table("findings"), shown.findings], ignore_index=True))
    measures = measure(
        shown,
        accounts,
        run.school.limits_on(day),
        extracted=validation.counts["extracted"],
        rejected_now=rejected_now,
        rejected_before=mark.rejected if mark else {},
        disabled_recently=_disabled_recently(run),
        attributes=run.attributes,
    )
    facts = PlanFacts(
        **source.facts.model_dump(),
        directory=endpoint.base_url,
        knows_extension=any(each.extension for each in directory.mapping.written),
        lacking=capabilities.lacking,
        students=int(accounts["is_student"].sum()),
        limits=tuple(MeasuredLimit(**each.as_document()) for each in measures),
        reasons=(
            *always_held(run, directory, mark, accounts),
            *empty_rolls.reasons_to_hold(run, _tables(run, run.files.open(ExtractFacts))),
            *reasons_to_hold(planned, measures),
        ),
        departure_reasons=tuple(reasons_to_hold_departures(planned, measures)),
        expected=planned.expected,
        superseded=superseded(run, mark, source.facts),
        mark_seen=mark is not None,
        rejected=rejected_now,
    )
    return run.files.save(
        facts,
        {
            "plan": planned.as_document(),
            "findings": planned.findings,
            "accounts": wanted.drop(columns=CLEARED, errors="ignore"),
            "capabilities": capabilities.model_dump(mode="json"),
            **_withheld(withheld, wanted),
        },
        counts=planned.counts,
        told=_told(run, planned, shown),
    )


def _kept_otherwise(run: Run, directory: Directory, planned: Plan) -> Plan:
    """The plan with a warning of each attribute that the directory keeps otherwise; what it does not any more is
    forgotten."""
    if run.is_whole and not run.parameters.dry_run:
        still = planned.kept.still_seen()
        if still != dict(directory.learnt.kept):
            run.state.save_learnt(directory.learnt.model_copy(update={"kept": still}))
    return planned.told_of_all(
        "value_not_kept",
        [f"{attribute.label}: {number} account(s)" for attribute, number in planned.kept.accounts.items() if number],
    )


def _told_to_all(run: Run, findings: pd.DataFrame) -> pd.DataFrame:
    """The findings that who may only read is told: those about special categories alone are not counted, either."""
    return findings[~findings["detail"].isin([attribute.label for attribute in run.attributes if attribute.special])]


def _withheld(withheld: Withholding, accounts: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The document of what is withheld of these students, where something is."""
    entries = withheld.as_document(accounts["person_id"])
    return {WITHHELD: entries} if entries else {}


def _told(run: Run, planned: Plan, shown: Plan) -> dict[str, int]:
    """Those of the counts that are others for who may only read: what is written of special categories alone counts as
    unchanged.

    :param shown: the plan without what is withheld.
    """
    hidden = sum(only_special(change.kind, change.attributes, run.attributes) for change in shown.changes)
    counts = shown.counts
    told = {**counts, "update": counts["update"] - hidden, "unchanged": counts["unchanged"] + hidden}
    return {name: number for name, number in told.items() if number != planned.counts[name]}


def discovered(run: Run, plan: StageOutput[PlanFacts] | None, endpoint: Endpoint) -> Capabilities:
    """What the directory offers: as `plan` discovered it, or asked anew where no plan was made (or by an earlier
    version).

    :raises SyncError: it cannot be asked.
    """
    if plan is None or "capabilities.json" not in plan.files:
        return discover(endpoint, run.mapping)
    return Capabilities.model_validate(plan.document("capabilities"))


def wanted_accounts(run: Run, plan: StageOutput[PlanFacts]) -> pd.DataFrame:
    """Accounts as they should be, as they were compared for a plan. (An earlier version saved them with `transform`
    alone.)"""
    compared = plan if "accounts.parquet" in plan.files else run.files.open(TransformFacts)
    return compared.table("accounts")


def superseded(run: Run, mark: Mark | None, roll: RollVersion) -> str | None:
    """Why the run must not write, if a newer roll was applied (SPEC section 7)."""
    if mark is None or run.parameters.allow_older or not mark.is_newer_than(roll):
        return None
    return (
        f"superseded: this run has {roll.words}; the run {mark.run_id} began to apply a newer one ({mark.words}). "
        "Nothing to do; `allow_older` would apply the older roll all the same."
    )


def plan_options(run: Run, directory: Directory, facts: ValidateFacts) -> PlanOptions:
    """What the planning needs to know beside the tables."""
    return PlanOptions(
        directory.mapping,
        disable_unlinked=run.school.disable_unlinked,
        ignored_roles=run.school.ignored_roles,
        no_leaver_check=facts.no_leaver_check,
        learnt=directory.learnt,
    )


def open_plan(run: Run, planned: Reference) -> tuple[Plan, StageOutput[PlanFacts]]:
    """The plan that a reference names, and nothing else.

    :raises PermanentFault: the file is gone, or is not the one that `plan` wrote.
    """
    source = run.files.open(PlanFacts, planned)
    return Plan.from_document(source.document("plan"), source.table("findings")), source


def _tables(run: Run, extracted: StageOutput[ExtractFacts]) -> dict[str, pd.DataFrame]:
    return sources.owed({name: extracted.table(name) for name in sources.TABLES}, run.source.key)


def _no_leaver_check(run: Run, codes: dict[str, int]) -> str | None:
    """Why nobody is disabled in this run, if so."""
    if run.parameters.only_person_ids is not None:
        return "the run is for some Person IDs only."
    if codes.get("no_person_id"):
        return f"{codes['no_person_id']} student(s) came without a valid Person ID: nobody can tell who they are."
    pause = run.school.paused_on(run.parameters.effective_date, "leavers")
    return pause.why if pause else empty_rolls.no_leaver_check(run)


def _accounts(run: Run, directory: Directory) -> pd.DataFrame:
    accounts = account_table(directory.list_accounts(), directory.mapping)
    if not directory.mapping.keeps_marks:
        accounts["disabled_by_sync"] = accounts["account_id"].isin(run.state.disabled_accounts())
    return accounts


def _disabled_recently(run: Run) -> set[str]:
    departures = run.state.departures(datetime.now(UTC))
    return {account for each in departures if not each.approved for account in {*each.accounts} - {*each.expected}}
