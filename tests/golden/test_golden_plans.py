"""Documents of a small hand-written school in, the exact plan out; one golden file a feature.

After a wanted change: ``pytest tests/golden --update-golden``, then read the difference.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pytest
import yaml

from sims_sync.changes.linking import Linking
from sims_sync.changes.on_roll import findings
from sims_sync.changes.plan import PlanOptions, make_plan
from sims_sync.config.directory_settings import DirectorySettings
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.present import holders, present
from sims_sync.sources.sims.operations import OPERATIONS
from sims_sync.sources.sims.reader import read_document
from sims_sync.sources.sims.sims_source import Sims
from sims_sync.sources.source import owed
from sims_sync.students.identity import match_genders, people_on_roll
from sims_sync.students.validation import validate
from sims_sync.students.wanted import accounts_as_they_should_be

FEATURES = sorted((Path(__file__).parent / "features").glob("*.yaml"))


@pytest.mark.parametrize("path", FEATURES, ids=lambda path: path.stem)
def test_the_plan_of_this_school_is(path: Path, request: pytest.FixtureRequest) -> None:
    golden = yaml.safe_load(path.read_text())
    outcome = planned(golden)
    if request.config.getoption("--update-golden"):
        head = path.read_text().partition("\nplan:")[0].rstrip()
        text = yaml.safe_dump(outcome, sort_keys=False, allow_unicode=True, width=110)
        path.write_text(f"{head}\n\n{text}")
    assert outcome == {key: golden.get(key) for key in outcome}


def planned(golden: dict[str, Any]) -> dict[str, Any]:
    """Take a golden file's school through all pure stages."""
    options = golden.get("options", {})
    mapping = AccountMapping(settings=DirectorySettings(extension=None if options.get("extension", True) else "none"))
    tables = owed(
        {
            operation.table: read_document(operation, document(operation, golden["documents"].get(operation.name, [])))
            for operation in OPERATIONS
        },
        Sims.key,
    )
    validation = validate(tables)
    transformation = accounts_as_they_should_be(
        validation.students,
        tables,
        effective_date=date(2026, 11, 23),
        username_policy=options.get("username", "admission_number"),
    )
    accounts, ignored_roles = golden.get("accounts", []), options.get("ignored_roles", ["user"])
    held = holders(accounts, mapping)
    wanted, unmatched = match_genders(transformation.accounts, options.get("genders", ["Male", "Female"]))
    plan = make_plan(
        wanted,
        present(accounts, mapping, ignored_roles),
        people_on_roll(tables["students"]),
        validation.roll_emails,
        PlanOptions(
            mapping,
            disable_unlinked=options.get("disable_unlinked", True),
            ignored_roles=ignored_roles,
            linking=Linking(options.get("link_accounts")),
        ),
        lambda names: {name: held[name] for name in names if name in held},
    )
    found = [validation.findings, transformation.findings, plan.findings, findings(unmatched, "gender_unknown")]
    return {
        "plan": [
            {
                key: value
                for key, value in change.as_document().items()
                if key not in ("account", "attributes", "school_identifier") and value is not None
            }
            for change in plan.changes
        ],
        "unchanged": plan.as_document()["unchanged"],
        "findings": sorted(
            f"{row.code}: {'nobody' if pd.isna(row.person_id) else row.person_id}"
            for frame in found
            for row in frame.itertuples(index=False)
        ),
    }


def document(operation: Any, rows: list[dict[str, Any]]) -> bytes:
    """A SIMS document of these rows."""
    body = "".join(
        f"<{operation.row}>"
        + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items())
        + f"</{operation.row}>"
        for row in rows
    )
    prolog = '<?xml version="1.0" encoding="iso-8859-1" standalone="yes"?>'
    return f"{prolog}<{operation.root}>{body}</{operation.root}>".encode("iso-8859-1", "xmlcharrefreplace")
