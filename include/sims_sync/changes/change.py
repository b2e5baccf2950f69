"""One change to one account, as the plan holds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["create", "update", "enable", "disable", "unlink_role"]

LEAVER_KINDS: frozenset[Kind] = frozenset({"disable", "unlink_role"})
"""The changes of ``disable_leavers``; the others are those of ``load``."""


@dataclass(frozen=True)
class Change:
    """What is to happen to one account, and why.

    :param kind: what is done; ``update`` includes giving the role ``student`` to a person's existing account.
    :param person_id: the SIMS Person ID, none for an account that is linked to nobody.
    :param school_identifier: the admission number, if any.
    :param account_id: the directory's id of the account, none when it is to be created.
    :param version: the account's version (ETag) as the plan saw it, if the directory has versions.
    :param cause: why, in words without a value.
    :param values: what is written, by attribute name (``directory.attributes``; beside them ``active``, ``roles`` and
        ``disabledBySync``); none clears.
    :param account: the account as the plan saw it, as far as the sync manages it.
    """

    kind: Kind
    person_id: int | None
    school_identifier: str | None
    account_id: str | None
    version: str | None
    cause: str
    values: dict[str, Any]
    account: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def attributes(self) -> list[str]:
        """The names of the attributes that are written: all that may be shown of the values."""
        return sorted(self.values)

    def as_document(self) -> dict[str, Any]:
        """The change as the plan file holds it."""
        return asdict(self)
