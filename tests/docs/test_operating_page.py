"""docs/operating.md says what to do about every failure that a mail can name, and about no other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from sims_sync.airflow.metrics import GAUGES
from sims_sync.mails.failure import in_a_few_words
from sims_sync.model import errors
from sims_sync.model.errors import SyncError
from sims_sync.runs.documents import STAGES

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"


def test_every_failure_that_a_mail_names_stands_in_the_runbook() -> None:
    kinds = ["", *(name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SyncError))]
    named = {in_a_few_words(stage, kind) for stage in (*STAGES, "run") for kind in kinds}
    section = PAGE.read_text().partition("<!-- failures -->")[2].partition("<!-- /failures -->")[0]
    listed = re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)[1:]
    assert set(listed) - {"---"} == named
    assert len(listed) == len(set(listed))


def test_what_the_pages_of_the_documentation_link_to_is_there() -> None:
    docs = PAGE.parent
    for page in (*docs.glob("*.md"), *docs.parent.glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_metric_is_documented_as_it_is_declared() -> None:
    section = (PAGE.parent / "configuration.md").read_text().partition("<!-- metrics -->")[2].partition("<!-- /")[0]
    gauges = dict(re.findall(r"^\| `(\w+)` \| gauge \| ([^|]+?) \|", section, re.MULTILINE))
    assert gauges == GAUGES
