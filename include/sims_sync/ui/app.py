"""The pages, as a FastAPI app that Airflow's API server mounts (``plugins/sims_sync_ui.py``).

Each path that shows something of a school has its DAG's id in it, because Airflow's own check reads it from there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from sims_sync.airflow.configured import configured_store
from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import ConfigError, config_path, load_schools
from sims_sync.runs.reading import RunReader
from sims_sync.ui.access import MAY_READ, User, editable, may_edit, readable
from sims_sync.ui.airflow_runs import AirflowRun, dag_states, find_run, scheduled, silent
from sims_sync.ui.answering import Answered, approve, comes_from_our_page, ticked
from sims_sync.ui.departures import departures_csv, departures_of
from sims_sync.ui.disabled_page import disabled_csv, disabled_page
from sims_sync.ui.finding_schools import as_of, find_schools, zone_of
from sims_sync.ui.history import History, RunSummary
from sims_sync.ui.pages import page
from sims_sync.ui.pairs_to_link import pairs_csv, pairs_of
from sims_sync.ui.people import find_people
from sims_sync.ui.run_page import run_page
from sims_sync.ui.school_page import school_page
from sims_sync.ui.schools_page import STANDINGS, line, lines
from sims_sync.ui.seen import seen
from sims_sync.ui.student_page import student_page, unreadable_runs
from sims_sync.ui.values_page import values_page
from sims_sync.ui.waiting_page import Waiting, all_that_waits, by_kind

app = FastAPI(title="Student sync", docs_url=None, redoc_url=None, openapi_url=None)
app.mount("/static", StaticFiles(packages=[("sims_sync.ui", "static")]), name="static")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@app.middleware("http")
async def _close_off(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """No other host, no other frame, and no copy left in a cache.

    An address with a control character is that of nothing, and PostgreSQL takes none (U+0000) in a query.
    """
    odd = any(unicodedata.category(character) in ("Cc", "Cs") for character in request.url.path)
    response = await _say(request, StarletteHTTPException(404)) if odd else await answer(request)
    response.headers.update(_HEADERS)
    return response


@app.get("/")
def schools(request: Request, user: User) -> HTMLResponse:
    """All schools whose DAG the user may read, the one that needs us most at the top."""
    configuration, now = _configuration(), datetime.now(UTC)
    configured = configuration.schools
    allowed = readable([school.dag_id for school in configured], user)
    shown = [school for school in configured if school.dag_id in allowed]
    if configured and not shown:
        raise HTTPException(403)
    edits = editable([school.dag_id for school in shown], user)
    history = _history().of_all(
        [school.id for school in shown], editable={school.id for school in shown if school.dag_id in edits}
    )
    down = silent()
    told = lines(shown, history, dag_states(allowed), _history().root, now, scheduled=scheduled(down))
    return page(
        request,
        "schools",
        found=find_schools(told, request.query_params),
        standings=STANDINGS,
        errors=configuration.errors if len(shown) == len(configured) else (),  # they name schools
        unreadable=configuration.unreadable,
        silent=down,
        as_of=as_of(shown, now),
        zone=zone_of(shown),
    )


@app.get("/waiting")
def waiting(request: Request, user: User) -> HTMLResponse:
    """What waits for an answer, of all schools whose DAG the user may read."""
    return _waiting_page(request, _all_that_waits(user))


@app.post("/waiting")
async def approve_together(request: Request, user: User) -> HTMLResponse:
    """Approve what is ticked, each by itself, with the user's own rights."""
    if not comes_from_our_page(request):
        raise HTTPException(403)
    asked = parse_qs((await request.body())[:200_000].decode(errors="replace"))
    waits = await run_in_threadpool(_all_that_waits, user)
    chosen, gone = ticked(waits, asked.get("tick", []), asked.get("kind", [""])[0])
    answered = await approve(request, chosen)
    done = {each.waiting.tick for each in answered if not each.problem}
    left = [each for each in waits if each.tick not in done]
    return await run_in_threadpool(_waiting_page, request, left, answered, gone)


def _all_that_waits(user: Any) -> list[Waiting]:
    """:raises HTTPException: 403, the user may read no school's DAG."""
    configured = _configuration().schools
    allowed = readable([school.dag_id for school in configured], user)
    shown = [school for school in configured if school.dag_id in allowed]
    if configured and not shown:
        raise HTTPException(403)
    return all_that_waits(_history().root, shown, dag_states(allowed), editable(allowed, user))


def _waiting_page(
    request: Request, waits: Sequence[Waiting], answered: Sequence[Answered] | None = None, gone: int = 0
) -> HTMLResponse:
    return page(request, "waiting", total=len(waits), groups=by_kind(waits), answered=answered, gone=gone)


