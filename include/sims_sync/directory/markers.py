"""What tells the accounts of students from those of others: one of their roles, or the one value of an attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sims_sync.directory.places import ENTRIES, OF_AN_ENTRY, Account, Names, Operation, Place, Single


class Marker(Place, Protocol):
    """The place of the marker: it holds whether it is there, and the values ``add`` and ``remove`` are put."""

    @property
    def has_others(self) -> bool:
        """Whether an account can be something else beside, as it can have several roles."""

    def others(self, account: Account) -> Sequence[str]:
        """What else the account is: its further roles, which keep a leaver's account working (SPEC section 6)."""

    def is_of_another_kind(self, account: Account) -> bool:
        """Whether the account is marked as another kind of person's."""

    @property
    def condition(self) -> str:
        """A filter (RFC 7644 section 3.4.2.2) for the accounts that have it."""


def marker_at(path: str, value: str) -> Marker:
    """The marker with a value at a path: ``roles`` is a list, anything else is a single value."""
    if path == "roles":
        return Role(value)
    urn, _, name = path.rpartition(":")
    return OnlyValue(value, Single((urn,) if urn else (), name))


@dataclass(frozen=True)
class Role:
    """One of the account's roles. Roles compare without case (RFC 7643 section 8.7.1)."""

    value: str
    root: str = "roles"

    @property
    def names(self) -> Names:
        return {self.root: {ENTRIES: dict.fromkeys(OF_AN_ENTRY)}}

    @property
    def way(self) -> tuple[str, ...]:
        return (self.root,)

    @property
    def schema(self) -> None:
        """Roles are of the core schema."""

    @property
    def has_others(self) -> bool:
        return True

    @property
    def condition(self) -> str:
        return f'{self.root}[value eq "{self.value}"]'

    def get(self, account: Account) -> bool:
        return any(self._is_it(role) for role in account.get(self.root) or ())

    def others(self, account: Account) -> Sequence[str]:
        return [
            str(role["value"]) for role in account.get(self.root) or () if role.get("value") and not self._is_it(role)
        ]

    def is_of_another_kind(self, account: Account) -> bool:
        """Nobody: a person can have several roles."""
        return False

    def put(self, account: Account, value: Any) -> None:
        roles = account.get(self.root) or []
        others = [role for role in roles if not self._is_it(role)]
        if value == "add":
            account[self.root] = roles if len(others) < len(roles) else [*roles, {"value": self.value}]
        elif others:
            account[self.root] = others
        else:
            account.pop(self.root, None)

    def operations(self, before: Account, after: Account) -> list[Operation]:
        old, new = before.get(self.root) or [], after.get(self.root) or []
        added = [role for role in new if role not in old]
        removed = [role["value"] for role in old if role not in new]
        if len(removed) > 1:  # `student` and `Student`: the first removal takes both where the case does not count
            return [{"op": "replace", "path": self.root, "value": new} if new else {"op": "remove", "path": self.root}]
        return [
            *([{"op": "add", "path": self.root, "value": added}] if added else []),
            *({"op": "remove", "path": f'{self.root}[value eq "{value}"]'} for value in removed),
        ]

    def _is_it(self, role: Any) -> bool:
        """What is no role at all is not."""
        return isinstance(role, dict) and str(role.get("value", "")).casefold() == self.value.casefold()


@dataclass(frozen=True)
class OnlyValue:
    """The one value of an attribute: set only where it is empty, for another value is another kind of person's."""

    value: str
    place: Single

    @property
    def root(self) -> str:
        return self.place.root

    @property
    def names(self) -> Names:
        return self.place.names

    @property
    def way(self) -> tuple[str, ...]:
        return self.place.way

    @property
    def schema(self) -> str | None:
        return self.place.schema

    @property
    def has_others(self) -> bool:
        return False

    @property
    def condition(self) -> str:
        return f'{self.place.path} eq "{self.value}"'

    def get(self, account: Account) -> bool:
        return self._held(account).casefold() == self.value.casefold()

    def others(self, account: Account) -> Sequence[str]:
        """None: who has one value has no other."""
        return ()

    def is_of_another_kind(self, account: Account) -> bool:
        return bool(self._held(account)) and not self.get(account)

    def put(self, account: Account, value: Any) -> None:
        if value == "remove":
            self.place.put(account, None)
        elif not self._held(account):
            self.place.put(account, self.value)

    def operations(self, before: Account, after: Account) -> list[Operation]:
        return self.place.operations(before, after)

    def _held(self, account: Account) -> str:
        value = self.place.get(account)
        return "" if value is None else str(value).strip()
