"""How a directory's accounts hold what is ours: where the key of a person, the attributes and our marks stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sims_sync.config.directory_settings import NONE, RANDOM, DirectorySettings
from sims_sync.directory.markers import Marker, marker_at
from sims_sync.directory.places import Account, Names, Place, Single, place_at
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, Attribute
from sims_sync.model.person import NUMBER, KeyForm

ACTIVE, DISABLED_BY_SYNC = "active", "disabledBySync"
"""What is written beside attributes and marker: whether the account works, and the mark of those that this sync
disabled."""

KEY = "externalId"
"""What the key of the person is called among the values of a change, wherever it stands in the account."""

_SAID = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class AccountMapping:
    """Where the values of a person stand in an account.

    :param attributes: all of them; the tables have a column for each.
    :param key_form: the form of a person's key.
    :param settings: the directory's own, of ``schools.yaml``.
    :param lacking: names of attributes, and of the mark, that the directory has no place for.
    :param once: names of attributes, and of the key, that can be written when an account is created, and never again.
    :param read_only: names of attributes of the account that nobody can write.
    :param off: columns of attributes that the school does not send.
    """

    attributes: tuple[Attribute, ...] = ATTRIBUTES
    key_form: KeyForm = NUMBER
    settings: DirectorySettings = field(default_factory=DirectorySettings)
    lacking: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()
    read_only: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()

    @cached_property
    def marker(self) -> Marker:
        """What tells the accounts of students from others."""
        return marker_at(*self.settings.marker)

    @property
    def marker_name(self) -> str:
        """What the marker is called among the values of a change."""
        return self.settings.marker[0]

    @cached_property
    def key(self) -> Place:
        """Where the key of the person stands."""
        return place_at(self.settings.key)

    @cached_property
    def extension(self) -> str | None:
        """The URN of the student extension, none where it is to be left alone."""
        return None if self.settings.extension == NONE else self.settings.extension or EXTENSION

    @cached_property
    def written(self) -> tuple[Attribute, ...]:
        """The attributes that the directory has a place for: they alone are compared and written."""
        return tuple(
            replace(each, written="at_creation") if each.name in self.once else each
            for each in self.attributes
            if each.name in self._mapped and each.name not in self.lacking
        )

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where the key, each attribute, the marker and each mark stand, by name, as far as the directory has a place
        for it."""
        return {
            KEY: self.key,
            **{attribute.name: self._mapped[attribute.name] for attribute in self.written},
            ACTIVE: Single((), ACTIVE),
            self.marker_name: self.marker,
            **({DISABLED_BY_SYNC: mark} if (mark := self.mark) and DISABLED_BY_SYNC not in self.lacking else {}),
        }

    @property
    def mark(self) -> Single | None:
        """Where an account would hold that this sync disabled it."""
        return Single((self.extension,), DISABLED_BY_SYNC) if self.extension else None

    @cached_property
    def on_create(self) -> dict[str, str]:
        """The texts that a new account gets beside its values, by path."""
        return {path: text for path, text in self.settings.on_create.items() if text != RANDOM}

    @cached_property
    def at_random(self) -> tuple[str, ...]:
        """Paths that get a text by chance in a new account."""
        return tuple(path for path, text in self.settings.on_create.items() if text == RANDOM)

    @cached_property
    def extensions(self) -> frozenset[str]:
        """The URNs of the extensions in which something of ours stands."""
        places = (*self.places.values(), *map(place_at, self.settings.on_create))
        return frozenset(place.schema for place in places if place.schema is not None)

    def mapped(self, name: str) -> Place | None:
        """Where an attribute would stand, whether the directory has a place for it or not; none where the school wants
        it nowhere."""
        return self._mapped.get(name)

    @cached_property
    def _mapped(self) -> dict[str, Place]:
        paths = ((each, self.settings.path_of(each)) for each in self.attributes if each.column not in self.off)
        return {each.name: place_at(path, each.kind) for each, path in paths if path != NONE}

    @cached_property
    def names(self) -> Names:
        """The names that are looked for in an account, as the RFC spells them."""
        names: dict[str, Names | None] = {"id": None, "schemas": None, "meta": {"version": None}}
        for place in self.places.values():
            for name, parts in place.names.items():
                names[name] = {**(names.get(name) or {}), **parts} if parts else parts
        return names

    @property
    def keeps_marks(self) -> bool:
        """Whether an account can hold the mark that this sync disabled it."""
        return DISABLED_BY_SYNC in self.places

    @cached_property
    def asked_for(self) -> str:
        """The names of what is read of an account, for a directory that gives some to those alone who ask (RFC 7644
        section 3.9)."""
        return ",".join((*self._managed, "meta"))

    @cached_property
    def _managed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("id", *(place.root for place in self.places.values()))))

    def managed(self, account: Account) -> Account:
        """What the sync manages of an account; two versions of one that agree on it are the same to us."""
        return {name: account[name] for name in self._managed if name in account}

    def person_id(self, account: Account) -> str | None:
        """The key of the person whom the account links to, none where it has no key."""
        prefix, text = self.settings.key_prefix, self.key.get(account)
        if not prefix:
            return self.key_form.key(text)
        return self.key_form.key(text[len(prefix) :]) if isinstance(text, str) and text.startswith(prefix) else None

    def link(self, account: Account, person_id: str) -> None:
        """Put the key of a person into an account that is a copy."""
        self.key.put(account, self.key_of(person_id))

    def key_of(self, person_id: str) -> str:
        """The key of a person as an account holds it."""
        return f"{self.settings.key_prefix}{person_id}"

    @property
    def key_is_fixed(self) -> bool:
        """Whether an account that was created keeps its key for ever."""
        return KEY in self.once

    @property
    def condition(self) -> str:
        """A filter (RFC 7644 section 3.4.2.2) for the accounts that concern us."""
        return f"{self.marker.condition} or {self.settings.key} pr"

    def without(self, names: Iterable[str]) -> AccountMapping:
        """The mapping of a directory that lacks these attributes, too."""
        return replace(self, lacking=self.lacking.union(names))

    def has_key(self, account: Account) -> bool:
        """Whether anything stands where the key of a person does, theirs or another system's."""
        held = self.key.get(account)
        return held is not None and str(held).strip() != ""

    def kept(self, accounts: Iterable[Account]) -> list[Account]:
        """Of these accounts those that concern us: with the marker, or linked to a person."""
        return [each for each in accounts if self.marker.get(each) or self.person_id(each) is not None]


STANDARD = AccountMapping()
"""SPEC section 3's table, with the keys of SIMS."""


def is_active(account: Account) -> bool:
    """Whether the account is active: one that does not say so is."""
    return said(account.get(ACTIVE)) is not False


def said(value: Any) -> bool | None:
    """Yes or no, as a boolean, a number or text."""
    return _SAID.get(str(value).strip().casefold())
