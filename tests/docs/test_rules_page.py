"""docs/rules.md says of the codes and the attributes what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.findings import CODES

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


@pytest.mark.parametrize(("section", "stops"), [("errors", True), ("warnings", False)])
def test_the_table_of_codes_is_that_of_the_code(section: str, stops: bool, request: pytest.FixtureRequest) -> None:
    rows = [f"| `{code.code}` | {code.reason} | {code.correct} |" for code in CODES.values() if code.stops == stops]
    _check(section, rows, request)


def test_the_table_of_attributes_is_that_of_the_code(request: pytest.FixtureRequest) -> None:
    rows = [f"| {each.label} | `{each.name}` | {each.rule} |" for each in ATTRIBUTES]
    _check("attributes", rows, request)


def _check(section: str, rows: list[str], request: pytest.FixtureRequest) -> None:
    """After a wanted change: ``pytest tests/docs --update-golden``."""
    text = PAGE.read_text("utf-8")
    pattern = rf"(<!-- {section} -->\n(?:\|.*\n){{2}})((?:\|.*\n)*)(<!-- /{section} -->)"
    found = re.search(pattern, text)
    assert found
    if request.config.getoption("--update-golden"):
        text = re.sub(pattern, lambda match: match[1] + "\n".join(rows) + "\n" + match[3], text)
        PAGE.write_text(text, "utf-8")
        found = re.search(pattern, text)
        assert found
    assert found[2].splitlines() == rows
