"""Where a value stands in an account, as JSON: how it is read there, put there, and addressed by PATCH (RFC 7644).

What a user or another system keeps in other types of phone or email, or in other roles, stays as it is (SPEC section
3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sims_sync.model.kinds import TEXT, Kind

Account = dict[str, Any]
Operation = dict[str, Any]

Names = Mapping[str, "Names | None"]
"""The names of an object's parts, each with those of its own parts, if it has any."""

ENTRIES = "[]"
"""Stands among :data:`Names` for the entries of a list."""

OF_AN_ENTRY = ("value", "type", "primary", "display")
"""The parts of an entry of a list (RFC 7643 section 2.4)."""

_TYPED = re.compile(r'(?P<list>\w+)\[type eq "(?P<type>\w+)"\]')


class Place(Protocol):
    """One value's place in an account."""

    @property
    def root(self) -> str:
        """The attribute of the account in which it lies."""

    @property
    def names(self) -> Names:
        """The names on the way to it."""

    @property
    def way(self) -> tuple[str, ...]:
        """How a schema names it: the attribute, and the parts of it that are needed."""

    @property
    def schema(self) -> str | None:
        """The URN of the extension in which it lies, none for what the core schema has."""

    def get(self, account: Account) -> Any:
        """The value that is ours, none where there is none."""

    def put(self, account: Account, value: Any) -> None:
        """Put a value there, in an account that is a copy; none clears."""

    def operations(self, before: Account, after: Account) -> list[Operation]:
        """The PATCH operations (RFC 7644 section 3.5.2) that make the place what it is in ``after``."""


def place_at(path: str, kind: Kind = TEXT) -> Place:
    """The place at a path (RFC 7644 section 3.10): ``name.givenName``, ``emails[type eq "home"]``, ``<URN>:gender``.

    :param kind: of the value that stands there.
    """
    if typed := _TYPED.fullmatch(path):
        return Typed(typed["list"], typed["type"], kind.parts)
    urn, _, names = path.rpartition(":")
    *parents, name = names.split(".")
    parts: Names | None = dict.fromkeys(kind.parts) or None
    return Single((*([urn] if urn else []), *parents), name, {ENTRIES: parts} if kind.many else parts)


@dataclass(frozen=True)
class Single:
    """A value by itself, in the account or in an object of it.

    :param parents: the objects in which it lies, the outermost first; that of an extension by its URN.
    :param parts: the names of its own parts, where it has any.
    """

    parents: tuple[str, ...]
    name: str
    parts: Names | None = None

    @property
    def root(self) -> str:
        return next(iter(self.parents), self.name)

    @property
    def names(self) -> Names:
        names: Names = {self.name: self.parts}
        for parent in reversed(self.parents):
            names = {parent: names}
        return names

    @property
    def way(self) -> tuple[str, ...]:
        return (*self.parents, self.name) if self.schema is None else (*self.parents[1:], self.name)

    @property
    def schema(self) -> str | None:
        return self.root if self.root.startswith("urn:") else None

    def get(self, account: Account) -> Any:
        value: Any = account
        for part in (*self.parents, self.name):
            value = (value or {}).get(part)
        return value

    def put(self, account: Account, value: Any) -> None:
        holder = account
        for parent in self.parents:
            holder[parent] = dict(holder.get(parent) or {})
            holder = holder[parent]
        if value is None or value == []:
            holder.pop(self.name, None)
        else:
            holder[self.name] = value

    def operations(self, before: Account, after: Account) -> list[Operation]:
        old, new = self.get(before), self.get(after)
        if old == new:
            return []
        if new is None:
            return [{"op": "remove", "path": self.path}]
        return [{"op": "add" if old is None else "replace", "path": self.path, "value": new}]

    @property
    def path(self) -> str:
        """As PATCH and filters address it."""
        names = ".".join(self.way)
        return names if self.schema is None else f"{self.schema}:{names}"


@dataclass(frozen=True)
class Typed:
    """The value of one type in a multi-valued attribute. Of several the first is ours; one without a type that equals
    ours gets the type.

    :param parts: those of an entry that make its value, where it is an object; else its value is its ``value``.
    """

    root: str
    type: str
    parts: tuple[str, ...] = ()

    @property
    def names(self) -> Names:
        return {self.root: {ENTRIES: dict.fromkeys((*OF_AN_ENTRY, *self.parts))}}

    @property
    def way(self) -> tuple[str, ...]:
        return (self.root, "type", *(self.parts[:1] or ("value",)))

    @property
    def schema(self) -> None:
        """A list of the core schema."""

    def get(self, account: Account) -> Any:
        entry = next((each for each in account.get(self.root) or () if self._is_ours(each)), None)
        if entry is None:
            return None
        return entry if self.parts else entry.get("value")

    def put(self, account: Account, value: Any) -> None:
        entries = account.get(self.root) or []
        if value is None:
            # All of the type: a second one would be the first of the next night, and be cleared then.
            entries = [entry for entry in entries if not self._is_ours(entry)]
        else:
            entries = self._with({"type": self.type, **(value if self.parts else {"value": value})}, entries)
        if entries:
            account[self.root] = entries
        else:
            account.pop(self.root, None)

    def _with(self, new: Account, entries: list[Account]) -> list[Account]:
        ours = next((entry for entry in entries if self._is_ours(entry)), None)
        twin = next((entry for entry in entries if not entry.get("type") and self._same(entry, new)), None)
        if ours is None and twin is None:
            return [*entries, new]
        if ours is None:
            return [{**entry, "type": self.type} if entry is twin else entry for entry in entries]
        if self._same(ours, new):
            return entries
        kept = {"type": ours["type"], **_primary(twin), **_primary(ours)}
        whole = new if self.parts else {**ours, **new}  # an object is written whole: no old part of it stays
        return [{**whole, **kept} if entry is ours else entry for entry in entries if entry is not twin]

    def operations(self, before: Account, after: Account) -> list[Operation]:
        """Addressed by type only where one entry has that type; else the list is replaced whole, by the same one that a
        PUT would send, for a path with a filter changes every entry that matches."""
        old, new = before.get(self.root) or [], after.get(self.root) or []
        if old == new:
            return []
        ours_before, ours_after = ([each for each in entries if self._is_ours(each)] for entries in (old, new))
        others_before, others_after = ([each for each in entries if not self._is_ours(each)] for entries in (old, new))
        path = f'{self.root}[type eq "{self.type}"]'
        if others_before != others_after or len(ours_before) > 1:
            return [{"op": "replace", "path": self.root, "value": new} if new else {"op": "remove", "path": self.root}]
        if not ours_before:
            return [{"op": "add", "path": self.root, "value": ours_after}]
        if not ours_after:
            return [{"op": "remove", "path": path}]
        if self.parts:  # a replace would leave the old parts that the new object lacks
            return [{"op": "remove", "path": path}, {"op": "add", "path": self.root, "value": ours_after}]
        return [{"op": "replace", "path": f"{path}.value", "value": ours_after[0]["value"]}]

    def _is_ours(self, entry: Account) -> bool:
        return str(entry.get("type") or "").casefold() == self.type

    def _same(self, entry: Account, new: Account) -> bool:
        return all((entry.get(part) or None) == (new.get(part) or None) for part in self.parts or ("value",))


def _primary(entry: Account | None) -> Account:
    return {"primary": entry["primary"]} if entry and entry.get("primary") else {}
