"""From an approved plan to writes: the stages ``load`` and ``disable_leavers`` (SPEC section 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import get_args

import pandas as pd

from sims_sync.changes.apply import Replan, apply_changes, replan_leaver, replan_student
from sims_sync.changes.change import Change
from sims_sync.changes.checking import LEFT_AS_IT_WAS, check_written, read_back
from sims_sync.changes.plan import Plan
from sims_sync.changes.refusals_as_such import RefusalsAsSuch
from sims_sync.changes.result import Result
from sims_sync.changes.withholding import Withholding
from sims_sync.directory.scim_client import Directory
from sims_sync.model.attributes import only_special
from sims_sync.model.change_kinds import LEAVER_KINDS, Kind
from sims_sync.model.errors import PermanentFault, SyncError, TransientFault, UnexpectedAnswer
from sims_sync.night import empty_rolls
from sims_sync.night.approval import PLAN_LIFETIME, check_refusals
from sims_sync.night.planning import discovered, open_plan, plan_options, superseded, wanted_accounts
from sims_sync.night.preparing import on_roll
from sims_sync.night.registering import Registering
from sims_sync.night.remembering import (
    History,
    forget_year_groups,
    keep_year_groups,
    learn_shared,
    remember_applied,
    remember_departed,
    remember_learnt,
    remember_pairs,
    remember_refused,
)
from sims_sync.night.run import Run, Skipped, Superseded
from sims_sync.night.withheld import remember_cleared, withholding
from sims_sync.runs.documents import (
    ApproveFacts,
    ApproveLeaversFacts,
    DisableLeaversFacts,
    LoadFacts,
    PlanFacts,
    Reference,
    ValidateFacts,
)
from sims_sync.runs.mark import Mark
from sims_sync.runs.reading import StageOutput
from sims_sync.store.lease import Lease, hold_lease

_LOAD_KINDS = frozenset(get_args(Kind)) - LEAVER_KINDS


def load(run: Run, approved: Reference | None) -> Reference:
    """Write the planned changes of the students on roll.

    :param approved: what `approve` returned, none where it was marked as done by hand.
    """
    plan, source, approval = _open_approved(run, approved)
    if run.parameters.dry_run:
        raise Skipped("Dry run: the plan is made, nothing is written.")
    directory = _open_planned(run, source)
    with _alone(run, source, "load") as lease:
        keep_year_groups(run, plan)
        if approval.facts.asked:
            remember_pairs(run, source)
        refusals, withheld = RefusalsAsSuch(run.state.refused()), withholding(run)
        wanted = withheld.wanted(wanted_accounts(run, source))
        replan = withheld.replan(replan_student(wanted, plan_options(run, directory, source.facts)))
        changes, nothing_left = _without_what_is_withheld(plan.for_students, withheld)
        register = _register(run, source, approval.facts.approved_by, changes, _LOAD_KINDS)
        written_down = register.begin()
        results, fault = _write(run, directory, changes, replan, lease, refusals)
        if fault is None:
            results, fault = _check(directory, changes, results, wanted, lease)
        register.end(results, written_down)
        learn_shared(directory, results, wanted)
        remember_learnt(run, directory)
        results += nothing_left
        remember_cleared(run, plan, source, results)
        reference = _save(run, LoadFacts, approval, plan.for_students, results, newly_refused=refusals.newly_refused)
        if fault is None:
            remember_refused(run, results)
    _check_complete(plan.for_students, _hidden_people(run, plan.for_students), results, fault)
    remember_applied(run, directory, source.facts.students, results)
    return reference


def disable_leavers(run: Run, approved: Reference | None) -> Reference:
    """Disable the accounts of those who left, and read them back.

    :param approved: what `approve_leavers` returned, none where it was marked as done by hand.
    """
    if approved is None:
        raise _without_an_answer("The departures", "approve_leavers", clear="approve_leavers")
    departures = run.files.open(ApproveLeaversFacts, approved)
    written = run.files.open(LoadFacts, departures.facts.loaded)
    plan, source, approval = _open_approved(run, written.facts.approved)
    if plan.no_leaver_check:
        raise Skipped(f"Nobody is disabled: {plan.no_leaver_check}")
    check_refusals(run, written)
    validation = run.files.open(ValidateFacts)
    directory = _open_planned(run, source)
    options = plan_options(run, directory, source.facts)
    replan = replan_leaver(on_roll(run), validation.table("roll_emails"), options)
    with _alone(run, source, "disable_leavers") as lease:
        history = History(run, approval.facts.plan.sha256, departures.facts.asked, plan.for_leavers)
        earlier = history.write_down_planned()
        register = _register(run, source, departures.facts.approved_by, plan.for_leavers, LEAVER_KINDS)
        written_down = register.begin()
        results, fault = _write(run, directory, plan.for_leavers, replan, lease, RefusalsAsSuch())
        if fault is None:
            results, fault = _read_back(directory, plan.for_leavers, results, lease)
        register.end(results, written_down)
        remember_learnt(run, directory)
        remember_departed(run, results)
        history.write_down_done(results, earlier if fault else frozenset())
        forget_year_groups(run, results)
        reference = _save(run, DisableLeaversFacts, approval, plan.for_leavers, results)
    _check_complete(plan.for_leavers, frozenset(), results, fault)
    empty_rolls.remember_approved(run)
    return reference


def _without_what_is_withheld(changes: list[Change], withheld: Withholding) -> tuple[list[Change], list[Result]]:
    """The changes without what is withheld now, though it was not when they were planned, and the results of those of
    which nothing is left."""
    left = [(change, withheld.let_through(change)) for change in changes]
    nothing_left = [
        Result(change.kind, change.person_id, change.school_identifier, change.account_id, "done")
        for change, rest in left
        if rest is None
    ]
    return [rest for _, rest in left if rest is not None], nothing_left


def _open_approved(
    run: Run, approved: Reference | None
) -> tuple[Plan, StageOutput[PlanFacts], StageOutput[ApproveFacts]]:
    """The plan, its manifest, and the approval of just this plan.

    :raises PermanentFault: it was not approved, or is not the plan that was approved, or is too old.
    """
    if approved is None:
        raise _without_an_answer("This plan", "approve", clear="plan")
    approval = run.files.open(ApproveFacts, approved)
    plan, source = open_plan(run, approval.facts.plan)
    if source.saved_at + PLAN_LIFETIME < datetime.now(UTC):
        raise PermanentFault(
            f"The plan was made at {source.saved_at:%Y-%m-%d %H:%M} UTC, and is not applied after 24 hours.",
            advice="Clear the run from `extract`.",
        )
    return plan, source, approval


def _without_an_answer(what: str, stage: str, clear: str) -> PermanentFault:
    return PermanentFault(
        f"{what} went through `{stage}` without an answer of it, as when the task is marked as done by hand.",
        advice=f"Clear the run from `{clear}`; what is held is approved under Required Actions.",
    )


def _open_planned(run: Run, source: StageOutput[PlanFacts]) -> Directory:
    """The directory that the plan was made for, as it was discovered then.

    :raises PermanentFault: the connection leads to another one now.
    """
    endpoint = run.open_directory()
    if endpoint.base_url != source.facts.directory:
        raise PermanentFault(
            f"The connection {run.school.directory_connection} leads to another directory than when the plan was made.",
            advice="If it is the right one now, clear the run from `plan`.",
        )
    return run.directory(endpoint, discovered(run, source, endpoint))


@contextmanager
def _alone(run: Run, source: StageOutput[PlanFacts], stage: str) -> Iterator[Lease]:
    """Alone with the directory, with the mark set, while the block runs.

    :raises Superseded: a newer roll was applied, or began to be.
    :raises PermanentFault: the mark was there when the plan was made, and is gone.
    """
    roll = source.facts
    with hold_lease(run.state.folder, "directory", f"{run.run_id} ({stage})") as lease:
        mark = run.state.mark()
        if reason := roll.superseded or superseded(run, mark, roll):
            raise Superseded(reason)
        if mark is None and roll.mark_seen:
            raise PermanentFault(
                "The school's mark (state/mark.json) was removed after the plan was made.",
                advice="Clear the run from `plan`: that plan is held until a person approves it.",
            )
        if run.parameters.only_person_ids is None:
            move = mark.moved_to if mark else Mark.at
            run.state.save_mark(move(roll, run.run_id, roll.rejected))
        yield lease


def _write(
    run: Run,
    directory: Directory,
    changes: list[Change],
    replan: Replan,
    lease: Lease,
    refusals: RefusalsAsSuch,
) -> tuple[list[Result], SyncError | None]:
    """Write the changes: what became of each, and the fault that ended the writing half way, if one did."""
    keeps_marks = directory.mapping.keeps_marks
    marked = {str(change.account_id) for change in changes if change.values.get("disabledBySync")}
    if not keeps_marks and marked:
        run.state.save_disabled_accounts(run.state.disabled_accounts() | marked)
    results: list[Result] = []
    try:
        results.extend(apply_changes(directory, changes, replan, lease.check, refusals))
    except SyncError as fault:
        return results, fault
    done = {str(result.account_id) for result in results if result.result == "done"}
    enabled = {str(change.account_id) for change in changes if "disabledBySync" in change.values} & done - marked
    if not keeps_marks and enabled:
        run.state.save_disabled_accounts(run.state.disabled_accounts() - enabled)
    return results, None


def _check(
    directory: Directory, changes: list[Change], results: list[Result], should: pd.DataFrame, lease: Lease
) -> tuple[list[Result], SyncError | None]:
    """The results after a look at what was written, and the fault that stopped the looking, if one did."""
    try:
        return check_written(directory, changes, results, should, lease.check), None
    except SyncError as fault:
        return results, fault


def _read_back(
    directory: Directory, changes: list[Change], results: list[Result], lease: Lease
) -> tuple[list[Result], SyncError | None]:
    """The results after a look at the accounts that were disabled, and the fault that follows from them, if any."""
    try:
        results = read_back(directory, changes, results, lease.check)
    except SyncError as fault:
        return results, fault
    active = [result.person_id for result in results if result.detail == LEFT_AS_IT_WAS]
    if not active:
        return results, None
    return results, UnexpectedAnswer(
        f"The directory answered success, but left {len(active)} account(s) active, or with the role of a student: "
        f"{_people(active)}.",
        advice="Ask the directory's support why `active: false`, or the removal of a role, has no effect.",
    )


def _people(person_ids: list[str | None], most: int = 20) -> str:
    """Whose accounts, by Person ID: the account's own id is the directory's, and can be an address."""
    known = [f"person {person_id}" for person_id in person_ids if person_id is not None]
    nobodys = len(person_ids) - len(known)
    told = [*known[:most], *([f"{len(known) - most} more"] if len(known) > most else [])]
    return ", ".join([*told, *([f"{nobodys} without a Person ID"] if nobodys else [])])


def _save(
    run: Run,
    facts: type[LoadFacts | DisableLeaversFacts],
    approval: StageOutput[ApproveFacts],
    changes: list[Change],
    results: list[Result],
    **told: int,
) -> Reference:
    hidden = _hidden_people(run, changes)
    return run.files.save(
        facts(approved=approval.reference, set_mark=run.parameters.only_person_ids is None, **told),
        {"results": [result.as_document() for result in results]},
        counts=Counter(result.result for result in results if result.person_id not in hidden),
    )


def _hidden_people(run: Run, changes: list[Change]) -> frozenset[str | None]:
    """Whose changes are told only to who may edit."""
    withheld = withholding(run)
    return frozenset(
        each.person_id
        for each in changes
        if only_special(each.kind, each.attributes, run.attributes, withheld.names(each.person_id))
    )


def _register(
    run: Run, source: StageOutput[PlanFacts], approved_by: str | None, changes: list[Change], kinds: frozenset[Kind]
) -> Registering:
    """What writes the changes down in the register; those that are hidden from who may only read are left out."""
    hidden = _hidden_people(run, changes)
    shown = [each for each in changes if each.person_id not in hidden]
    return Registering(run, source, approved_by, kinds, shown)


def _check_complete(
    changes: list[Change], hidden: Collection[str | None], results: list[Result], fault: SyncError | None
) -> None:
    """See that all is done.

    :param hidden: whose changes nobody may count who may only read.
    :raises SyncError: the fault that ended the writing.
    :raises PermanentFault: a leaver keeps an account that works.
    :raises TransientFault: some writes failed.
    """
    if fault is not None:
        raise fault
    refused = [each.person_id for each in results if each.kind in LEAVER_KINDS and each.result == "rejected"]
    if refused:
        raise PermanentFault(
            f"The directory refused to disable {len(refused)} account(s), which still work: {_people(refused)}.",
            advice="Disable them in the directory, or ask its support; the page of the run shows what the directory "
            "says to those who may edit the DAG.",
        )
    failed = [result for result in results if result.result == "failed"]
    if failed:
        shown = sum(each.person_id not in hidden for each in failed)
        of_all = f"{shown} of {sum(each.person_id not in hidden for each in changes)} writes" if shown else "Writes"
        raise TransientFault(
            f"{of_all} failed for the directory's reasons.",
            advice="What was written stays; the next try writes the rest.",
            retry_after=max(result.retry_after or 0 for result in failed) or None,
        )
