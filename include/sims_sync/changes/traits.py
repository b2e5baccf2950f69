"""What people and accounts are recognised by where no Person ID tells, in a spelling in which the same is equal."""

from __future__ import annotations

import unicodedata

import pandas as pd

from sims_sync.model.kinds import DAY

TRAITS = ("upn", "born", "number", "forename", "surname", "user_name")
"""Unique Pupil Number, day of birth, admission number, names, user name; null where it is not known, which agrees with
nothing."""


def of_people(roll: pd.DataFrame, user_names: pd.Series[str]) -> pd.DataFrame:
    """The traits of people on roll.

    :param roll: as ``students.identity.people_on_roll`` returns them.
    :param user_names: those that they would get, by Person ID.
    :returns: ``person_id`` and :data:`TRAITS`, a row for each of a person's forenames.
    """
    traits = _traits(
        roll, upn="upn", born="date_of_birth", number="school_identifier", forename="forename", surname="surname"
    ).assign(person_id=roll["person_id"], user_name=_lower(roll["person_id"].map(user_names).astype("str")))
    also = traits.assign(forename=words(_column(roll, "chosen_name")))
    return pd.concat([traits, also[also["forename"].notna()]], ignore_index=True).drop_duplicates()


def of_accounts(accounts: pd.DataFrame) -> pd.DataFrame:
    """The traits of accounts: ``account_id`` and :data:`TRAITS`.

    :param accounts: as ``directory.present`` returns them.
    """
    return _traits(
        accounts,
        upn="upn",
        born="date_of_birth",
        number="school_identifier",
        forename="given_name",
        surname="family_name",
    ).assign(account_id=accounts["account_id"], user_name=_lower(accounts["user_name"]))


def words(names: pd.Series[str]) -> pd.Series[str]:
    """Names by their letters alone: neither case, nor accents, nor what stands between them counts."""
    return names.map(_letters, na_action="ignore").astype("str")


def numbers(identifiers: pd.Series[str]) -> pd.Series[str]:
    """Admission numbers, whose leading zeros get lost between systems."""
    plain = _lower(identifiers).str.strip().str.lstrip("0")
    return plain.where(plain != "")


def upns(values: pd.Series[str]) -> pd.Series[str]:
    """Unique Pupil Numbers, a letter and twelve more of which the last may be a letter; anything else is none."""
    plain = values.str.strip().str.upper()
    return plain.where(plain.str.fullmatch(r"[A-Z]\d{11}[\dA-Z]", na=False))


def _traits(table: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """:param columns: where each trait stands in the table."""
    return pd.DataFrame({trait: _SPELT[trait](_column(table, column)) for trait, column in columns.items()})


def _column(table: pd.DataFrame, name: str) -> pd.Series[str]:
    """A column, of nothing where the table lacks it."""
    return table[name] if name in table else pd.Series(None, index=table.index, dtype="str")


def _letters(name: str) -> str | None:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(filter(str.isalnum, plain)) or None


def _lower(text: pd.Series[str]) -> pd.Series[str]:
    return text.str.casefold()


_SPELT = {"upn": upns, "born": DAY.from_source, "number": numbers, "forename": words, "surname": words}