@app.get("/dags/{dag_id}", dependencies=[MAY_READ])
def school(request: Request, dag_id: str, user: User) -> HTMLResponse:
    """A school: its history, configuration, mark and limits."""
    found, history, edits = _school(dag_id), _history(), may_edit(dag_id, user)
    runs = history.of(found.id, may_edit=edits)
    down = silent()
    dag = dag_states([dag_id]).get(dag_id)
    standing = line(found, runs, dag, history.root, datetime.now(UTC), scheduled=scheduled(down))
    shown = school_page(history.root, found, runs, standing, may_edit=edits)
    return page(request, "school", shown=shown, school=found, silent=down)


@app.get("/dags/{dag_id}/values", dependencies=[MAY_READ])
def values(request: Request, dag_id: str, user: User) -> HTMLResponse:
    """Which value goes from where to where, and which does not."""
    found, history, edits = _school(dag_id), _history(), may_edit(dag_id, user)
    shown = values_page(history.root, found, history.of(found.id, may_edit=edits), may_edit=edits)
    return page(request, "values", shown=shown, school=found)


@app.get("/dags/{dag_id}/disabled", dependencies=[MAY_READ])
def disabled(request: Request, dag_id: str, user: User) -> HTMLResponse:
    """The accounts that the sync has disabled."""
    found = _school(dag_id)
    parameters = dict(request.query_params)
    shown = disabled_page(_history().root, found, parameters, may_edit=may_edit(dag_id, user))
    return page(request, "disabled", shown=shown, school=found)


@app.get("/dags/{dag_id}/disabled.csv", dependencies=[MAY_READ])
def disabled_as_csv(dag_id: str, user: User) -> Response:
    """The same as the file for a spreadsheet."""
    found = _school(dag_id)
    content = disabled_csv(_history().root, found, may_edit=may_edit(dag_id, user))
    return _file(f"disabled-accounts-{found.id}", content)


@app.get("/dags/{dag_id}/runs/{run_id}", dependencies=[MAY_READ])
def run(request: Request, dag_id: str, run_id: str, user: User) -> HTMLResponse:
    """A run: where the records went, the plan, what has to be corrected."""
    found, root = _school(dag_id), _history().root
    known, edits = find_run(dag_id, run_id), may_edit(dag_id, user)
    shown = run_page(
        root, found, known or AirflowRun(run_id, "deleted", None), dict(request.query_params), may_edit=edits
    )
    if shown is not None:
        return page(request, "run", shown=shown, school=found, known=known is not None, may_edit=edits)
    if known is None:
        raise HTTPException(404, "This school has no such run.")
    return page(request, "no_files", status=200 if known.active else 410, school=found, run=known)


@app.get("/dags/{dag_id}/runs/{run_id}/errors.csv", dependencies=[MAY_READ])
def errors_csv(dag_id: str, run_id: str, user: User) -> Response:
    """The records that a run rejected, as the file for a spreadsheet."""
    found = _school(dag_id)
    files = seen(_history().root, found.id, run_id, may_edit=may_edit(dag_id, user))
    content = files.errors_csv()
    if files.unreadable:
        raise HTTPException(404, f"The list of errors of the run {run_id} cannot be read.")
    if content is None:
        raise HTTPException(404, "This run has no list of errors (any more).")
    return _download("errors", found, files, content)


@app.get("/dags/{dag_id}/runs/{run_id}/errors.xlsx", dependencies=[MAY_READ])
def errors_workbook(dag_id: str, run_id: str, user: User) -> Response:
    """The same as a workbook for the school office."""
    from sims_sync.runs.workbook import errors_xlsx  # openpyxl takes its time

    found = _school(dag_id)
    files = seen(_history().root, found.id, run_id, may_edit=may_edit(dag_id, user))
    report = files.report()
    if report is None:
        raise HTTPException(404, "This run has no list of errors (any more), or it cannot be read.")
    return _download("records-to-correct", found, files, errors_xlsx(report, found.name), _XLSX)


@app.get("/dags/{dag_id}/runs/{run_id}/departures.csv", dependencies=[MAY_READ])
def departures_as_csv(dag_id: str, run_id: str, user: User) -> Response:
    """Whose accounts the plan would disable, as the file for a spreadsheet."""
    found, edits = _school(dag_id), may_edit(dag_id, user)
    files = seen(_history().root, found.id, run_id, may_edit=edits)
    departures = departures_of(files, found, may_edit=edits)
    if not departures:
        raise HTTPException(404, "This run has no departures, or its files are gone or cannot be read.")
    return _download("departures", found, files, departures_csv(departures, may_edit=edits))


@app.get("/dags/{dag_id}/runs/{run_id}/pairs.csv", dependencies=[MAY_READ])
def pairs_as_csv(dag_id: str, run_id: str, user: User) -> Response:
    """The students whose account stands under another Person ID, or under none, as the file for a spreadsheet."""
    found, edits = _school(dag_id), may_edit(dag_id, user)
    files = seen(_history().root, found.id, run_id, may_edit=edits)
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


