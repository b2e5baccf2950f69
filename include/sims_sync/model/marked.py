"""Words of the product in which names of keys and tasks stand between backticks, for HTML and for plain text."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_NAMED = re.compile("`([^`]+)`")


def as_html(words: str) -> Markup:
    """Escaped, with the names as code."""
    return Markup(_NAMED.sub(r"<code>\1</code>", str(escape(words))))  # noqa: S704 - escaped first


def as_text(words: str) -> str:
    """With the names in quotes."""
    return _NAMED.sub(r'"\1"', words)
