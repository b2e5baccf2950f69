"""From the values to write to what is sent: a new account, PATCH operations, or the whole account for a PUT.

Only the attributes of the mapping, ``active``, the marker and ``disabledBySync`` are ever changed: what a
user or another system keeps elsewhere stays as it is (SPEC section 3).
"""

from __future__ import annotations

import copy
import secrets
from typing import Any

from sims_sync.directory.mapping import ACTIVE, AccountMapping
from sims_sync.directory.places import Account, Operation, place_at

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_READ_ONLY = ("meta", "groups")
_NEVER_SENT_BACK = frozenset({"password"})
"""A server that shows one, or a digest of it, would take it for a new one."""

_RANDOM_BYTES = 24


def new_account(person_id: str, values: dict[str, Any], mapping: AccountMapping) -> Account:
    """The resource to POST: active, with the marker, linked to the person by the key.

    :param values: by name of an attribute, or by path for what a new account gets beside them.
    """
    account: Account = {"schemas": [USER_SCHEMA], ACTIVE: True}
    mapping.link(account, person_id)
    for path in mapping.on_create.keys() & values:
        place_at(path).put(account, values[path])
    for path in mapping.at_random:
        place_at(path).put(account, secrets.token_urlsafe(_RANDOM_BYTES))
    return merged(account, {mapping.marker_name: "add", **values}, mapping)


def merged(account: Account, values: dict[str, Any], mapping: AccountMapping) -> Account:
    """The whole account with the values in it, as a PUT sends it (RFC 7644 section 3.5.1).

    :param account: the account as it is, whole.
    :param values: by name (of an attribute, or one of the marks); none clears. What the directory has no place for is
        left out.
    """
    left_out = mapping.read_only.union(_READ_ONLY)
    result = {name: copy.deepcopy(value) for name, value in account.items() if name not in left_out}
    for name, value in values.items():
        if place := mapping.places.get(name):
            place.put(result, value)
    for extension in sorted(mapping.extensions & result.keys()):
        if not result[extension]:
            del result[extension]
        elif extension not in result.get("schemas", ()):
            result["schemas"] = [*result.get("schemas", [USER_SCHEMA]), extension]
    return result


def fit_to_put(account: Account) -> Account:
    """The account as a PUT can send it back: without a password, and without entries that hold nothing, which some
    servers give, and refuse when they come back."""
    return {
        name: [each for each in value if not _is_blank(each)] if isinstance(value, list) else value
        for name, value in account.items()
        if name.casefold() not in _NEVER_SENT_BACK
    }


def _is_blank(entry: Any) -> bool:
    return isinstance(entry, dict) and "value" in entry and entry["value"] in ("", None)


def patch_operations(
    account: Account, values: dict[str, Any], mapping: AccountMapping, *, whole_lists: bool = False
) -> list[Operation]:
    """The PATCH operations (RFC 7644 section 3.5.2) that make the account hold the values; none where it does already.

    :param account: the account as it is, as far as the sync manages it.
    :param whole_lists: whether a list is written whole, where only an entry of it changes.
    """
    after = merged(account, values, mapping)
    operations: list[Operation] = []
    for place in (mapping.places[name] for name in values if name in mapping.places):
        is_list = whole_lists and isinstance(account.get(place.root) or after.get(place.root), list)
        found = whole(place.root, account, after) if is_list else place.operations(account, after)
        operations += [each for each in found if each not in operations]
    return operations


def whole(name: str, before: Account, after: Account) -> list[Operation]:
    """The operation that makes a whole attribute of the account what it is in ``after``."""
    if before.get(name) == after.get(name):
        return []
    return [{"op": "replace", "path": name, "value": after[name]} if name in after else {"op": "remove", "path": name}]


def as_before(now: Account, before: Account, mapping: AccountMapping) -> Account:
    """The whole account as it was, as far as it is known: what the list told of it, and nothing that a new account gets
    beside its values.

    :param now: the whole account; ``before``: what was listed of it.
    """
    ours = {*mapping.managed(now), *(place_at(path).root for path in mapping.settings.on_create)}
    left = {name: value for name, value in now.items() if name not in ours}
    unsent = _unsent(mapping)
    return {name: value for name, value in {**left, **before, "id": now["id"]}.items() if name not in unsent}


def whole_operations(before: Account, after: Account, mapping: AccountMapping) -> list[Operation]:
    """The operations that make an account what it is in ``after``, each attribute whole.

    Those of an extension are addressed one by one (RFC 7644 section 3.10).
    """
    operations = []
    for name in sorted((before.keys() | after.keys()) - _unsent(mapping) - {"id", "schemas"}):
        if not name.startswith("urn:"):
            operations += whole(name, before, after)
            continue
        old, new = before.get(name) or {}, after.get(name) or {}
        operations += [
            {**each, "path": f"{name}:{each['path']}"}
            for part in sorted({*old, *new})
            for each in whole(part, old, new)
        ]
    return operations


def _unsent(mapping: AccountMapping) -> frozenset[str]:
    """The names of what is not written back into an account."""
    return mapping.read_only.union(_READ_ONLY, _NEVER_SENT_BACK)
