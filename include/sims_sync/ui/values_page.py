"""The page of a school's values: which goes from where in SIMS to where in the directory, by which rule, as a data
protection impact assessment asks (SPEC sections 3, 4 and 9)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sims_sync.config.directory_settings import NONE
from sims_sync.config.school_entry import School
from sims_sync.config.values import Withheld
from sims_sync.directory.mapping import ACTIVE, DISABLED_BY_SYNC, AccountMapping
from sims_sync.model.attributes import ATTRIBUTES, Attribute
from sims_sync.runs.documents import PlanFacts
from sims_sync.runs.state import SchoolState
from sims_sync.sources.choice import CHOSEN_NAME, Choice
from sims_sync.sources.sims.operations import OPERATIONS, SCHOOL, Operation
from sims_sync.store.folder import Folder
from sims_sync.ui.history import RunSummary
from sims_sync.ui.seen import seen

_PERSON_ID = "person_id"

_WRITTEN = {
    "always": "whenever it differs",
    "once": "once: when the account is created, or becomes a student's",
    "at_creation": "once: when the account is created",
}


@dataclass(frozen=True)
class Origin:
    """Where in SIMS a value comes from.

    :param call: the operation.
    :param elements: those of a row that are read for it.
    :param location: which rows, where others' rows stand among them.
    """

    call: str
    elements: Sequence[str]
    location: str = ""


@dataclass(frozen=True)
class Flow:
    """The way of one value.

    :param origins: empty where it is not from SIMS.
    :param path: its SCIM path, of the student extension without its URN; none where the school wants it nowhere.
    :param special: whether it tells health or poverty.
    :param lacking: whether the directory has no place for it, as the last plan found.
    """

    label: str
    origins: Sequence[Origin]
    rule: str
    path: str | None
    written: str
    off: bool = False
    special: bool = False
    lacking: bool = False
    extension: bool = False


@dataclass(frozen=True)
class Call:
    """A call to SIMS.

    :param elements: those that are kept.
    :param permissions: what the SIMS user needs for it.
    """

    name: str
    asked: bool
    elements: Sequence[str]
    permissions: Sequence[str]


@dataclass(frozen=True)
class WithheldOf:
    """What is withheld of a student, for those who may edit.

    :param labels: of the attributes.
    :param clearing: what becomes of what was written.
    """

    person_id: str
    labels: Sequence[str]
    reason: str
    clearing: str


@dataclass(frozen=True)
class ValuesPage:
    """What the page shows.

    :param extension: the URN of the student extension, none where it is to be left alone.
    :param planned: the run whose plan says what the directory has a place for; none where there is none.
    :param withheld: empty for who may only read.
    """

    flows: Sequence[Flow]
    marks: Sequence[Flow]
    extension: str | None
    calls: Sequence[Call]
    planned: RunSummary | None
    withheld: Sequence[WithheldOf]


def values_page(root: Folder, school: School, runs: Sequence[RunSummary], *, may_edit: bool) -> ValuesPage:
    """What the page shows.

    :param may_edit: whether the user may edit the school's DAG.
    """
    choice = Choice(off=school.unsent, chosen_name=school.forename == CHOSEN_NAME)
    planned, lacking = _last_plan(root, school, runs)
    mapping = AccountMapping(settings=school.directory)
    return ValuesPage(
        flows=[_flow(school, attribute, mapping.extension, lacking) for attribute in ATTRIBUTES],
        marks=_marks(mapping),
        extension=mapping.extension,
        calls=[_call(operation, choice) for operation in (SCHOOL, *OPERATIONS)],
        planned=planned,
        withheld=_withheld(SchoolState(root, school.id), school) if may_edit else (),
    )


def _marks(mapping: AccountMapping) -> list[Flow]:
    """What is written beside the values of a student, as the school's directory has it."""
    settings = mapping.settings
    marker, value = settings.marker
    leaver = "; removed from the account of a leaver with further roles" if mapping.marker.has_others else ""
    prefix = f", after `{settings.key_prefix}`" if settings.key_prefix else ""
    key = (Origin("GetXmlStudents", ("PersonID",)),)
    in_state = None if mapping.extension is None else DISABLED_BY_SYNC
    for_leavers = "for leavers and returners"
    return [
        Flow("Person ID", key, f"the key that links account and person{prefix}", settings.key, _WRITTEN["at_creation"]),
        Flow("Kind of account", (), f"`{value}`{leaver}", marker, "always"),
        Flow("Whether it works", (), "true; false for a leaver", ACTIVE, f"at creation; {for_leavers}"),
        Flow(
            "Disabled by the sync",
            (),
            "true for a leaver whose account the sync disabled",
            in_state,
            for_leavers,
            extension=in_state is not None,
        ),
    ]


