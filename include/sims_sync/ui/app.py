"""The pages, as a FastAPI app that Airflow's API server mounts (``plugins/sims_sync_ui.py``).

Each path that shows something of a school has its DAG's id in it, because Airflow's own check reads it from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from sims_sync.config.school_entry import School
from sims_sync.ui.access import MAY_READ, User, editable, may_edit, readable
from sims_sync.ui.airflow_runs import AirflowRun, dag_states, find_run, is_odd, scheduled, silent
from sims_sync.ui.answering import Answered, Ticked, approve, comes_from_our_page, ticked
from sims_sync.ui.configured_schools import find_school, known_runs, read_configuration
from sims_sync.ui.disabled_page import disabled_page
from sims_sync.ui.downloads import downloads
from sims_sync.ui.finding_schools import as_of, find_schools, zone_of
from sims_sync.ui.history import RunSummary
from sims_sync.ui.pages import page
from sims_sync.ui.people import find_people
from sims_sync.ui.run_page import run_page
from sims_sync.ui.school_page import school_page
from sims_sync.ui.schools_page import STANDINGS, line, lines
from sims_sync.ui.student_page import student_page, unreadable_runs
from sims_sync.ui.values_page import values_page
from sims_sync.ui.waiting_page import Waiting, all_that_waits, by_kind

app = FastAPI(title="Student sync", docs_url=None, redoc_url=None, openapi_url=None)
app.include_router(downloads)
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
    """No other host, no other frame, and no copy left in a cache. An odd address is that of nothing."""
    odd = is_odd(request.url.path)
    response = await _say(request, StarletteHTTPException(404)) if odd else await answer(request)
    response.headers.update(_HEADERS)
    return response


@app.get("/")
def schools(request: Request, user: User) -> HTMLResponse:
    """All schools whose DAG the user may read, the one that needs us most at the top."""
    configuration, now = read_configuration(), datetime.now(UTC)
    configured = configuration.schools
    allowed = readable([school.dag_id for school in configured], user)
    shown = [school for school in configured if school.dag_id in allowed]
    if configured and not shown:
        raise HTTPException(403)
    edits = editable([school.dag_id for school in shown], user)
    history = known_runs().of_all(
        [school.id for school in shown], editable={school.id for school in shown if school.dag_id in edits}
    )
    down = silent()
    told = lines(shown, history, dag_states(allowed), known_runs().root, now, scheduled=scheduled(down))
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
    ticks = ticked(waits, asked.get("tick", []), asked.get("kind", [""])[0])
    answered = await approve(request, ticks.chosen)
    done = {each.waiting.tick for each in answered if not each.problem}
    left = [each for each in waits if each.tick not in done]
    return await run_in_threadpool(_waiting_page, request, left, answered, ticks)


def _all_that_waits(user: Any) -> list[Waiting]:
    """:raises HTTPException: 403, the user may read no school's DAG."""
    configured = read_configuration().schools
    allowed = readable([school.dag_id for school in configured], user)
    shown = [school for school in configured if school.dag_id in allowed]
    if configured and not shown:
        raise HTTPException(403)
    return all_that_waits(known_runs().root, shown, dag_states(allowed), editable(allowed, user))


def _waiting_page(
    request: Request,
    waits: Sequence[Waiting],
    answered: Sequence[Answered] | None = None,
    ticks: Ticked | None = None,
) -> HTMLResponse:
    return page(request, "waiting", total=len(waits), groups=by_kind(waits), answered=answered, ticks=ticks)


@app.get("/dags/{dag_id}", dependencies=[MAY_READ])
def school(request: Request, dag_id: str, user: User) -> HTMLResponse:
    """A school: its history, configuration, mark and limits."""
    found, history, edits = find_school(dag_id), known_runs(), may_edit(dag_id, user)
    runs = history.of(found.id, may_edit=edits)
    down = silent()
    dag = dag_states([dag_id]).get(dag_id)
    standing = line(found, runs, dag, history.root, datetime.now(UTC), scheduled=scheduled(down))
    own = read_configuration().own.get(found.id, frozenset())
    shown = school_page(history.root, found, runs, standing, may_edit=edits, own=own)
    return page(request, "school", shown=shown, school=found, silent=down)


@app.get("/dags/{dag_id}/values", dependencies=[MAY_READ])
def values(request: Request, dag_id: str, user: User) -> HTMLResponse:
    """Which value goes from where to where, and which does not."""
    found, history, edits = find_school(dag_id), known_runs(), may_edit(dag_id, user)
    shown = values_page(history.root, found, history.of(found.id, may_edit=edits), may_edit=edits)
    return page(request, "values", shown=shown, school=found)


@app.get("/dags/{dag_id}/disabled", dependencies=[MAY_READ])
def disabled(request: Request, dag_id: str, user: User) -> HTMLResponse:
    """The accounts that the sync has disabled."""
    found = find_school(dag_id)
    parameters = dict(request.query_params)
    shown = disabled_page(known_runs().root, found, parameters, may_edit=may_edit(dag_id, user))
    return page(request, "disabled", shown=shown, school=found)


@app.get("/dags/{dag_id}/runs/{run_id}", dependencies=[MAY_READ])
def run(request: Request, dag_id: str, run_id: str, user: User) -> HTMLResponse:
    """A run: where the records went, the plan, what has to be corrected."""
    found, root = find_school(dag_id), known_runs().root
    known, edits = find_run(dag_id, run_id), may_edit(dag_id, user)
    shown = run_page(
        root, found, known or AirflowRun(run_id, "deleted", None), dict(request.query_params), may_edit=edits
    )
    if shown is not None:
        return page(request, "run", shown=shown, school=found, known=known is not None, may_edit=edits)
    if known is None:
        raise HTTPException(404, "This school has no such run.")
    return page(request, "no_files", status=200 if known.active else 410, school=found, run=known)


@app.post("/dags/{dag_id}/students", dependencies=[MAY_READ])
async def find_student(request: Request, dag_id: str) -> Response:
    """The student of a Person ID or admission number. It comes in the body, for an address is logged."""
    asked = parse_qs((await request.body())[:1000].decode(errors="replace"))
    return await run_in_threadpool(_found_student, request, dag_id, asked.get("who", [""])[0].strip())


@app.get("/dags/{dag_id}/students/{person_id}", dependencies=[MAY_READ])
def student(request: Request, dag_id: str, person_id: str, user: User, run: str | None = None) -> HTMLResponse:
    """A student: why there is an account or not."""
    found, history, edits = find_school(dag_id), known_runs(), may_edit(dag_id, user)
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


_NOBODY = "Neither the last runs nor the register know a student with this Person ID or admission number."


def _nobody(school: School, runs: Sequence[RunSummary]) -> str:
    """Why nobody is found, and in which runs nobody could be looked for."""
    unreadable = unreadable_runs(known_runs().root, school, runs) or [run.reason for run in runs if not run.run_id]
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
    found, history = find_school(dag_id), known_runs()
    runs = history.of(found.id)
    people = find_people(history.root, found, runs, wanted)
    if not people:
        raise HTTPException(404, _nobody(found, runs))
    if len(people) > 1:
        return page(request, "several", school=found, people=people)
    place = f"{request.scope.get('root_path', '')}/dags/{quote(dag_id)}/students/{people[0]}"
    return RedirectResponse(place, status_code=303)
