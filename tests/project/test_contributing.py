"""What those who contribute meet: issue forms, hooks, the links of the pages beside the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
FORMS = sorted((PROJECT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_every_issue_form_asks_for_no_personal_data_of_pupils_and_takes_a_promise(form: Path) -> None:
    body: list[dict[str, Any]] = yaml.safe_load(form.read_text("utf-8"))["body"]
    assert body[0]["type"] == "markdown"
    assert "No personal data of pupils" in body[0]["attributes"]["value"]
    (promise,) = (each for each in body if each["type"] == "checkboxes")
    assert all(option["required"] for option in promise["attributes"]["options"])


def test_no_issue_goes_round_the_forms() -> None:
    assert FORMS
    assert yaml.safe_load((PROJECT / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text()) == {
        "blank_issues_enabled": False
    }


def test_the_hooks_fetch_nothing_and_call_targets_of_make() -> None:
    configuration = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [each["repo"] for each in configuration["repos"]] == ["local"]
    targets = re.findall(r"^\.PHONY: (.+)$", (PROJECT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    for hook in configuration["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert re.fullmatch(r"make (\S+)", hook["entry"])[1] in targets  # type: ignore[index]
