"""Accounts as they are: the directory's users as a table (SPEC section 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from sims_sync.directory.attributes import ATTRIBUTES, EXTENSION, STUDENT_ROLE, Attribute

_MANAGED = ("id", "externalId", "userName", "active", "name", "roles", "addresses", "phoneNumbers", "emails", EXTENSION)
ADDRESS_PARTS = ("streetAddress", "locality", "region", "postalCode", "country")
_SEN_PARTS = ("value", "display", "startDate", "endDate")
_INTEGER = re.compile(r"\s*\d{1,18}\s*")

_Account = dict[str, Any]
_Read = Callable[[_Account], Any]
_to_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder a call
_to_canonical_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def account_table(accounts: Sequence[_Account]) -> pd.DataFrame:
    """Accounts as a table.

    :param accounts: Users as JSON.
    :returns: ``account_id`` str, ``linked_person_id`` Int64 (null where the externalId is no integer: the account links
        to nobody), ``active`` bool (missing means active), ``disabled_by_sync`` bool, ``is_student`` bool, ``roles``
        (lists of str), ``version`` str (nullable), a column for each of ``ATTRIBUTES`` with the value that is ours,
        and ``resource``, the JSON of what the sync manages of the account.
    """
    columns: dict[str, tuple[_Read, str]] = {
        "account_id": (lambda each: str(each["id"]), "str"),
        "linked_person_id": (person_id, "Int64"),
        "active": (is_active, "bool"),
        "disabled_by_sync": (lambda each: _flag(_extension(each).get("disabledBySync")) is True, "bool"),
        "roles": (_roles, "object"),
        "is_student": (lambda each: any(role.casefold() == STUDENT_ROLE for role in _roles(each)), "bool"),
        "version": (lambda each: (each.get("meta") or {}).get("version"), "str"),
        "resource": (lambda each: _to_json(managed(each)), "str"),
        **{
            attribute.column: (_ours(attribute), "boolean" if attribute.column == "free_school_meals" else "str")
            for attribute in ATTRIBUTES
        },
    }
    return pd.DataFrame(
        {name: pd.Series([read(each) for each in accounts], dtype=dtype) for name, (read, dtype) in columns.items()}
    )


def person_id(account: _Account) -> int | None:
    """The person whom the account links to: its externalId as an integer (``0101`` is 101)."""
    external_id = str(account.get("externalId") or "")
    return int(external_id) if _INTEGER.fullmatch(external_id) else None


def is_active(account: _Account) -> bool:
    """Whether the account is active: one that does not say so is, and some directories write ``"False"`` as text."""
    return _flag(account.get("active")) is not False


def managed(account: _Account) -> _Account:
    """What the sync manages of an account; two versions of one that agree on it are the same to us."""
    return {name: account[name] for name in _MANAGED if name in account}


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.casefold())
    return value if isinstance(value, bool) else None


def _roles(account: _Account) -> list[str]:
    return [str(role.get("value", "")) for role in account.get("roles") or () if role.get("value")]


def _extension(account: _Account) -> _Account:
    return account.get(EXTENSION) or {}


def _ours(attribute: Attribute) -> _Read:
    """What reads the value of the attribute that is ours, as the tables hold it."""
    if attribute.multi_valued is not None:
        return _typed(*attribute.multi_valued)
    convert = {"free_school_meals": _flag, "sen_information": _provisions}.get(attribute.column, _text)
    *parents, name = attribute.name.split(".")
    if attribute.extension:
        parents.insert(0, EXTENSION)
    if not parents:
        return lambda account: convert(account.get(name))
    (parent,) = parents
    return lambda account: convert((account.get(parent) or {}).get(name))


def _typed(name: str, kind: str) -> _Read:
    def read(account: _Account) -> Any:
        for entry in account.get(name) or ():
            given = entry.get("type")
            if given == kind or str(given).casefold() == kind:
                return _json_object(entry, ADDRESS_PARTS) if name == "addresses" else entry.get("value") or None
        return None

    return read


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _provisions(value: Any) -> str:
    return "[" + ",".join(_json_object(each, _SEN_PARTS) or "{}" for each in value or ()) + "]"


def _json_object(entry: _Account, parts: Sequence[str]) -> str | None:
    filled = {part: entry[part] for part in parts if entry.get(part)}
    return _to_canonical_json(filled) if filled else None
