"""The final check: a student account that belongs to no student on roll is a leaver's (SPEC section 6)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from sims_sync.changes import traits
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
    spared: Collection[str] = (),
) -> tuple[list[Change], pd.DataFrame]:
    """Plan what happens to the accounts of students who left, and to student accounts that are linked to nobody.

    :param accounts: accounts as they are.
    :param roll: the extract, not only the records that validated (``students.identity.people_on_roll``).
    :param roll_emails: every email address of a student on roll: ``person_id``, ``email``.
    :param disable_unlinked: whether accounts that are linked to nobody are disabled too.
    :param ignored_roles: roles that everybody has, which do not keep an account working.
    :param marker_name: what the marker is called among the values of a change.
    :param expected: the Person IDs whose departure is expected, each with the window of the school's year.
    :param spared: ids of accounts that may be of somebody on roll.
    :returns: the changes in order of account id, and warnings (columns of ``FINDING_COLUMNS``).
    """
    candidates = accounts[accounts["is_student"] & accounts["active"] & ~accounts["account_id"].isin(spared)]
    unlinked = candidates["linked_person_id"].isna()
    left = candidates[~unlinked & ~candidates["linked_person_id"].isin(roll["person_id"].dropna())]
    nobodys = candidates[unlinked] if disable_unlinked else candidates.iloc[:0]
    whose = _whom_they_resemble(nobodys, roll, roll_emails)
    ignored = {role.casefold() for role in ignored_roles}
    changes = [
        _departure(account, cause, ignored, marker_name, expected)
        for departing, cause in ((left, "not on roll"), (nobodys[whose.isna()], "linked to nobody"))
        for account in departing.itertuples(index=False)
    ]
    odd = accounts[~accounts["readable"] & ~accounts["linked_person_id"].isin(roll["person_id"].dropna())]
    warnings = pd.concat(
        [
            findings(each.assign(person_id=person), code, "account " + each["account_id"])
            for each, person, code in (
                (nobodys[whose.notna()], whose.dropna(), "account_not_linked"),
                (odd, odd["linked_person_id"], "account_not_readable"),
            )
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


def _whom_they_resemble(accounts: pd.DataFrame, roll: pd.DataFrame, roll_emails: pd.DataFrame) -> pd.Series[str]:
    """Whose user name, school identifier, or email and name each account has: a student on roll; null where nobody's.

    By an email alone it is another person's: a brother's who left, say, with the family's address.
    """
    people = roll[roll["person_id"].notna()]
    by_number = _first_of_each(traits.numbers(people["school_identifier"]), people["person_id"])
    emails = roll_emails[roll_emails["person_id"].notna()]
    whose = (
        traits.numbers(accounts["user_name"]).map(by_number),
        traits.numbers(accounts["school_identifier"]).map(by_number),
        _by_email_and_name(accounts, people, emails),
    )
    found = pd.Series(None, index=accounts.index, dtype="str")
    for each in whose:
        found = found.fillna(each.astype("str"))
    return found


def _by_email_and_name(accounts: pd.DataFrame, people: pd.DataFrame, emails: pd.DataFrame) -> pd.Series[str]:
    """Who on roll has an email, or the one that is the user name, and the forename of each account; where that has no
    forename, the surname; an email as user name tells by itself then."""
    own = accounts["resource"].map(
        lambda resource: [str(email.get("value", "")).casefold() for email in json.loads(resource).get("emails") or ()]
    )
    held = traits.of_accounts(accounts).assign(position=accounts.index)
    by_email = held.assign(email=own, logs_in=False).explode("email")
    theirs = pd.concat([held.assign(email=held["user_name"], logs_in=True), by_email], ignore_index=True)
    holders = emails.assign(email=emails["email"].str.casefold())
    named = traits.of_people(people, pd.Series(dtype="str"))
    pairs = (
        theirs.astype({"email": "str"})
        .merge(holders, on="email")
        .merge(named, on="person_id", suffixes=("", "_on_roll"))
    )
    same = (pairs["forename"] == pairs["forename_on_roll"]) | (
        pairs["forename"].isna() & (pairs["logs_in"] | (pairs["surname"] == pairs["surname_on_roll"]))
    )
    return _first_of_each(pairs.loc[same, "position"], pairs.loc[same, "person_id"]).reindex(accounts.index)


def _first_of_each(keys: pd.Series[Any], values: pd.Series[str]) -> pd.Series[str]:
    """The first value of each key that is not null."""
    known = keys.notna()
    found = pd.Series(values[known].to_numpy(), index=keys[known].to_numpy(), dtype="str")
    return found[~found.index.duplicated()]
