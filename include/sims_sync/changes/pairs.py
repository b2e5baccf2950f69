"""Who on roll seems to be the person of which account, though no Person ID says so (SPEC section 6, "Linking").

Nobody is ever paired by a name or an email alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from sims_sync.changes import traits
from sims_sync.model.person import sort_key

Grade = Literal["certain", "likely", "ambiguous"]

PAIR_COLUMNS = ("person_id", "school_identifier", "account_id", "account_person_id", "active", "grade", "why")
"""Of a table of pairs: the student, the account with the Person ID that it has (null: none) and whether it is active
(``bool``), how sure the pair is (:data:`Grade`), and what agrees, in words without a value."""


@dataclass(frozen=True)
class _Rule:
    """What a student and an account agree on that makes them a pair.

    :param agree: traits that both have, the same.
    :param unknown: a trait that one of them at least does not have.
    """

    grade: Grade
    agree: tuple[str, ...]
    why: str
    unknown: str | None = None


_RULES = (
    _Rule("certain", ("upn",), "the UPN agrees"),
    _Rule("certain", ("born", "number", "forename"), "birth date, admission number and forename agree"),
    _Rule("likely", ("born", "forename", "surname"), "birth date and both names agree"),
    _Rule("likely", ("number", "forename", "surname"), "admission number and both names agree", unknown="born"),
    _Rule("likely", ("user_name", "forename", "surname"), "user name and both names agree"),
    _Rule("ambiguous", ("born", "number"), "birth date and admission number agree, the forename does not"),
)
"""The surest first: of several that hold the first one counts."""


def find_pairs(
    students: pd.DataFrame,
    user_names: pd.Series[str],
    accounts: pd.DataFrame,
    not_the_same: Collection[tuple[str, str]] = (),
) -> pd.DataFrame:
    """Who agrees with which account, each pair once; columns of :data:`PAIR_COLUMNS`.

    :param students: those on roll without an account of their own.
    :param user_names: those that they would get, by Person ID.
    :param accounts: those that may be theirs.
    """
    people, held = traits.of_people(students, user_names), traits.of_accounts(accounts)
    found = pd.concat([_agreeing(rule, people, held) for rule in _RULES]).drop_duplicates(["person_id", "account_id"])
    known = pd.Series(zip(found["person_id"], found["account_id"], strict=True), index=found.index, dtype=object)
    found = found[~known.isin(list(not_the_same))]
    numbers = students.drop_duplicates("person_id").set_index("person_id")["school_identifier"]
    their = accounts.set_index("account_id")
    pairs = _graded(found).assign(
        school_identifier=lambda pair: pair["person_id"].map(numbers).astype("str"),
        account_person_id=lambda pair: pair["account_id"].map(their["linked_person_id"]).astype("str"),
        active=lambda pair: pair["account_id"].map(their["active"]).astype(bool),
    )
    by_person = pairs.sort_values(["person_id", "account_id"], key=sort_key)
    return by_person.sort_values("active", kind="stable", ignore_index=True)[list(PAIR_COLUMNS)]


def may_be_a_students(accounts: pd.DataFrame, ignored_roles: Collection[str]) -> pd.Series[bool]:
    """Whether an account has the marker; or nothing that says whose it is: neither key nor a role that counts."""
    ignored = {role.casefold() for role in ignored_roles}
    roles = accounts["further_roles"].map(lambda roles: any(role.casefold() not in ignored for role in roles))
    is_nobodys = ~accounts["has_key"] & ~roles.astype(bool)
    return accounts["readable"] & ~accounts["of_another_kind"] & (accounts["is_student"] | is_nobodys)


def _agreeing(rule: _Rule, people: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    on = list(rule.agree)
    pairs = people.dropna(subset=on).merge(held.dropna(subset=on), on=on, suffixes=("", "_held"))
    if rule.unknown:
        pairs = pairs[pairs[rule.unknown].isna() | pairs[f"{rule.unknown}_held"].isna()]
    return pairs[["person_id", "account_id"]].assign(grade=rule.grade, why=rule.why)


def _graded(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs, ambiguous where a student has two, or an account."""
    by_student = pairs["person_id"].duplicated(keep=False)
    by_account = pairs["account_id"].duplicated(keep=False)
    why = pairs["why"].mask(by_student, pairs["why"] + ", and there is another such account")
    why = why.mask(by_account, why + ", and there is another such student")
    return pairs.assign(grade=pairs["grade"].mask(by_student | by_account, "ambiguous"), why=why)
