"""Accounts as they are: the directory's users as a table (SPEC section 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from sims_sync.directory.attributes import ATTRIBUTES, EXTENSION, STUDENT_ROLE, Attribute

_MANAGED = ("id", "externalId", "userName", "active", "name", "roles", "addresses", "phoneNumbers", "emails", EXTENSION)
ADDRESS_PARTS = ("streetAddress", "locality", "region", "postalCode", "country")
_SEN_PARTS = ("value", "display", "startDate", "endDate")
_INTEGER = re.compile(r"\s*\d{1,18}\s*")


def account_table(accounts: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Accounts as a table.

    :param accounts: Users as JSON.
    :returns: ``account_id`` str, ``linked_person_id`` Int64 (null where the externalId is no integer: the account links
        to nobody), ``active`` bool (missing means active), ``disabled_by_sync`` bool, ``is_student`` bool, ``roles``
        (lists of str), ``version`` str (nullable), a column for each of ``ATTRIBUTES`` with the value that is ours,
        and ``resource``, the JSON of what the sync manages of the account.
    """
    columns: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "account_id": (lambda each: str(each["id"]), "str"),
        "linked_person_id": (person_id, "Int64"),
        "active": (_is_active, "bool"),
        "disabled_by_sync": (lambda each: _flag(_extension(each).get("disabledBySync")) is True, "bool"),
        "roles": (_roles, "object"),
        "is_student": (lambda each: any(role.casefold() == STUDENT_ROLE for role in _roles(each)), "bool"),
        "version": (lambda each: (each.get("meta") or {}).get("version"), "str"),
        "resource": (lambda each: json.dumps(managed(each), ensure_ascii=False), "str"),
        **{
            attribute.column: (
                partial(_ours, attribute),
                "boolean" if attribute.column == "free_school_meals" else "str",
            )
            for attribute in ATTRIBUTES
        },
    }
    return pd.DataFrame(
        {name: pd.Series([read(each) for each in accounts], dtype=dtype) for name, (read, dtype) in columns.items()}
    )


def person_id(account: dict[str, Any]) -> int | None:
    """The person whom the account links to: its externalId as an integer (``0101`` is 101)."""
    external_id = str(account.get("externalId") or "")
    return int(external_id) if _INTEGER.fullmatch(external_id) else None


def managed(account: dict[str, Any]) -> dict[str, Any]:
    """What the sync manages of an account; two versions of one that agree on it are the same to us."""
    return {name: account[name] for name in _MANAGED if name in account}


def _is_active(account: dict[str, Any]) -> bool:
    return _flag(account.get("active")) is not False


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.casefold())
    return value if isinstance(value, bool) else None


def _roles(account: dict[str, Any]) -> list[str]:
    return [str(role.get("value", "")) for role in account.get("roles") or () if role.get("value")]


def _extension(account: dict[str, Any]) -> dict[str, Any]:
    return account.get(EXTENSION) or {}


def _ours(attribute: Attribute, account: dict[str, Any]) -> Any:
    """The value of the attribute that is ours, as the tables hold it."""
    if attribute.multi_valued is not None:
        name, kind = attribute.multi_valued
        entries = account.get(name) or ()
        entry = next((each for each in entries if str(each.get("type", "")).casefold() == kind), None)
        if entry is None:
            return None
        return _json_object(entry, ADDRESS_PARTS) if name == "addresses" else entry.get("value") or None
    holder = _extension(account) if attribute.extension else account
    *parents, last = attribute.name.split(".")
    for parent in parents:
        holder = holder.get(parent) or {}
    value = holder.get(last)
    if attribute.column == "free_school_meals":
        return _flag(value)
    if attribute.column == "sen_information":
        return "[" + ",".join(_json_object(each, _SEN_PARTS) or "{}" for each in value or ()) + "]"
    return None if value in (None, "") else str(value)


def _json_object(entry: dict[str, Any], parts: Sequence[str]) -> str | None:
    filled = {part: entry[part] for part in parts if entry.get(part)}
    if not filled:
        return None
    return json.dumps(filled, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