@app.post("/dags/{dag_id}/students", dependencies=[MAY_READ])
async def find_student(request: Request, dag_id: str) -> Response:
    """The student of a Person ID or admission number. It comes in the body, for an address is logged."""
    asked = parse_qs((await request.body())[:1000].decode(errors="replace"))
    return await run_in_threadpool(_found_student, request, dag_id, asked.get("who", [""])[0].strip())


@app.get("/dags/{dag_id}/students/{person_id}", dependencies=[MAY_READ])
def student(request: Request, dag_id: str, person_id: str, user: User, run: str | None = None) -> HTMLResponse:
    """A student: why there is an account or not."""
    found, history, edits = _school(dag_id), _history(), may_edit(dag_id, user)
    runs = history.of(found.id, may_edit=edits)
    shown = student_page(
        history.root,
        found,
        runs,
        person_id,
        wanted_run=run,
        may_see_values=edits,
        find_run=lambda run_id: find_run(dag_id, run_id),
    )
    if shown is None:
        raise HTTPException(404, _nobody(found, runs))
    return page(request, "student", shown=shown, school=found)


_TOLD = 10
"""The most errors of the configuration that are shown."""

_NOBODY = "Neither the last runs nor the register know a student with this Person ID or admission number."


def _nobody(school: School, runs: Sequence[RunSummary]) -> str:
    """Why nobody is found, and in which runs nobody could be looked for."""
    unreadable = unreadable_runs(_history().root, school, runs) or [run.reason for run in runs if not run.run_id]
    return f"{_NOBODY} Not all of these runs can be read: {', '.join(unreadable)}." if unreadable else _NOBODY


_MESSAGES = {
    401: "Log in to Airflow to see this page.",
    403: "You may not read the runs of this school.",
    404: "There is no such page.",
}


@app.exception_handler(StarletteHTTPException)
async def _say(request: Request, error: StarletteHTTPException) -> Response:
    """Every refusal is a page, for it may be shown in a frame of Airflow's."""
    message = _MESSAGES.get(error.status_code, "This cannot be shown.")
    own = error.status_code == 404 and error.detail != "Not Found"
    return page(
        request, "refusal", status=error.status_code, code=error.status_code, message=error.detail if own else message
    )


@app.exception_handler(RequestValidationError)
async def _say_not_found(request: Request, _error: RequestValidationError) -> Response:
    """A Person ID in an address that is no number."""
    return page(request, "refusal", status=404, code=404, message=_NOBODY)


def _found_student(request: Request, dag_id: str, wanted: str) -> Response:
    found, history = _school(dag_id), _history()
    runs = history.of(found.id)
    people = find_people(history.root, found, runs, wanted)
    if not people:
        raise HTTPException(404, _nobody(found, runs))
    if len(people) > 1:
        return page(request, "several", school=found, people=people)
    place = f"{request.scope.get('root_path', '')}/dags/{quote(dag_id)}/students/{people[0]}"
    return RedirectResponse(place, status_code=303)


def _school(dag_id: str) -> School:
    """The school of a DAG.

    :raises HTTPException: 404, there is none.
    """
    configuration = _configuration()
    for each in configuration.schools:
        if each.dag_id == dag_id:
            return each
    if configuration.unreadable:
        raise HTTPException(404, f"The configuration cannot be read: {' '.join(configuration.errors)}")
    raise HTTPException(404, "This DAG is that of no school of the student sync.")


@dataclass(frozen=True)
class Configuration:
    """What ``schools.yaml`` holds by now.

    :param errors: what is wrong with entries of it, or with all of it.
    """

    schools: Sequence[School]
    errors: Sequence[str]

    @property
    def unreadable(self) -> bool:
        """Whether not one school can be taken from it."""
        return bool(self.errors) and not self.schools


def _configuration() -> Configuration:
    """The schools, and what is wrong with the entries of others."""
    path = config_path()
    try:
        found = path.stat()
    except OSError as error:
        return Configuration((), (f"{path}: cannot be read ({error.strerror}).",))
    return _read_configuration(path, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=2)
def _read_configuration(path: Path, _version: tuple[int, int]) -> Configuration:
    try:
        schools, errors = load_schools(path)
    except ConfigError as error:
        return Configuration((), (str(error),))
    return Configuration(tuple(schools.values()), _told(list(map(str, errors))))


def _told(errors: Sequence[str]) -> tuple[str, ...]:
    """Errors, the first ones: what is wrong with `defaults` is wrong with each school."""
    more = len(errors) - _TOLD
    return (*errors[:_TOLD], *((f"And {more:,} more.",) if more > 0 else ()))


_HISTORIES: dict[str, History] = {}


def _history() -> History:
    root = configured_store()
    return _HISTORIES.setdefault(str(root), History(root))
