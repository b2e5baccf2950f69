"""From the bytes of an answer to JSON, if it is not more than can be held (SPEC section 9).

Python's objects take up to ninety times the bytes of the tiniest JSON (``{}``), and what is nested deeply stops whoever
walks through it. So both are looked at before the answer is used.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_MEMORY = 2**27
"""What the JSON of an answer may take in memory, in bytes; a larger answer may take ten times its own size."""

_TIMES = 10
_MOST_LEVELS = 64
_DIGITS = 10
_TAKES = {b"{": 200, b"[": 80, b",": 64}
"""Bytes of a dict, of a list, and of a value in one beside its text, as CPython keeps them."""
_BEYOND_TWO_BYTES, _BEYOND_ONE_BYTE = re.compile(rb"[\xf0-\xff]"), re.compile(rb"[\xc4-\xff]")


class NoJson(Exception):
    """It is no JSON, or more than is read."""


def read_json(content: bytes) -> Any:
    """Read JSON, whatever encoding a header claims: it is UTF-8 (RFC 8259 section 8.1), or tells by itself.

    :raises NoJson: it is none, would take too much memory, or is nested too deeply.
    """
    taken = memory_of(content)
    if taken > MAX_MEMORY and taken > _TIMES * len(content):
        raise NoJson
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise NoJson from None
    _check_depth(value)
    return value


def memory_of(content: bytes) -> int:
    """What an answer and its JSON take in memory, in bytes: at the most, and about."""
    width = 4 if _BEYOND_TWO_BYTES.search(content) else 2 if _BEYOND_ONE_BYTE.search(content) else 1
    return (2 + width) * len(content) + sum(each * content.count(sign) for sign, each in _TAKES.items())


def number(value: Any) -> int:
    """A number that may stand there as text, 0 where it is none, or beyond all reason."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [each for holder in level for each in _held(holder) if isinstance(each, (dict, list))]
        if not level:
            return
    raise NoJson


def _held(holder: Any) -> Any:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list) else ()
