"""What the page of a run shows of students whose account stands under another Person ID (SPEC section 6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pandas as pd
import pytest
from invented_runs import write_config, write_report
from school_users import EDITOR, READER
from ui_client import Pages

from invented_facts import planned
from sims_sync.changes.pairs import PAIR_COLUMNS
from sims_sync.runs.files import RunFiles
from sims_sync.store.layout import run_folder
from sims_sync.store.local import LocalFolder

RUN, DAG_ID = "scheduled__2026-09-15T01:00:00+00:00", "sims_student_sync__green-abbey"
PAIRS = [
    ("50102", "004605", "an-address@example.org", "102", False, "certain", "birth date agrees"),
    ("50101", "004604", "a1", None, True, "likely", "both names agree"),
    ("50103", None, "a3", "103", True, "ambiguous", "there is another such account"),
]


@pytest.fixture(scope="module")
def page(pages: Pages, know_dags: Callable[..., None]) -> str:
    """The path of the page of a run with pairs."""
    write_config(pages.config, [{"id": "green-abbey"}])
    runs = {each: ("success", datetime(2026, 9, 15, 1, tzinfo=UTC)) for each in (RUN, "manual__1")}
    know_dags({"green-abbey": runs})
    write_report(pages.root, "green-abbey", RUN)
    table = pd.DataFrame(PAIRS, columns=list(PAIR_COLUMNS))
    document = {"counts": {}, "no_leaver_check": None, "changes": [], "unchanged": []}
    RunFiles(run_folder(LocalFolder(pages.root), "green-abbey", RUN)).save(
        planned(), {"plan": document, "pairs": table}, counts={}
    )
    return f"dags/{DAG_ID}/runs/{quote(RUN)}"


def test_the_page_lists_each_pair_with_its_reason_the_ambiguous_ones_apart(pages: Pages, page: str) -> None:
    shown = pages.get(page, READER).text
    clear, _, unclear = shown.partition('id="ambiguous"')
    assert clear.index("50102") < clear.index("50101"), "who cannot log in comes first"
    assert "inactive: this student cannot log in" in clear
    assert "50103" in unclear
    assert "birth date agrees" in clear


def test_who_may_only_read_sees_person_ids_and_no_account(pages: Pages, page: str) -> None:
    assert "an-address@example.org" in pages.get(page, EDITOR).text
    assert "an-address@example.org" not in pages.get(page, READER).text


@pytest.mark.parametrize(("user", "account"), [(EDITOR, "an-address@example.org"), (READER, "")])
def test_the_pairs_can_be_had_as_a_file_for_a_spreadsheet(pages: Pages, page: str, user: str, account: str) -> None:
    answer = pages.get(f"{page}/pairs.csv", user)
    assert answer.headers["content-disposition"].startswith('attachment; filename="accounts-to-link-green-abbey-')
    first, *others = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (first["person_id"], first["account_person_id"], first["account_id"]) == ("50102", "102", account)
    assert len(others) == 2


def test_a_run_without_pairs_has_no_such_file_and_no_such_section(pages: Pages, page: str) -> None:
    write_report(pages.root, "green-abbey", "manual__1")
    other = f"dags/{DAG_ID}/runs/manual__1"
    assert "Accounts to link" not in pages.get(other).text
    assert pages.get(f"{other}/pairs.csv").status_code == 404
