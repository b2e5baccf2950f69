"""The final check: a student account that belongs to no student on roll is a leaver's (SPEC section 6)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from sims_sync.changes.change import Change
from sims_sync.changes.on_roll import findings


def plan_leavers(
    accounts: pd.DataFrame,
    roll: pd.DataFrame,
    roll_emails: pd.DataFrame,
    *,
    disable_unlinked: bool,
    ignored_roles: Collection[str],
    marker_name: str,
    expected: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[Change], pd.DataFrame]:
    """Plan what happens to the accounts of students who left, and to student accounts that are linked to nobody.

    :param accounts: accounts as they are.
    :param roll: the extract (not only the records that validated): ``person_id``, ``school_identifier``.
    :param roll_emails: every email address of a student on roll: ``email``.
    :param disable_unlinked: whether accounts that are linked to nobody are disabled too.
    :param ignored_roles: roles that everybody has, which do not keep an account working.
    :param marker_name: what the marker is called among the values of a change.
    :param expected: the Person IDs whose departure is expected, each with the window of the school's year.
    :returns: the changes in order of account id, and warnings (columns of ``FINDING_COLUMNS``).
    """
    candidates = accounts[accounts["is_student"] & accounts["active"]]
    unlinked = candidates["linked_person_id"].isna()
    left = candidates[~unlinked & ~candidates["linked_person_id"].isin(roll["person_id"].dropna())]
    nobodys = candidates[unlinked] if disable_unlinked else candidates.iloc[:0]
    resembles = _resembles_a_student(nobodys, roll, roll_emails)
    ignored = {role.casefold() for role in ignored_roles}
    changes = [
        _departure(account, cause, ignored, marker_name, expected)
        for departing, cause in ((left, "not on roll"), (nobodys[~resembles], "linked to nobody"))
        for account in departing.itertuples(index=False)
    ]
    odd = accounts[~accounts["readable"] & ~accounts["linked_person_id"].isin(roll["person_id"].dropna())]
    warnings = pd.concat(
        [
            findings(each.rename(columns={"linked_person_id": "person_id"}), code, "account " + each["account_id"])
            for each, code in ((nobodys[resembles], "account_not_linked"), (odd, "account_not_readable"))
        ],
        ignore_index=True,
    )
    return sorted(changes, key=lambda change: change.account_id or ""), warnings


def _departure(
    account: Any, cause: str, ignored: Collection[str], marker_name: str, expected: Mapping[str, str]
) -> Change:
    keeps_working = any(role.casefold() not in ignored for role in account.further_roles)
    person_id = account.linked_person_id if isinstance(account.linked_person_id, str) else None
    window = expected.get(person_id) if person_id else None
    cause = f"{cause}, expected ({window})" if window else cause
    return Change(
        kind="unlink_role" if keeps_working else "disable",
        person_id=person_id,
        school_identifier=account.school_identifier if isinstance(account.school_identifier, str) else None,
        account_id=str(account.account_id),
        version=account.version if isinstance(account.version, str) else None,
        cause=f"{cause}, has further roles" if keeps_working else cause,
        values={marker_name: "remove"} if keeps_working else {"active": False, "disabledBySync": True},
        account=json.loads(account.resource),
        window=window,
    )


def _resembles_a_student(accounts: pd.DataFrame, roll: pd.DataFrame, roll_emails: pd.DataFrame) -> pd.Series[bool]:
    """Whether the user name, school identifier or an email of the account is that of a student on roll."""
    identifiers = set(roll["school_identifier"].dropna().str.casefold())
    emails = set(roll_emails["email"].dropna().str.casefold())
    own_emails = accounts["resource"].map(
        lambda resource: {str(email.get("value", "")).casefold() for email in json.loads(resource).get("emails") or ()}
    )
    return (
        accounts["user_name"].fillna("").str.casefold().isin(identifiers | emails)
        | accounts["school_identifier"].fillna("").str.casefold().isin(identifiers)
        | own_emails.map(lambda values: bool(values & emails)).astype(bool)
    )
