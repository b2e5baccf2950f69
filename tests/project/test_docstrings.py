"""Docstrings are read by people: each field (``:param``, ``:raises``, ``:returns``, ...) begins a line of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CHECKED = ("dags", "plugins", "docker", "include", "tests")
"""The folders that are held to it."""

FIELD = re.compile(r":(?:param|raises|returns|yields|ivar|var|type|rtype)\b[^:`\n]*:(?=\s|$)")


def fields_inside_a_line(source: str) -> Iterator[int]:
    """The numbers of the lines of docstrings, and of texts below an attribute, in which a field does not come first."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for number, line in enumerate(node.value.value.splitlines(), start=node.lineno):
                if any(line[: found.start()].strip() for found in FIELD.finditer(line)):
                    yield number


@pytest.mark.parametrize("folder", CHECKED)
def test_each_field_of_a_docstring_begins_a_line(folder: str) -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in sorted((PROJECT / folder).rglob("*.py"))
        for number in fields_inside_a_line(path.read_text("utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('def f():\n    """F.\n\n    :param a: one.\n    :param b: two.\n    """', []),
        ('def f():\n    """F.\n\n    :param a: one. :param b: two.\n    """', [4]),
        ('def f():\n    """F.\n\n    :raises A: :raises B: one.\n    """', [4]),
        ('class C:\n    """C. :param a: one."""', [2]),
        ('X = 1\n"""X; see :data:`Y`, :meth:`Z.param`, and C:\\\\ too. :returns: it."""', [2]),
        ('"""M, ``:param a``: no field."""', []),
    ],
)
def test_what_counts_as_a_field_inside_a_line(source: str, lines: list[int]) -> None:
    assert list(fields_inside_a_line(source)) == lines
