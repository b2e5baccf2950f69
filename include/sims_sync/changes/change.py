"""One change to one account, as the plan holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sims_sync.model.change_kinds import Kind
from sims_sync.model.person import from_document, in_document

_RARE = ("window", "group")
"""What stands in the plan file only where there is something."""


@dataclass(frozen=True)
class Change:
    """What is to happen to one account, and why.

    :param kind: what is done; ``update`` includes giving the role ``student`` to a person's existing account,
        ``link`` whatever else an account that gets the Person ID needs.
    :param person_id: the person's key, none for an account that is linked to nobody.
    :param school_identifier: the admission number, if any.
    :param account_id: the directory's id of the account, none when it is to be created.
    :param version: the account's version (ETag) as the plan saw it, if the directory has versions.
    :param cause: why, in words without a value.
    :param values: what is written, by attribute name (``model.attributes``; beside them ``active``, ``roles``,
        ``disabledBySync`` and ``externalId`` for the key); none clears.
    :param account: the account as the plan saw it, as far as the sync manages it.
    :param group: of a departure, its group in words that name nobody (``changes.departing``).
    :param window: the name of the window of the school's year in which this departure is expected, if it is.
    """

    kind: Kind
    person_id: str | None
    school_identifier: str | None
    account_id: str | None
    version: str | None
    cause: str
    values: dict[str, Any]
    account: dict[str, Any] | None = field(default=None, repr=False)
    window: str | None = None
    group: str | None = None

    @property
    def attributes(self) -> list[str]:
        """The names of the attributes that are written: all that may be shown of the values."""
        return sorted(self.values)

    def as_document(self) -> dict[str, Any]:
        """The change as the plan file holds it."""
        document = {**asdict(self), "person_id": in_document(self.person_id), "attributes": self.attributes}
        return {name: value for name, value in document.items() if name not in _RARE or value is not None}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Change:
        """The change that a plan file holds."""
        fields = {name: value for name, value in document.items() if name != "attributes"}
        return cls(**{**fields, "person_id": from_document(document["person_id"])})
