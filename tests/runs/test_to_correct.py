"""The list that a school office works through (SPEC section 5)."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from openpyxl import load_workbook

from sims_sync.model.attributes import ATTRIBUTES
from sims_sync.model.findings import CODES, DATA_TEAM, FINDING_COLUMNS
from sims_sync.runs.documents import Report
from sims_sync.runs.report import ReportHead, build_report
from sims_sync.runs.to_correct import COLUMNS, errors_csv
from sims_sync.runs.workbook import errors_xlsx

NIGHT = datetime(2026, 11, 23, 2, tzinfo=UTC)
HEAD = ReportHead("green-abbey", "manual__1", NIGHT.date(), "success", "", NIGHT, NIGHT)


def report_of(*rows: tuple[int | None, str | None, str, str | None]) -> Report:
    """One finding for each row: Person ID, admission number, code and detail."""
    found = [(person_id, number, "validate", code, detail) for person_id, number, code, detail in rows]
    findings = pd.DataFrame(found, columns=list(FINDING_COLUMNS)).astype({"person_id": "str"})
    return build_report(HEAD, {}, findings, {"2447:no_email": date(2026, 11, 20)})


def in_the_csv(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(errors_csv(report).decode("utf-8-sig"))))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_errors_csv_is_safe_to_open_in_a_spreadsheet(start: str) -> None:
    report = report_of((1, f"{start}1+1", "no_email", None))
    content = errors_csv(report)
    assert content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["school_identifier"] == f"'{start}1+1"
    assert row["reason"] == CODES["no_email"].reason


def test_the_list_has_errors_and_warnings_and_a_column_that_tells_which_stop_the_import() -> None:
    error, warning = in_the_csv(report_of((2448, "004605", "invalid_email", None), (2447, "004604", "no_email", None)))
    assert (error["code"], error["stops_import"], error["failing_since"]) == ("no_email", "yes", "2026-11-20")
    assert (warning["code"], warning["stops_import"], warning["failing_since"]) == ("invalid_email", "no", "")


def test_the_list_says_who_acts_and_which_panel_of_sims_to_open() -> None:
    office, team = in_the_csv(report_of((1, "1", "no_email", None), (2, "2", "username_in_use", None)))
    assert (office["who"], office["where"]) == ("school office", "Telephones and Email")
    assert (team["who"], team["where"]) == ("data team", "")


@pytest.mark.parametrize("code", CODES)
def test_what_to_do_is_plain_text_in_either_list(code: str) -> None:
    report = report_of((1, "1", code, None))
    (row,) = in_the_csv(report)
    sheet = load_workbook(io.BytesIO(errors_xlsx(report, "Green Abbey"))).active
    cells = [cell.value for cell in sheet[2]]
    assert row["correct"] in cells
    assert row["correct"].replace('"', "") == CODES[code].correct.replace("`", "").replace('"', "")
    assert not any("`" in str(each) for each in [*row.values(), *cells])


def test_names_of_keys_are_in_quotes_in_what_to_do() -> None:
    (row,) = in_the_csv(report_of((1, "1", "account_to_link", None)))
    assert row["correct"].startswith('Trigger the DAG with "link_accounts", which')


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.label)
def test_of_a_date_that_is_meant_the_panel_is_that_of_its_attribute(attribute) -> None:
    (row,) = in_the_csv(report_of((1, "1", "invalid_date", attribute.label)))
    assert row["where"] == attribute.panel
    assert row["reason"].endswith(f"({attribute.label})")


def test_every_code_is_for_the_data_team_or_for_a_panel_of_sims_that_is_known() -> None:
    told_by_the_attribute = {"invalid_date", "invalid_character", "duplicate_person"}
    nowhere = {code.code for code in CODES.values() if not code.panel and code.who != DATA_TEAM}
    assert nowhere == told_by_the_attribute


@pytest.mark.parametrize("number", ["004604", "=1+1", "+44", "12/11", "1e5", "\x07", None])
def test_in_the_workbook_every_cell_is_text_as_it_is(number: str | None) -> None:
    content = errors_xlsx(report_of((2447, number, "no_email", None)), "Green & Abbey")
    sheet = load_workbook(io.BytesIO(content)).active
    headings, row = sheet.iter_rows()
    assert {cell.value for cell in headings} == {column.heading for column in COLUMNS}
    assert all(cell.data_type == "s" and cell.number_format == "@" for cell in headings)
    shown = dict(zip([cell.value for cell in headings], [cell.value for cell in row], strict=True))
    assert shown["Admission number"] == (None if number in ("\x07", None) else number)
    assert {cell.number_format for cell in row} == {"@"}
    assert all(isinstance(cell.value, str) for cell in row if cell.value is not None)
    assert (shown["Since"], shown["Left out until corrected"], shown["Person ID"]) == ("2026-11-20", "yes", "2447")


def test_the_workbook_is_printed_one_page_wide_with_its_headings_on_each() -> None:
    sheet = load_workbook(io.BytesIO(errors_xlsx(report_of((1, "1", "no_email", None)), "Green & Abbey"))).active
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (
        "landscape", 1, 0,
    )  # fmt: skip
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.oddHeader.left.text == "Green and Abbey"


def test_a_list_without_a_record_has_its_headings() -> None:
    sheet = load_workbook(io.BytesIO(errors_xlsx(report_of(), "Green Abbey"))).active
    assert sheet.max_row == 1
