"""What a plan does to an account."""

from __future__ import annotations

from typing import Literal

Kind = Literal["create", "update", "enable", "link", "disable", "unlink_role"]

LEAVER_KINDS: frozenset[Kind] = frozenset({"disable", "unlink_role"})
"""The changes of ``disable_leavers``, of those who left; the others are those of ``load``, of records of the roll."""
