"""The plan of a school of hand-written students and accounts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sims_sync.changes.linking import Linking
from sims_sync.changes.plan import Plan, PlanOptions, make_plan
from sims_sync.directory.mapping import STANDARD, AccountMapping
from sims_sync.directory.present import holders, present
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION


def student(person_id: str, number: str = "004604", *, forename: str = "Ada", born: str | None = "2014-05-06") -> Any:
    """One on roll."""
    return {
        "person_id": person_id,
        "school_identifier": number,
        "forename": forename,
        "surname": "Archer",
        "date_of_birth": born,
    }


def account(account_id: str, person_id: str | None, number: str = "004604", **values: Any) -> dict[str, Any]:
    """Ada's, as the sync keeps it."""
    return {
        "id": account_id,
        "externalId": person_id,
        "userName": number,
        "active": True,
        "name": {"givenName": "Ada", "familyName": "Archer"},
        "roles": [{"value": "student"}],
        EXTENSION: {"schoolIdentifier": number, "dateOfBirth": "2014-05-06", "freeSchoolMeals": False},
        **values,
    }


def wanted(*students: Any) -> pd.DataFrame:
    """Their accounts as they should be."""
    names = {"forename": "given_name", "surname": "family_name"}
    columns = ["person_id", "school_identifier", *names, "date_of_birth"]
    should = pd.DataFrame(students, columns=columns).astype("str").rename(columns=names)
    should = should.assign(user_name=should["school_identifier"])
    should = should.assign(**{each.column: None for each in ATTRIBUTES if each.column not in should})
    should = should.assign(free_school_meals=False, sen_information="[]", user_name_from_email=False)
    should = should.astype({each.column: each.kind.dtype for each in ATTRIBUTES})
    should["keep"] = [[] for _ in range(len(should))]
    return should


def planned(
    roll: list[Any],
    accounts: list[Any],
    linking: Linking | None = None,
    *,
    rejected: tuple[str, ...] = (),
    mapping: AccountMapping = STANDARD,
    emails: tuple[tuple[str, str], ...] = (),
    **options: Any,
) -> Plan:
    """The plan of a school.

    :param rejected: those on roll who did not validate.
    """
    on_roll = pd.DataFrame(roll).astype("str")
    should = wanted(*(each for each in roll if each["person_id"] not in rejected))
    held = holders(accounts, mapping)
    return make_plan(
        should,
        present(accounts, mapping, ["user"]),
        on_roll,
        pd.DataFrame(emails, columns=["person_id", "email"]).astype("str"),
        PlanOptions(mapping, linking=linking or Linking(), **options),
        lambda names: {name: held[name] for name in names if name in held},
    )
