"""The parameters of a run (SPEC section 8), as Airflow's trigger form shows and checks them."""

from __future__ import annotations

from airflow.sdk import Param


def trigger_form() -> dict[str, Param]:
    """The parameters as the trigger form shows them; new ones for each DAG, Airflow keeps a run's values in them."""
    return {
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Extract, validate and plan, but write nothing: the report says what a real run would do.",
        ),
        "effective_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Effective date",
            description="The date whose roll is synchronised. Default: the run's own date in the school's time zone. "
            "A date after today takes a dry run.",
        ),
        "only_person_ids": _person_ids(
            "Only these Person IDs",
            "Synchronise these students alone, a Person ID a line. Nobody's account is disabled in such a run.",
        ),
        "allow_older": Param(
            False,
            type="boolean",
            title="Allow an older roll",
            description="Write even though a newer roll was applied before. "
            "Only when you know that the newer one was wrong.",
        ),
        "allow_empty_roll": Param(
            False,
            type="boolean",
            title="Allow an empty roll",
            description="Take a roll without any student for what it is, as of a unit in August or of a school that "
            "has closed: every account is a leaver's, once a person has approved the plan. Not for dates before today.",
        ),
        "link_accounts": Param(
            None,
            type=["null", "string"],
            enum=[None, "certain", "likely"],
            title="Link accounts",
            description="Give the accounts that stand under another Person ID, or under none, to their students, as "
            "after a change of MIS: those that are certain, or the likely ones too. The plan waits for an approval.",
        ),
        "link_except": _person_ids(
            "Link all but these Person IDs", "Students who are not linked in this run, a Person ID a line."
        ),
    }


def _person_ids(title: str, description: str) -> Param:
    """Person IDs, typed one a line; or a list, as programs send it.

    The first type is the one that the form has a field for, and `pattern` has Airflow turn away what is no Person ID
    before it keeps it. With a list of numbers as the first type, the field is an editor of JSON whose cursor jumps.
    """
    return Param(
        None,
        type=["null", "string", "array"],
        format="multiline",
        pattern=r"^[0-9\s,;]*$",
        items={"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$"},
        title=title,
        description=description,
    )
