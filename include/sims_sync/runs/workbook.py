"""The list that a school office works through, as a workbook for Excel or LibreOffice (SPEC section 5)."""

from __future__ import annotations

import io

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from sims_sync.runs.documents import Report
from sims_sync.runs.to_correct import COLUMNS, rows

_ORDER = (
    "school_identifier", "reason", "correct", "where", "who", "stops_import", "failing_since", "person_id", "code",
)  # fmt: skip
"""The columns, as a reader wants them."""


def errors_xlsx(report: Report, school: str) -> bytes:
    """The list as a workbook for Excel or LibreOffice.

    :param school: its name, which heads the printed pages.
    """
    columns = [column for name in _ORDER for column in COLUMNS if column.name == name]
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "Records to correct"
    sheet.append([_cell(sheet, column.heading, is_heading=True) for column in columns])
    for row in rows(report, columns):
        sheet.append([_cell(sheet, "" if each is None else str(each)) for each in row])
    for place, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    _set_up_for_print(sheet, school, report)
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def _cell(sheet: Worksheet, text: str, *, is_heading: bool = False) -> Cell:
    """A cell of text, whatever the text looks like."""
    cell = Cell(sheet, row=1, column=1, value=ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type, cell.number_format = "s", "@"
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    cell.font = Font(bold=is_heading)
    return cell


def _set_up_for_print(sheet: Worksheet, school: str, report: Report) -> None:
    """One A4 page wide, as many as it takes high, each with the headings."""
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"
    if sheet.oddHeader is not None and sheet.oddFooter is not None:  # an empty one is false
        sheet.oddHeader.left.text = school[:100].replace("&", "and")  # `&` begins a command
        sheet.oddHeader.right.text = f"{report.effective_date or ''}"
        sheet.oddFooter.left.text = "Confidential: about children"
        sheet.oddFooter.right.text = "Page &P of &N"
