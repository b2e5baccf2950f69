"""What files of the store hold."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def as_json(value: Any) -> bytes:
    """A document as the content of a file that a person can open."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def sha256(content: bytes) -> str:
    """The hash of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