def _flow(school: School, attribute: Attribute, extension: str | None, lacking: Collection[str]) -> Flow:
    path = school.directory.path_of(attribute)
    within = f"{extension}:" if extension is not None and path.startswith(f"{extension}:") else ""
    return Flow(
        label=attribute.label,
        origins=_origins(school, attribute),
        rule=_rule(school, attribute),
        path=None if path == NONE else path.removeprefix(within),
        written=_WRITTEN[attribute.written],
        off=attribute.column in school.off,
        special=attribute.special,
        lacking=attribute.name in lacking,
        extension=bool(within),
    )


def _origins(school: School, attribute: Attribute) -> list[Origin]:
    """Where the value comes from: columns of the students first, then rows of other documents."""
    columns: dict[str, tuple[str, ...]] = {
        "given_name": (CHOSEN_NAME, "forename") if school.forename == CHOSEN_NAME else ("forename",),
        "user_name": ("admission_number",),
    }
    of_students = columns.get(attribute.column, (attribute.taken_from,) if attribute.taken_from else ())
    students = next(each for each in OPERATIONS if each.table == "students")
    found = [Origin(students.name, _elements(students, of_students))] if of_students else []
    of_rows = [
        Origin(each.name, _elements(each, set(each.columns.values()) - {_PERSON_ID}), attribute.location)
        for each in OPERATIONS
        if each.table in attribute.tables
    ]
    by_email = attribute.column == "user_name" and school.username == "email"
    return [*of_rows, *found] if by_email else [*found, *of_rows]


def _elements(operation: Operation, columns: Collection[str]) -> list[str]:
    return [element for element, column in operation.columns.items() if column in columns]


def _rule(school: School, attribute: Attribute) -> str:
    """How the value is taken, as the school is configured."""
    if attribute.column == "given_name" and school.forename == CHOSEN_NAME:
        return "the chosen name, where there is one"
    if attribute.column == "user_name":
        first, second = "admission number", "email address"
        if school.username == "email":
            first, second = second, first
        return f"the {first}, else the {second}; {attribute.rule}"
    return attribute.rule


def _call(operation: Operation, choice: Choice) -> Call:
    not_kept = {
        each.taken_from
        for each in ATTRIBUTES
        if each.column in choice.unknown and operation.table == "students" and each.taken_from
    } | (set() if choice.chosen_name else {CHOSEN_NAME})
    return Call(
        name=operation.name,
        asked=operation.table not in choice.unasked,
        elements=_elements(operation, set(operation.columns.values()) - not_kept),
        permissions=operation.permissions,
    )


def _last_plan(root: Folder, school: School, runs: Sequence[RunSummary]) -> tuple[RunSummary | None, Collection[str]]:
    """The newest of the last runs that made a plan, and the names of what the directory has no place for."""
    for run in runs[:5]:
        plan = seen(root, school.id, run.run_id, may_edit=False).output(PlanFacts)
        if plan is not None:
            of_extension = () if plan.facts.knows_extension else [each.name for each in ATTRIBUTES if each.extension]
            return run, {*plan.facts.lacking, *of_extension}
    return None, ()


def _withheld(state: SchoolState, school: School) -> list[WithheldOf]:
    labels, cleared = {each.column: each.label for each in ATTRIBUTES}, state.cleared()

    def clearing(entry: Withheld) -> str:
        if not entry.clear:
            return "stays as it is"
        done = cleared.get(entry.person_id, frozenset()).issuperset(entry.attributes)
        return "was cleared" if done else "is cleared by the next run"

    return [
        WithheldOf(each.person_id, [labels[column] for column in each.attributes], each.reason, clearing(each))
        for each in school.withhold
    ]
