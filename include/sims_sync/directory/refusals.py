"""What a directory says of a refusal: told in words of ours alone, for its prose can name people (SPEC section 9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sims_sync.directory.mapping import AccountMapping
from sims_sync.model.attributes import special_names

SCIM_TYPES = (
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
)
"""Those of RFC 7644, table 9."""

LONGEST = 2_000
"""Characters of a directory's prose that are kept."""

_NAME = re.compile(r"[A-Za-z]{2,40}")


@dataclass(frozen=True)
class Refusal:
    """Why a directory did not do what it was asked.

    :param told: the status, the ``scimType``, and the names of attributes that it speaks of; for everybody.
    :param prose: its own words, cut; for those who may edit the school's DAG. None where it has none.
    """

    told: str
    prose: str | None = field(default=None, repr=False)


def refusal(status: int, answer: Any, mapping: AccountMapping) -> Refusal:
    """What an answer that is no success says.

    :param status: 0 where the answer has none.
    :param answer: the error of RFC 7644 section 3.12, or whatever came instead.
    :param mapping: names the attributes that may be told: those that it writes, but none of a special category.
    """
    error = answer if isinstance(answer, dict) else {}
    words = [f"status {status}" if status else "no status"]
    words += [scim_type for scim_type in SCIM_TYPES if scim_type == error.get("scimType")]
    detail = error.get("detail")
    prose = detail if isinstance(detail, str) and detail.strip() else None
    if prose is None:
        return Refusal(", ".join(words))
    kept = prose[:LONGEST].encode(errors="replace").decode()
    named = {word.casefold() for word in _NAME.findall(kept)}
    words += [name for name in _names(mapping) if name.casefold() in named]
    return Refusal(", ".join(words), kept)


def answer_of(told: str) -> str:
    """Status and ``scimType`` of what was told of a refusal, without the names of attributes: what makes two refusals
    the same answer.

    :param told: as in :class:`Refusal`.
    """
    status, *others = told.split(", ")
    return ", ".join([status, *(each for each in others if each in SCIM_TYPES)])


def _names(mapping: AccountMapping) -> tuple[str, ...]:
    """The names of SCIM that a directory may call our attributes by: of each the last part of its path."""
    special = special_names(mapping.attributes)
    names = (name.partition("[")[0].rpartition(".")[2] for name in mapping.places if name not in special)
    return (mapping.key.way[-1], *dict.fromkeys(names))
