"""The page of a student: why there is an account or not, which rows the rules chose, and what the last runs did."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sims_sync.config.school_entry import School
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.model.kinds import is_blank
from sims_sync.runs.documents import STANDING_STILL, PlanFacts, TransformFacts, ValidateFacts
from sims_sync.runs.reading import RunReader
from sims_sync.runs.register import Entry, Register
from sims_sync.runs.withheld_values import withheld_in
from sims_sync.store.folder import Folder
from sims_sync.ui.airflow_runs import AirflowRun
from sims_sync.ui.asked_run import asked_run
from sims_sync.ui.fate import Fate, fate_of
from sims_sync.ui.history import RunSummary
from sims_sync.ui.people import LOOKED_AT
from sims_sync.ui.planned_values import ChangedValue, changed_values, mapping_of, planned_values
from sims_sync.ui.seen import seen

_USER_NAMES = {each.name for each in ATTRIBUTES if each.column in ("school_identifier", "home_email", "work_email")}
"""The values that may be a user name."""


@dataclass(frozen=True)
class Choice:
    """What a rule took for one attribute.

    :param why: why this row was taken, or why none was.
    :param value: what was taken; only told to who may edit the DAG.
    :param withheld: the user may not even see ``why``.
    """

    attribute: Attribute
    sims_id: str | None
    why: str
    value: str | None
    withheld: bool


@dataclass(frozen=True)
class StudentPage:
    """What the page shows of a student.

    :param run: the run that is told about; none where no run that is kept knows the person any more.
    :param fate: what it did, or would do.
    :param not_shown: the run that was asked for, and cannot be shown; empty where it is.
    :param fates: what each of the last runs did.
    :param values: what the run changes of which value, as planned; empty where the user may not see values.
    :param done: what the register says, the newest first; account ids are not in it where the user may not see them.
    :param choices: empty where the record was not imported.
    :param unreadable: the runs that cannot be read, or not all of them; ``missing``: likewise files of the register.
    """

    school: School
    person_id: str
    school_identifier: str | None
    run: RunSummary | None
    fate: Fate | None
    not_shown: str
    choices: Sequence[Choice]
    fates: Sequence[tuple[RunSummary, Fate]]
    values: Sequence[ChangedValue]
    done: Sequence[Entry]
    may_see_values: bool
    unreadable: Sequence[str]
    missing: Sequence[str]


def student_page(
    root: Folder,
    school: School,
    runs: Sequence[RunSummary],
    person_id: str,
    *,
    wanted_run: str | None,
    may_see_values: bool,
    find_run: Callable[[str], AirflowRun | None] = lambda _: None,
    attributes: Sequence[Attribute] = ATTRIBUTES,
) -> StudentPage | None:
    """What the page shows; none where neither a run that is kept nor the register knows the person.

    :param runs: the newest first.
    :param wanted_run: the run to tell about; default: the newest that compared the roll.
    :param find_run: what Airflow knows of a run.
    """
    looked_at: dict[str, tuple[RunSummary, RunReader]] = {}
    if wanted_run and wanted_run not in {run.run_id for run in runs[:LOOKED_AT]}:
        files = seen(root, school.id, wanted_run, may_edit=may_see_values, only=person_id)
        if asked := asked_run(files, wanted_run, find_run(wanted_run)):
            looked_at[wanted_run] = asked, files
    for each in runs[:LOOKED_AT]:
        looked_at[each.run_id] = each, seen(root, school.id, each.run_id, may_edit=may_see_values, only=person_id)
    fates = [(run, fate) for run, files in looked_at.values() if (fate := fate_of(files, run, person_id)) is not None]
    register = Register(root, school.id)
    done = register.of_person(person_id)
    if not done and not any(fate.known for _, fate in fates):
        return None
    run, fate = next(((run, fate) for run, fate in fates if run.run_id == wanted_run), None) or _telling(fates)
    known_as = [*([fate] if fate else []), *(each for _, each in fates)]
    identifiers = [*(each.school_identifier for each in known_as), *(each.school_identifier for each in done)]
    return StudentPage(
        school=school,
        person_id=person_id,
        school_identifier=next((each for each in identifiers if each), None),
        run=run,
        fate=fate,
        not_shown=wanted_run if wanted_run and (run is None or run.run_id != wanted_run) else "",
        choices=_choices(looked_at[run.run_id][1], school, person_id, attributes, may_see_values=may_see_values)
        if run
        else [],
        fates=fates,
        values=_values(looked_at[run.run_id][1], school, person_id, attributes) if run and may_see_values else [],
        done=[each if may_see_values else replace(each, account_id=None) for each in done],
        may_see_values=may_see_values,
        unreadable=_unreadable(list(looked_at.values())),
        missing=register.unreadable,
    )


def unreadable_runs(root: Folder, school: School, runs: Sequence[RunSummary]) -> list[str]:
    """The runs among those that are looked at for a student that cannot be read, or not all of them."""
    looked_at = [(run, seen(root, school.id, run.run_id, may_edit=False)) for run in runs[:LOOKED_AT]]
    for _, files in looked_at:
        files.table(ValidateFacts, "roll")
    return _unreadable(looked_at)


def _unreadable(looked_at: Sequence[tuple[RunSummary, RunReader]]) -> list[str]:
    return [run.run_id for run, files in looked_at if run.run_id and (files.unreadable or run.outcome == "unreadable")]


def _telling(fates: Sequence[tuple[RunSummary, Fate]]) -> tuple[RunSummary, Fate] | tuple[None, None]:
    """The newest run that tells how the person stands: no dry run, if another knows the person."""
    known = [each for each in fates if each[1].known]
    whole = (each for each in known if not (each[0].dry_run or each[0].outcome in STANDING_STILL))
    return next(whole, known[0] if known else (None, None))


def _values(
    files: RunReader, school: School, person_id: str, attributes: Sequence[Attribute]
) -> Sequence[ChangedValue]:
    plan = files.plan()
    if plan is None or all(each.person_id != person_id for each in plan.changes):
        return []  # most often, and then nothing more need be read
    mapping = mapping_of(school, attributes)
    own = planned_values(files, "person_id", (person_id,))
    return [value for each in own for value in changed_values(each, mapping)]


def _choices(
    files: RunReader, school: School, person_id: str, attributes: Sequence[Attribute], *, may_see_values: bool
) -> list[Choice]:
    transformed = files.output(TransformFacts)
    off = transformed.facts.off if transformed else ()
    accounts = files.table(PlanFacts, "accounts")
    if accounts is None:  # it was not compared with the directory, or by an earlier version
        accounts = files.table(TransformFacts, "accounts")
    choices = files.table(TransformFacts, "choices")
    if accounts is None or choices is None:
        return []
    account = accounts[accounts["person_id"] == person_id]
    if account.empty:
        return []
    row = account.iloc[0].to_dict()
    withheld = withheld_in(files).get(person_id, frozenset())
    if not may_see_values:  # to them it is as if SIMS had no such value
        hidden = {each.column for each in attributes if each.name in withheld}
        row["keep"] = [column for column in row.get("keep", ()) if column not in hidden]
    chosen = choices[choices["person_id"] == person_id].set_index("attribute").to_dict("index")

    def choice(attribute: Attribute) -> Choice:
        if attribute.column in off:
            return Choice(attribute, None, "off: the school does not send it", None, withheld=False)
        if may_see_values and attribute.name in withheld:
            return Choice(attribute, None, _why_withheld(school, person_id, attribute), None, withheld=False)
        if may_see_values and attribute.column == "user_name" and withheld & _USER_NAMES:
            value = attribute.kind.show(row[attribute.column])
            return Choice(attribute, None, "what is not withheld, of admission number and email", value, withheld=False)
        return _choice(attribute, row, chosen.get(attribute.column), may_see_values)

    return [choice(attribute) for attribute in attributes if attribute.column in row]


def _why_withheld(school: School, person_id: str, attribute: Attribute) -> str:
    """Why a value is withheld, as the configuration has it now; no longer, if it does not say so any more."""
    reasons = [
        each.reason for each in school.withhold if each.person_id == person_id and attribute.column in each.attributes
    ]
    return f"withheld: {'; '.join(reasons)}" if reasons else "withheld when this run was planned"


def _choice(
    attribute: Attribute,
    account: Mapping[Hashable, Any],
    chosen: Mapping[Hashable, Any] | None,
    may_see_values: bool,
) -> Choice:
    value = account[attribute.column]
    withheld = attribute.special and not may_see_values
    sims_id = chosen["sims_id"] if chosen and isinstance(chosen["sims_id"], str) and not withheld else None
    if withheld:
        why = ""
    elif chosen:
        why = str(chosen["why"])
    elif attribute.column in account.get("keep", ()):
        why = "what SIMS holds is invalid or has no match: the account keeps what it has"
    elif is_blank(value) or value == attribute.kind.nothing:
        why = "no period covers the effective date" if attribute.special else "nothing in SIMS"
    else:
        why = "as in SIMS"
    return Choice(attribute, sims_id, why, attribute.kind.show(value) if may_see_values else None, withheld)
