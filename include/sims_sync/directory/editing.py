"""From the values to write to what is sent: a new account, PATCH operations, or the whole account for a PUT.

Only the attributes of ``attributes.ATTRIBUTES``, ``active``, the role ``student`` and ``disabledBySync`` are ever
changed: what a user or another system keeps in other attributes, in other types of phone or email, or in other roles
stays as it is (SPEC section 3).
"""

from __future__ import annotations

import copy
from typing import Any

from sims_sync.directory.accounts import ADDRESS_PARTS
from sims_sync.directory.attributes import ATTRIBUTES, EXTENSION, STUDENT_ROLE, Attribute

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}
_DISABLED_BY_SYNC = Attribute("disabledBySync", "disabled_by_sync", extension=True)
_READ_ONLY = ("meta", "groups")


def new_account(person_id: int | None, values: dict[str, Any]) -> dict[str, Any]:
    """The resource to POST: active, with the role ``student``, linked to the person by ``externalId``."""
    account: dict[str, Any] = {
        "schemas": [USER_SCHEMA],
        "externalId": str(person_id),
        "active": True,
        "roles": [{"value": STUDENT_ROLE}],
    }
    return merged(account, values)


def merged(account: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The whole account with the values in it, as a PUT sends it (RFC 7644 section 3.5.1).

    :param account: the account as it is, whole.
    :param values: by attribute name; none clears.
    """
    result = {name: copy.deepcopy(value) for name, value in account.items() if name not in _READ_ONLY}
    for name, value in values.items():
        _set(result, name, value)
    if EXTENSION in result and not result[EXTENSION]:
        del result[EXTENSION]
    if EXTENSION in result and EXTENSION not in result.get("schemas", ()):
        result["schemas"] = [*result.get("schemas", [USER_SCHEMA]), EXTENSION]
    return result


def patch_operations(account: dict[str, Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    """The PATCH operations (RFC 7644 section 3.5.2) that make the account hold the values; none where it does already.

    A multi-valued attribute is addressed by type only where one entry has that type; else it is replaced whole, by the
    same list that a PUT would send, for a path with a filter changes every entry that matches.

    :param account: the account as it is, as far as the sync manages it.
    """
    after = merged(account, values)
    operations: list[dict[str, Any]] = []
    for name in values:
        operations += [each for each in _operations(account, after, name) if each not in operations]
    return operations


def _operations(before: dict[str, Any], after: dict[str, Any], name: str) -> list[dict[str, Any]]:
    attribute = _BY_NAME.get(name)
    if name == "roles":
        return _role_operations(before, after)
    if attribute is not None and attribute.multi_valued is not None:
        return _typed_operations(before, after, *attribute.multi_valued)
    path = _path(name)
    old, new = _get(before, path), _get(after, path)
    if old == new:
        return []
    text = f"{EXTENSION}:{path[1]}" if path[0] == EXTENSION else ".".join(path)
    if new is None:
        return [{"op": "remove", "path": text}]
    return [{"op": "add" if old is None else "replace", "path": text, "value": new}]


def _role_operations(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    old, new = before.get("roles") or [], after.get("roles") or []
    added = [role for role in new if role not in old]
    removed = [role["value"] for role in old if role not in new]
    if len(removed) > 1:  # `student` and `Student`: the first removal takes both where the case does not count
        return [{"op": "replace", "path": "roles", "value": new} if new else {"op": "remove", "path": "roles"}]
    return [
        *([{"op": "add", "path": "roles", "value": added}] if added else []),
        *({"op": "remove", "path": f'roles[value eq "{value}"]'} for value in removed),
    ]


def _typed_operations(before: dict[str, Any], after: dict[str, Any], name: str, kind: str) -> list[dict[str, Any]]:
    old, new = before.get(name) or [], after.get(name) or []
    if old == new:
        return []
    ours_before = [entry for entry in old if _is_type(entry, kind)]
    ours_after = [entry for entry in new if _is_type(entry, kind)]
    others_same = [entry for entry in old if not _is_type(entry, kind)] == [
        entry for entry in new if not _is_type(entry, kind)
    ]
    path = f'{name}[type eq "{kind}"]'
    if not others_same or len(ours_before) > 1:
        return [{"op": "replace", "path": name, "value": new} if new else {"op": "remove", "path": name}]
    if not ours_before:
        return [{"op": "add", "path": name, "value": ours_after}]
    if not ours_after:
        return [{"op": "remove", "path": path}]
    if name == "addresses":  # a replace would leave the old parts that the new address lacks
        return [{"op": "remove", "path": path}, {"op": "add", "path": name, "value": ours_after}]
    return [{"op": "replace", "path": f"{path}.value", "value": ours_after[0]["value"]}]


def _set(account: dict[str, Any], name: str, value: Any) -> None:
    attribute = _BY_NAME.get(name)
    if name == "roles":
        _set_role(account, add=value == "add")
    elif attribute is not None and attribute.multi_valued is not None:
        _set_typed(account, *attribute.multi_valued, value)
    else:
        *parents, last = _path(name)
        holder = account
        for parent in parents:
            holder[parent] = dict(holder.get(parent) or {})
            holder = holder[parent]
        if value is None or value == []:
            holder.pop(last, None)
        else:
            holder[last] = value


def _set_role(account: dict[str, Any], *, add: bool) -> None:
    roles = account.get("roles") or []
    others = [role for role in roles if str(role.get("value", "")).casefold() != STUDENT_ROLE]
    if add:
        account["roles"] = roles if len(others) < len(roles) else [*roles, {"value": STUDENT_ROLE}]
    elif others:
        account["roles"] = others
    else:
        account.pop("roles", None)


def _set_typed(account: dict[str, Any], name: str, kind: str, value: Any) -> None:
    """Of several values of one type the first is ours; one without a type that equals ours gets the type."""
    entries = account.get(name) or []
    ours = next((entry for entry in entries if _is_type(entry, kind)), None)
    if value is None:
        # All of the type: a second one would be the first of the next night, and be cleared then.
        entries = [entry for entry in entries if not _is_type(entry, kind)]
    else:
        new = {"type": kind, **(value if isinstance(value, dict) else {"value": value})}
        twin = next((entry for entry in entries if not entry.get("type") and _same(entry, new)), None)
        if ours is not None:
            kept = {"type": ours["type"], **_primary(twin), **_primary(ours)}
            whole = new if name == "addresses" else {**ours, **new}
            entries = [{**whole, **kept} if entry is ours else entry for entry in entries if entry is not twin]
        elif twin is not None:
            entries = [{**entry, "type": kind} if entry is twin else entry for entry in entries]
        else:
            entries = [*entries, new]
    if entries:
        account[name] = entries
    else:
        account.pop(name, None)


def _primary(entry: dict[str, Any] | None) -> dict[str, Any]:
    return {"primary": entry["primary"]} if entry and entry.get("primary") else {}


def _same(entry: dict[str, Any], new: dict[str, Any]) -> bool:
    parts = ("value",) if "value" in new else ADDRESS_PARTS
    return all((entry.get(part) or None) == (new.get(part) or None) for part in parts)


def _is_type(entry: dict[str, Any], kind: str) -> bool:
    return str(entry.get("type") or "").casefold() == kind


def _path(name: str) -> tuple[str, ...]:
    attribute = _DISABLED_BY_SYNC if name == "disabledBySync" else _BY_NAME.get(name)
    return (EXTENSION, name) if attribute is not None and attribute.extension else tuple(name.split("."))


def _get(account: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = account
    for part in path:
        value = (value or {}).get(part)
    return value
