"""The lists that the pages offer as files for a spreadsheet."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Response

from sims_sync.config.school_entry import School
from sims_sync.runs.reading import RunReader
from sims_sync.ui.access import MAY_READ, User, may_edit
from sims_sync.ui.configured_schools import find_school, known_runs
from sims_sync.ui.departures import departures_csv, departures_of
from sims_sync.ui.disabled_page import disabled_csv
from sims_sync.ui.pairs_to_link import pairs_csv, pairs_of
from sims_sync.ui.seen import seen

downloads = APIRouter()


@downloads.get("/dags/{dag_id}/disabled.csv", dependencies=[MAY_READ])
def disabled_as_csv(dag_id: str, user: User) -> Response:
    """The accounts that the sync has disabled, as the file for a spreadsheet."""
    found = find_school(dag_id)
    content = disabled_csv(known_runs().root, found, may_edit=may_edit(dag_id, user))
    return _file(f"disabled-accounts-{found.id}", content)


@downloads.get("/dags/{dag_id}/runs/{run_id}/errors.csv", dependencies=[MAY_READ])
def errors_csv(dag_id: str, run_id: str, user: User) -> Response:
    """The records that a run rejected, as the file for a spreadsheet."""
    found = find_school(dag_id)
    files = seen(known_runs().root, found.id, run_id, may_edit=may_edit(dag_id, user))
    content = files.errors_csv()
    if files.unreadable:
        raise HTTPException(404, f"The list of errors of the run {run_id} cannot be read.")
    if content is None:
        raise HTTPException(404, "This run has no list of errors (any more).")
    return _download("errors", found, files, content)


@downloads.get("/dags/{dag_id}/runs/{run_id}/errors.xlsx", dependencies=[MAY_READ])
def errors_workbook(dag_id: str, run_id: str, user: User) -> Response:
    """The same as a workbook for the school office."""
    from sims_sync.runs.workbook import errors_xlsx  # openpyxl takes its time

    found = find_school(dag_id)
    files = seen(known_runs().root, found.id, run_id, may_edit=may_edit(dag_id, user))
    report = files.report()
    if report is None:
        raise HTTPException(404, "This run has no list of errors (any more), or it cannot be read.")
    return _download("records-to-correct", found, files, errors_xlsx(report, found.name), _XLSX)


@downloads.get("/dags/{dag_id}/runs/{run_id}/departures.csv", dependencies=[MAY_READ])
def departures_as_csv(dag_id: str, run_id: str, user: User) -> Response:
    """Whose accounts the plan would disable, as the file for a spreadsheet."""
    found, edits = find_school(dag_id), may_edit(dag_id, user)
    files = seen(known_runs().root, found.id, run_id, may_edit=edits)
    departures = departures_of(files, found, may_edit=edits)
    if not departures:
        raise HTTPException(404, "This run has no departures, or its files are gone or cannot be read.")
    return _download("departures", found, files, departures_csv(departures, may_edit=edits))


@downloads.get("/dags/{dag_id}/runs/{run_id}/pairs.csv", dependencies=[MAY_READ])
def pairs_as_csv(dag_id: str, run_id: str, user: User) -> Response:
    """The students whose account stands under another Person ID, or under none, as the file for a spreadsheet."""
    found, edits = find_school(dag_id), may_edit(dag_id, user)
    files = seen(known_runs().root, found.id, run_id, may_edit=edits)
    pairs = pairs_of(files, may_edit=edits)
    if not pairs:
        raise HTTPException(404, "This run has no accounts to link, or its files are gone or cannot be read.")
    return _download("accounts-to-link", found, files, pairs_csv(pairs))


_CSV = ("csv", "text/csv; charset=utf-8")
_XLSX = ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def _download(name: str, school: School, files: RunReader, content: bytes, form: tuple[str, str] = _CSV) -> Response:
    report = files.report()
    day = report.effective_date if report and report.effective_date else "no-date"
    return _file(f"{name}-{school.id}-{day}", content, form)


def _file(name: str, content: bytes, form: tuple[str, str] = _CSV) -> Response:
    ending, media_type = form
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(content, media_type=media_type, headers=headers)
