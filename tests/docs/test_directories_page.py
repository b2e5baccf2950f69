"""docs/directories.md explains every key of `directory`, and messages and codes that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.model.findings import CODES

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "directories.md").read_text("utf-8")


def first_column(section: str) -> list[str]:
    table = TEXT.partition(f"<!-- {section} -->")[2].partition(f"<!-- /{section} -->")[0]
    return re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)[1:]


def test_every_key_is_explained() -> None:
    assert first_column("keys") == [f"`{name}`" for name in DirectorySettings.model_fields]


@pytest.mark.parametrize("words", first_column("messages"))
def test_what_can_be_read_is_what_the_code_says(words: str) -> None:
    said = {
        node.value
        for path in (PROJECT / "include" / "sims_sync").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    parts = [part.strip() for part in re.split(r"…|`\w+`", words) if part.strip()]
    if not parts:
        assert words.strip("`") in CODES
    assert not [part for part in parts if not any(part in each for each in said)]
