"""Accounts as they are: the directory's users as a table (SPEC section 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.mapping import DISABLED_BY_SYNC, AccountMapping, is_active, said
from sims_sync.directory.places import ENTRIES, Account, Names, Place
from sims_sync.model.attributes import Attribute

_to_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder a call

_Read = Callable[[Account], Any]

_READABLE = "readable"
_UNREADABLE = {"bool": False}
"""What stands in the columns of an account that cannot be read, by their dtype; elsewhere nothing does."""

_ROLES: Names = {"roles": {ENTRIES: {"value": None}}}


def present(everybody: Sequence[Account], mapping: AccountMapping, ignored_roles: Collection[str]) -> pd.DataFrame:
    """Of all accounts those with the marker or a person's key, and those that neither marker, key nor a role says whose
    they are: they may be a student's (SPEC section 6, "Linking").

    :param ignored_roles: roles that everybody has.
    :returns: as :func:`account_table`.
    """
    ours = mapping.kept(everybody)
    known, ignored = {str(each["id"]) for each in ours}, {role.casefold() for role in ignored_roles}
    others = [each for each in everybody if str(each["id"]) not in known and _is_nobodys(each, mapping, ignored)]
    table = account_table([*ours, *others], mapping)
    return table[table[_READABLE] | (table.index < len(ours))].reset_index(drop=True)


def holders(everybody: Iterable[Account], mapping: AccountMapping) -> dict[str, str | None]:
    """Whose each user name is: the person's key, none where the account has none. User names compare without case
    (RFC 7643 section 4.1.1): they come in lower case."""
    return {str(name).casefold(): _person(each, mapping) for each in everybody if (name := each.get("userName"))}


def account_table(accounts: Sequence[Account], mapping: AccountMapping) -> pd.DataFrame:
    """Accounts as a table.

    :param accounts: Users as JSON.
    :param mapping: where our values stand in them.
    :returns: ``account_id`` str, ``linked_person_id`` str (null where the key is none: the account links to nobody),
        ``has_key`` bool (whatever the key is), ``active`` bool (missing means active), ``disabled_by_sync`` bool,
        ``is_student`` bool (it has the marker), ``further_roles`` (lists of str), ``of_another_kind`` bool (marked as
        another kind of person's), ``version`` str (nullable), a column for each attribute with the value that is ours,
        in the dtype of its kind, and ``resource``, the JSON of what the sync manages of the account; and ``readable``
        bool: of an account that is not (a value has a form that nothing can be made of) only its id and its person are
        told.
    """
    mark, marker = mapping.places.get(DISABLED_BY_SYNC), mapping.marker
    columns: dict[str, tuple[_Read, str]] = {
        "account_id": (lambda each: str(each["id"]), "str"),
        "linked_person_id": (mapping.person_id, "str"),
        "has_key": (mapping.has_key, "bool"),
        "active": (is_active, "bool"),
        "disabled_by_sync": (lambda each: mark is not None and said(mark.get(each)) is True, "bool"),
        "further_roles": (lambda each: list(marker.others(each)), "object"),
        "is_student": (marker.get, "bool"),
        "of_another_kind": (marker.is_of_another_kind, "bool"),
        "version": (lambda each: (each.get("meta") or {}).get("version"), "str"),
        "resource": (lambda each: _to_json(mapping.managed(each)), "str"),
        **{
            attribute.column: (_value(attribute, mapping.places.get(attribute.name)), attribute.kind.dtype)
            for attribute in mapping.attributes
        },
    }
    rows = [_row(each, columns, mapping) for each in accounts]
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=dtype)
            for name, (_, dtype) in {**columns, _READABLE: (bool, "bool")}.items()
        }
    )


def _row(account: Account, columns: Mapping[str, tuple[_Read, str]], mapping: AccountMapping) -> dict[str, Any]:
    """One account: what is wrong with it must not stop the others."""
    try:
        row = {name: read(account) for name, (read, _) in columns.items()}
        # JSON can hold halves of characters, which no file can.
        "".join(str(row[name]) for name in ("account_id", "version", "resource")).encode()
    except (AttributeError, RecursionError, TypeError, UnicodeError, ValueError):
        row = {name: _UNREADABLE.get(dtype) for name, (_, dtype) in columns.items()}
        row["account_id"] = str(account["id"]).encode(errors="replace").decode()
        row["linked_person_id"] = _person(account, mapping)
        return {**row, "further_roles": [], _READABLE: False}
    return {**row, _READABLE: True}


def _is_nobodys(account: Account, mapping: AccountMapping, ignored: Collection[str]) -> bool:
    try:
        has_owner = mapping.has_key(account) or mapping.marker.is_of_another_kind(account)
        roles = as_rfc(account, _ROLES).get("roles") or ()
        return not has_owner and all(str(role["value"]).casefold() in ignored for role in roles)
    except (AttributeError, KeyError, TypeError):
        return False  # who cannot be told from others is somebody


def _person(account: Account, mapping: AccountMapping) -> str | None:
    try:
        return mapping.person_id(account)
    except (AttributeError, TypeError, ValueError):
        return None


def _value(attribute: Attribute, place: Place | None) -> _Read:
    return lambda account: None if place is None else attribute.kind.read(place.get(account))
