"""The entries of schools that docs/directories.md shows: YAML, each below a comment that says on what it is tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from schools_without_airflow import GREEN_ABBEY
from sims_sync.config.school_entry import School

PAGE = Path(__file__).parents[1] / "docs" / "directories.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)

Entry = Mapping[str, Any]


def entries(tried_on: str) -> dict[str, Entry]:
    """What the page shows, by the name of the directory.

    :param tried_on: ``server`` or ``fake``.
    """
    found = re.findall(rf"^<!-- {tried_on}: (.+?) -->\n```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return {name: yaml.safe_load(text) for name, text in found}


def school_with(entry: Entry) -> School:
    """Green Abbey with the keys of an entry; it raises where one of them cannot be meant."""
    return School.model_validate({**GREEN_ABBEY.model_dump(exclude={"directory"}), **entry})
