"""The limits of SPEC section 7, and the school's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from sims_sync.config.fields import Count, Strict


class Limit(Strict):
    """A plan is over it when its count is above ``floor`` and above ``percent`` of the base, or above ``count``."""

    percent: float = Field(ge=0, le=100)
    floor: Count
    count: Count | None = None


LIMITS: Mapping[str, Limit] = {
    "disable": Limit(percent=10, floor=5),
    "disable_7_days": Limit(percent=15, floor=5),
    "clear": Limit(percent=10, floor=5),
    "create": Limit(percent=25, floor=20),
    "reject": Limit(percent=20, floor=5),
}
"""The limits of SPEC section 7 with their defaults."""


class Limits(Strict):
    """The school's own limits; what it does not say stays at its default in :data:`LIMITS`."""

    disable: Limit = LIMITS["disable"]
    disable_7_days: Limit = LIMITS["disable_7_days"]
    clear: Limit = LIMITS["clear"]
    create: Limit = LIMITS["create"]
    reject: Limit = LIMITS["reject"]

    @field_validator("*", mode="before")
    @classmethod
    def _fill_from_default(cls, value: Any, info: Any) -> Any:
        if isinstance(value, dict) and info.field_name in LIMITS:
            return {**LIMITS[info.field_name].model_dump(), **value}
        return value
