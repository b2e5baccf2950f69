"""How a directory's accounts hold what is ours: where the key of a person, the attributes and our marks stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sims_sync.directory.places import Account, Names, Place, Single, StudentRole, place_of
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, Attribute
from sims_sync.model.person import NUMBER, KeyForm

ACTIVE, ROLES, DISABLED_BY_SYNC = "active", "roles", "disabledBySync"
"""What is written beside attributes: whether the account works, the role ``student``, and the mark of those that this
sync disabled."""

_SAID = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class AccountMapping:
    """Where the values of a person stand in an account.

    :param attributes: all of them; the tables have a column for each.
    :param key: the form of the keys that ``externalId`` holds.
    :param extension: whether the directory knows the student extension.
    :param lacking: names of attributes, and of the mark, that it has no place for.
    :param once: names of attributes that can be written when an account is created, and never again.
    """

    attributes: tuple[Attribute, ...] = ATTRIBUTES
    key: KeyForm = NUMBER
    extension: bool = True
    lacking: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()

    @cached_property
    def written(self) -> tuple[Attribute, ...]:
        """The attributes that the directory has a place for: they alone are compared and written."""
        kept = (each for each in self.attributes if self.extension or not each.extension)
        return tuple(
            replace(each, written="at_creation") if each.name in self.once else each
            for each in kept
            if each.name not in self.lacking
        )

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where each attribute and each mark stands, by name, as far as the directory has a place for it."""
        return {
            **{attribute.name: place_of(attribute) for attribute in self.written},
            ACTIVE: Single((), ACTIVE),
            ROLES: StudentRole(),
            **({DISABLED_BY_SYNC: Single((EXTENSION,), DISABLED_BY_SYNC)} if self._has_mark else {}),
        }

    @cached_property
    def names(self) -> Names:
        """The names that are looked for in an account, as the RFC spells them."""
        names: dict[str, Names | None] = {"id": None, "externalId": None, "schemas": None, "meta": {"version": None}}
        for place in self.places.values():
            for name, parts in place.names.items():
                names[name] = {**(names.get(name) or {}), **parts} if parts else parts
        return names

    @property
    def keeps_marks(self) -> bool:
        """Whether an account can hold the mark that this sync disabled it."""
        return DISABLED_BY_SYNC in self.places

    @property
    def _has_mark(self) -> bool:
        return self.extension and DISABLED_BY_SYNC not in self.lacking

    @cached_property
    def asked_for(self) -> str:
        """The names of what is read of an account, for a directory that gives some to those alone who ask (RFC 7644
        section 3.9)."""
        return ",".join((*self._managed, "meta"))

    @cached_property
    def _managed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("id", "externalId", *(place.root for place in self.places.values()))))

    def managed(self, account: Account) -> Account:
        """What the sync manages of an account; two versions of one that agree on it are the same to us."""
        return {name: account[name] for name in self._managed if name in account}

    def person_id(self, account: Account) -> str | None:
        """The key of the person whom the account links to, none where its ``externalId`` is no key."""
        return self.key.key(account.get("externalId"))


STANDARD = AccountMapping()
"""SPEC section 3's table, with the keys of SIMS."""


def is_active(account: Account) -> bool:
    """Whether the account is active: one that does not say so is."""
    return said(account.get(ACTIVE)) is not False


def said(value: Any) -> bool | None:
    """Yes or no, as a boolean, a number or text."""
    return _SAID.get(str(value).strip().casefold())
