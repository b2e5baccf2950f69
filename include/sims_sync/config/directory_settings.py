"""What a school says of its directory: the key ``directory`` (SPEC section 3, "Directories as they are").

A table of paths, not a language: where a person's key, the marker of students and the values stand in an account, and
what the sync must do without.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from sims_sync.config.fields import Strict, Text
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, STUDENT_ROLE, Attribute

NONE = "none"
"""A value, or the extension, that is not written."""

RANDOM = "random"
"""In `on_create`: a password by chance, which is kept nowhere."""

ROLES, EXTERNAL_ID = "roles", "externalId"

Feature = Literal["discovery", "patch", "bulk", "etag", "sort", "totals"]

_NAME = r"[A-Za-z$][\w$-]*"
_DOTTED = rf"{_NAME}(\.{_NAME})?"
_URN = r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[^\s=]*[^\s=:]"
_SINGLE = re.compile(rf"({_URN}:)?{_DOTTED}")
_TYPED = re.compile(rf'{_NAME}\[type eq "\w+"\]')
_MARKER = re.compile(rf"(roles|userType):\S.*|{_URN}:{_NAME}=\S.*")
_LISTS = ("addresses", "emails", "entitlements", "groups", "ims", "phoneNumbers", "photos", "roles", "x509Certificates")
_COMMON = ("id", "schemas", "meta", "active")
_PLACEHOLDERS = ("given_name", "family_name", "user_name", "person_id")
_FIXED = ("userName",)
"""What no school can put elsewhere: people log in with it."""


def _single(value: str) -> str:
    """A path to one value."""
    if not _SINGLE.fullmatch(value) or value in (*_LISTS, *_COMMON):
        raise ValueError("is no path to one value, such as employeeNumber, name.formatted or <URN>:<attribute>")
    return value


def _target(value: str) -> str:
    """Where a value goes, or ``none``."""
    if value == NONE or _TYPED.fullmatch(value):
        return value
    try:
        return _single(value)
    except ValueError:
        raise ValueError(
            'is no path, such as title, <URN>:<attribute> or emails[type eq "other"], and not `none`'
        ) from None


def _marker(value: str) -> str:
    if not _MARKER.fullmatch(value):
        raise ValueError("is no marker: `roles:student`, `userType:<value>` or `<URN>:<attribute>=<value>`")
    return value


def _urn(value: str) -> str:
    if value != NONE and not re.fullmatch(_URN, value):
        raise ValueError("is no URN, such as urn:example:scim:schemas:student:1.0:User, and not `none`")
    return value


def _template(value: str) -> str:
    try:
        fields = [each for _, *each in Formatter().parse(value)]
    except ValueError:
        raise ValueError("has a brace without its partner") from None
    names = {name for name, spec, conversion in fields if name is not None}
    plain = all(not spec and not conversion for _, spec, conversion in fields)
    if not plain or not names <= set(_PLACEHOLDERS):
        raise ValueError(f"can hold {', '.join(f'{{{each}}}' for each in _PLACEHOLDERS)} and nothing else in braces")
    return value


Path = Annotated[Text, AfterValidator(_single)]
Target = Annotated[Text, AfterValidator(_target)]


class DirectorySettings(Strict):
    """The directory's own settings.

    :param students: the marker: what tells the accounts of students from others.
    :param key: the path of the person's key.
    :param key_prefix: stands before the key in the account.
    :param without: what the directory is taken not to have, whatever it says; ``totals``: it counts accounts that it
        does not list.
    :param filter: whether it is asked for the accounts that concern us alone.
    :param page_size: the most accounts of a page.
    :param attributes: where a value goes, by the name of its column (``home_email``); or ``none``.
    :param extension: the URN by which it knows the student extension, ``none`` where it is to be left alone.
    :param on_create: texts that a new account gets, by path; or ``random``.
    """

    students: Annotated[Text, AfterValidator(_marker)] = f"{ROLES}:{STUDENT_ROLE}"
    key: Path = EXTERNAL_ID
    key_prefix: Annotated[str, StringConstraints(max_length=50)] = ""
    without: list[Feature] = Field(default_factory=list)
    filter: bool = False
    page_size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    attributes: dict[str, Target] = Field(default_factory=dict)
    extension: Annotated[Text, AfterValidator(_urn)] | None = None
    on_create: dict[Path, Annotated[Text, AfterValidator(_template)]] = Field(default_factory=dict)

    @field_validator("attributes", mode="before")
    @classmethod
    def _by_column(cls, value: Any) -> Any:
        """A value may be called by its standard path, too."""
        columns = {each.name: each.column for each in ATTRIBUTES}
        return {columns.get(name, name): path for name, path in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _known_names(self) -> DirectorySettings:
        known = [each.column for each in ATTRIBUTES if each.name not in _FIXED]
        if unknown := sorted(self.attributes.keys() - set(known)):
            raise ValueError(f"`attributes`: {', '.join(unknown)} is none of {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _one_value_at_a_place(self) -> DirectorySettings:
        twice = [path for path, times in Counter(map(str.casefold, self._paths())).items() if times > 1]
        if twice:
            raise ValueError(f"two values would be written to one place: {', '.join(twice)}")
        return self

    @property
    def marker(self) -> tuple[str, str]:
        """The path of the marker, and its value."""
        path, _, value = self.students.partition("=" if self.students.startswith("urn:") else ":")
        return path, value

    @property
    def unmapped(self) -> frozenset[str]:
        """The columns of attributes that are written only where a place is named for them, and none is."""
        return frozenset(each.column for each in ATTRIBUTES if each.only_if_mapped and self.path_of(each) == NONE)

    def path_of(self, attribute: Attribute) -> str:
        """Where a value goes, or ``none``."""
        if attribute.column in self.attributes:
            return self.attributes[attribute.column]
        if attribute.only_if_mapped:
            return NONE
        if not attribute.extension:
            return attribute.name
        return NONE if self.extension == NONE else f"{self.extension or EXTENSION}:{attribute.name}"

    def _paths(self) -> Iterable[str]:
        yield self.key
        yield self.marker[0]
        yield from self.on_create
        for each in ATTRIBUTES:
            if (path := self.path_of(each)) != NONE:
                yield path
