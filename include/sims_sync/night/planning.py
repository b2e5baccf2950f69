"""From accounts as they should be to a plan: the stage ``plan``, which writes to no directory."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from sims_sync.changes.departing import BORN, departing, with_groups
from sims_sync.changes.differences import CLEARED
from sims_sync.changes.guards import measure, reasons_to_hold, reasons_to_hold_departures, rejected_records
from sims_sync.changes.linking import Linking
from sims_sync.changes.linking import reasons_to_hold as reasons_to_link
from sims_sync.changes.plan import Plan, PlanOptions, make_plan
from sims_sync.changes.user_names import Holders
from sims_sync.directory.discovery import Capabilities, discover
from sims_sync.directory.present import holders, present
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint
from sims_sync.model.attributes import only_special
from sims_sync.night import empty_rolls
from sims_sync.night.always_held import always_held
from sims_sync.night.expected import expected_leavers, known_year_groups
from sims_sync.night.preparing import on_roll, withheld_entries
from sims_sync.night.run import Run
from sims_sync.night.withheld import withholding
from sims_sync.runs.documents import (
    MeasuredLimit,
    PlanFacts,
    Reference,
    RollVersion,
    TransformFacts,
    ValidateFacts,
)
from sims_sync.runs.mark import Mark
from sims_sync.runs.reading import StageOutput
from sims_sync.students.identity import match_genders

log = logging.getLogger(__name__)


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
    (accounts, whose), withheld = _accounts(run, directory), withholding(run)
    day = source.facts.effective_date
    groups = known_year_groups(run.state.year_groups(), validation.table("roll"))
    options = plan_options(run, directory, source.facts)
    genders = capabilities.genders or run.school.genders
    wanted, unmatched = match_genders(source.table("accounts"), genders)
    wanted = withheld.wanted(wanted)
    planned = withheld.plan(
        make_plan(
            wanted,
            accounts,
            on_roll(run),
            validation.table("roll_emails"),
            replace(options, expected_leavers=expected_leavers(run.school.windows_on(day), groups)),
            whose,
        ).warned(unmatched, "gender_unknown")
    )
    if (only := run.parameters.only_person_ids) is not None:
        planned = planned.told_of(only)
    unborn = [person for person, columns in run.school.withheld().items() if BORN in columns]
    planned = with_groups(_kept_otherwise(run, directory, planned), groups, accounts, unborn=unborn)
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
        unnamed_genders=not genders and any(each.column == "gender" for each in directory.mapping.written),
        students=int(accounts["is_student"].sum()),
        limits=tuple(MeasuredLimit(**each.as_document()) for each in measures),
        reasons=(
            *always_held(run, directory, mark, accounts, planned.pairs),
            *empty_rolls.reasons_to_hold(run),
            *reasons_to_link(
                planned.pairs,
                planned.changes,
                run.state.shown_pairs(),
                key_is_fixed=directory.mapping.key_is_fixed,
            ),
            *reasons_to_hold(planned, measures),
        ),
        departure_reasons=tuple(reasons_to_hold_departures(planned, measures)),
        expected=planned.expected,
        departing=departing(planned),
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
            "pairs": planned.pairs,
            "capabilities": capabilities.model_dump(mode="json"),
            **withheld_entries(withheld, wanted),
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
        linking=_linking(run),
        no_leaver_check=facts.no_leaver_check,
        learnt=directory.learnt,
    )


def open_plan(run: Run, planned: Reference) -> tuple[Plan, StageOutput[PlanFacts]]:
    """The plan that a reference names, and nothing else.

    :raises PermanentFault: the file is gone, or is not the one that `plan` wrote.
    """
    source = run.files.open(PlanFacts, planned)
    return Plan.from_document(source.document("plan"), source.table("findings")), source


def _accounts(run: Run, directory: Directory) -> tuple[pd.DataFrame, Holders]:
    """The accounts that concern the school's students, and what knows whose each user name is."""
    everybody = directory.list_everybody()
    accounts = present(everybody, directory.mapping, run.school.ignored_roles)
    if not directory.mapping.keeps_marks:
        accounts["disabled_by_sync"] = accounts["account_id"].isin(run.state.disabled_accounts())
    listed = holders(everybody, directory.mapping)

    def whose(user_names: Collection[str]) -> Mapping[str, str | None]:
        if directory.mapping.settings.filter:  # the list has not everybody
            found = {name: directory.find_by_user_name(name) for name in user_names}
            return holders(filter(None, found.values()), directory.mapping)
        return {name: listed[name] for name in user_names if name in listed}

    return accounts, whose


def _linking(run: Run) -> Linking:
    key, parameters = run.source.key, run.parameters
    pairs = ((key.key(pair.person_id), pair.account) for pair in run.school.not_the_same)
    return Linking(
        parameters.link_accounts,
        parameters.link_except,
        frozenset((person, account) for person, account in pairs if person is not None),
    )


def _disabled_recently(run: Run) -> set[str]:
    departures = run.state.departures(datetime.now(UTC))
    return {account for each in departures if not each.approved for account in {*each.accounts} - {*each.expected}}
