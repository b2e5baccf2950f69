"""docs/safety.md names limits and tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from sims_sync.config.limits import LIMITS

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "safety.md").read_text("utf-8")
BRAKE = re.compile(r"^\| .+ \| .+ \| .+ \| .+ \| `(?P<file>tests/[\w/]+\.py)::(?P<test>test_\w+)` \|$")


def test_the_table_of_limits_has_the_defaults_of_the_code() -> None:
    section = TEXT.partition("<!-- limits -->")[2].partition("<!-- /limits -->")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) \| (\d+) \|$", section, flags=re.MULTILINE)
    assert rows == [(key, f"{limit.percent:g}", str(limit.floor)) for key, limit in LIMITS.items()]


def test_each_brake_names_its_test() -> None:
    rows = [line for line in TEXT.partition("<!-- limits -->")[0].splitlines() if line.startswith("| ")]
    rows += [line for line in TEXT.partition("<!-- /limits -->")[2].splitlines() if line.startswith("| ")]
    brakes = [line for line in rows if not line.startswith("| what trips it")]
    assert len(brakes) > 25
    for line in brakes:
        found = BRAKE.match(line)
        assert found, f"no test is named in: {line[:60]}"
        tree = ast.parse((PROJECT / found["file"]).read_text("utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert found["test"] in names, f"{found['file']} has no {found['test']}"
