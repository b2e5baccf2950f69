"""What a school says of its SIMS, under the key ``sims``."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from sims_sync.config.fields import Strict, Text
from sims_sync.sources.sims.names import wrong_names


class SimsSettings(Strict):
    """:param names: what the broker calls roots, rows and elements as well, by the standard name."""

    names: dict[str, tuple[Text, ...]] = Field(default_factory=dict)

    @field_validator("names", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """One name may stand without a list round it."""
        if not isinstance(value, dict):
            return value
        return {name: tuple(other) if isinstance(other, list) else (other,) for name, other in value.items()}

    @field_validator("names")
    @classmethod
    def _unmistakable(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if wrong := list(dict.fromkeys(wrong_names(value))):
            raise ValueError("; ".join(wrong))
        return value
