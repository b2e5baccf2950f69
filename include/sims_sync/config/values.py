"""Which values of its students a school sends: for all of them, and for single ones (SPEC section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from sims_sync.config.fields import Strict, Text
from sims_sync.model.attributes import OPTIONAL
from sims_sync.model.person import NUMBER

_SAID = {"on": True, "off": False, "true": True, "false": False}


def _optional(name: str) -> str:
    if name not in OPTIONAL:
        raise ValueError(f"`{name}` is no value that can be left out; these can: {', '.join(OPTIONAL)}")
    return name


def _on_or_off(value: Any) -> Any:
    """YAML reads `off` as false, but not in quotes."""
    return _SAID.get(value.strip().casefold(), value) if isinstance(value, str) else value


def _person_id(value: Any) -> str:
    key = NUMBER.key(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    if key is None:
        raise ValueError("is no Person ID, such as 2447")
    return key


ValueName = Annotated[str, AfterValidator(_optional)]
"""A value that a school may leave out."""

OnOrOff = Annotated[bool, BeforeValidator(_on_or_off)]

Sent = Mapping[ValueName, OnOrOff]
"""Which values are sent; those that are not named are."""


class Withheld(Strict):
    """What is not sent of one student.

    :param reason: why, for those who may edit the DAG.
    :param clear: whether what was written is cleared, once.
    """

    person_id: Annotated[str, BeforeValidator(_person_id)]
    attributes: list[ValueName] = Field(min_length=1)
    reason: Text
    clear: bool = False
