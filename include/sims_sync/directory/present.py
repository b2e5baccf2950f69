"""Accounts as they are: the directory's users as a table (SPEC section 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from sims_sync.directory.mapping import DISABLED_BY_SYNC, ROLES, AccountMapping, is_active, said
from sims_sync.directory.places import Account, Place
from sims_sync.model.attributes import Attribute

_to_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder a call

_Read = Callable[[Account], Any]


def account_table(accounts: Sequence[Account], mapping: AccountMapping) -> pd.DataFrame:
    """Accounts as a table.

    :param accounts: Users as JSON.
    :param mapping: where our values stand in them.
    :returns: ``account_id`` str, ``linked_person_id`` str (null where the key is none: the account links to nobody),
        ``active`` bool (missing means active), ``disabled_by_sync`` bool, ``is_student`` bool, ``roles`` (lists of
        str), ``version`` str (nullable), a column for each attribute with the value that is ours, in the dtype of its
        kind, and ``resource``, the JSON of what the sync manages of the account.
    """
    mark, role = mapping.places.get(DISABLED_BY_SYNC), mapping.places[ROLES]
    columns: dict[str, tuple[_Read, str]] = {
        "account_id": (lambda each: str(each["id"]), "str"),
        "linked_person_id": (mapping.person_id, "str"),
        "active": (is_active, "bool"),
        "disabled_by_sync": (lambda each: mark is not None and said(mark.get(each)) is True, "bool"),
        "roles": (_roles, "object"),
        "is_student": (role.get, "bool"),
        "version": (lambda each: (each.get("meta") or {}).get("version"), "str"),
        "resource": (lambda each: _to_json(mapping.managed(each)), "str"),
        **{
            attribute.column: (_value(attribute, mapping.places.get(attribute.name)), attribute.kind.dtype)
            for attribute in mapping.attributes
        },
    }
    return pd.DataFrame(
        {name: pd.Series([read(each) for each in accounts], dtype=dtype) for name, (read, dtype) in columns.items()}
    )


def _value(attribute: Attribute, place: Place | None) -> _Read:
    return lambda account: None if place is None else attribute.kind.read(place.get(account))


def _roles(account: Account) -> list[str]:
    return [str(role.get("value", "")) for role in account.get("roles") or () if role.get("value")]
