"""Accounts as directories send them, in the form that RFC 7643 gives them: read forgivingly (SPEC section 3).

Names compare without case (RFC 7643 section 2.1), an entry may be the text of its value, a list may be its one entry,
and null is nothing. What cannot be read even so is told by :func:`~sims_sync.directory.present.account_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sims_sync.directory.places import ENTRIES, Account, Names


def as_rfc(value: Mapping[str, Any], names: Names) -> Account:
    """An account, or an object in one, in the form of the RFC.

    :param value: as it came.
    :param names: the names that are looked for (``AccountMapping.names``); others stay as they are.
    """
    spelt = {name.casefold(): name for name in names}
    result: Account = {}
    for came, each in value.items():
        name = spelt.get(came.casefold(), came)
        if name == came or name not in result:  # where it stands twice, the spelling of the RFC counts
            result[name] = _part(each, names.get(name))
    return result


def _part(value: Any, names: Names | None) -> Any:
    """:param names: of the value's own parts, or of its entries; none where it has no parts."""
    if names is None or value is None:
        return value
    if ENTRIES not in names:
        return as_rfc(value, names) if isinstance(value, dict) else value
    entries = value if isinstance(value, list) else [value]
    return [_entry(each, names[ENTRIES] or {}) for each in entries if each is not None]


def _entry(entry: Any, names: Names) -> Any:
    if isinstance(entry, dict):
        return as_rfc(entry, names)
    return {"value": entry} if isinstance(entry, str) else entry
