"""The pages need an Airflow login and the right to read that DAG (SPEC section 9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from invented_runs import error, write_config, write_report
from school_users import EDITOR, ITS_DAG, OF_ONE_SCHOOL, READER
from ui_client import Pages

from sims_sync.ui.app import app

OTHER_DAG = "sims_student_sync__north-quay"
RUN = "scheduled__2026-09-15T01:43:00+00:00"
GONE = "scheduled__2026-07-01T01:43:00+00:00"
OF_A_SCHOOL = (
    *("", "/values", "/disabled", "/disabled.csv", "/students/101"),
    *(f"/runs/{RUN}{file}" for file in ("", "/errors.csv", "/errors.xlsx", "/pairs.csv", "/departures.csv")),
)


@pytest.fixture(scope="module", autouse=True)
def _schools(pages: Pages, know_dags: Callable[..., None]) -> None:
    write_config(pages.config, [{"id": "green-abbey"}, {"id": "north-quay"}])
    began = datetime(2026, 9, 15, 1, 43, tzinfo=UTC)
    runs = {RUN: ("success", began), GONE: ("success", datetime(2026, 7, 1, 1, 43, tzinfo=UTC))}
    know_dags({"green-abbey": runs, "north-quay": runs})
    for school in ("green-abbey", "north-quay"):
        folder = write_report(pages.root, school, RUN, ended=began, errors=[error(101)])
        (folder / "errors.csv").write_text("person_id\r\n101\r\n")


def test_every_path_that_shows_a_school_has_its_dag_in_it() -> None:
    paths = {route.path for route in app.routes if hasattr(route, "endpoint")} - {"/", "/waiting"}
    assert paths == {
        "/dags/{dag_id}",
        "/dags/{dag_id}/disabled",
        "/dags/{dag_id}/disabled.csv",
        "/dags/{dag_id}/runs/{run_id}",
        "/dags/{dag_id}/runs/{run_id}/departures.csv",
        "/dags/{dag_id}/runs/{run_id}/errors.csv",
        "/dags/{dag_id}/runs/{run_id}/errors.xlsx",
        "/dags/{dag_id}/runs/{run_id}/pairs.csv",
        "/dags/{dag_id}/students",
        "/dags/{dag_id}/students/{person_id}",
        "/dags/{dag_id}/values",
    }


@pytest.mark.parametrize("path", ["", "waiting", *(f"dags/{ITS_DAG}{path}" for path in OF_A_SCHOOL)])
def test_a_stranger_gets_401_and_a_page_that_says_to_log_in(pages: Pages, path: str) -> None:
    answer = pages.get(path, user=None)
    assert answer.status_code == 401
    assert "Log in to Airflow" in answer.text
    assert "/auth/login/" in answer.text
    assert "green-abbey" not in answer.text.replace(path, "")


def test_a_stranger_finds_no_student(pages: Pages) -> None:
    assert pages.post(f"dags/{ITS_DAG}/students", user=None, data={"who": "101"}).status_code == 401


def test_a_forged_token_is_no_login(pages: Pages) -> None:
    answer = pages.client.get("/student-sync/", headers={"Cookie": "_token=forged.by.hand"})
    assert answer.status_code in (401, 403)
    assert "green-abbey" not in answer.text


@pytest.mark.parametrize("user", [EDITOR, READER])
@pytest.mark.parametrize("path", ["", f"dags/{ITS_DAG}", f"dags/{ITS_DAG}/runs/{RUN}", f"dags/{OTHER_DAG}"])
def test_who_may_read_the_dags_may_see_the_pages(pages: Pages, path: str, user: str) -> None:
    assert pages.get(path, user).status_code == 200


def test_who_may_read_one_schools_dag_sees_one_school(pages: Pages) -> None:
    shown = pages.get("", OF_ONE_SCHOOL)
    assert shown.status_code == 200
    assert "School green-abbey" in shown.text
    assert "north-quay" not in shown.text
    assert "north-quay" in pages.get("", READER).text
    assert pages.get(f"dags/{ITS_DAG}/runs/{RUN}", OF_ONE_SCHOOL).status_code == 200


@pytest.mark.parametrize("path", OF_A_SCHOOL)
def test_and_is_refused_every_page_of_another(pages: Pages, path: str) -> None:
    answer = pages.get(f"dags/{OTHER_DAG}{path}", OF_ONE_SCHOOL)
    assert answer.status_code == 403
    assert "may not read" in answer.text
    assert "School north-quay" not in answer.text


def test_errors_in_other_schools_configuration_are_only_told_to_who_may_read_all(pages: Pages) -> None:
    before = pages.config.read_text()
    pages.config.write_text(before + "- {id: secret-school, nmae: Typed wrongly}\n")
    try:
        assert "secret-school" in pages.get("", READER).text
        assert "secret-school" not in pages.get("", OF_ONE_SCHOOL).text
    finally:
        pages.config.write_text(before)


@pytest.mark.parametrize(
    "path",
    [
        "dags/~",
        "dags/sims_sync_retention",
        "dags/sims_student_sync__closed",
        "dags/sims_student_sync__closed/runs/x",
        f"dags/{ITS_DAG}/runs/never-there",
        f"dags/{ITS_DAG}/runs/never-there/errors.csv",
        f"dags/{ITS_DAG}/runs/..%2F..%2Fnorth-quay%2F{RUN}",
        f"dags/{ITS_DAG}/students/999999",
        f"dags/{ITS_DAG}/students/nobody",
        "nothing-here",
    ],
)
def test_what_there_is_not_has_a_page_of_its_own_with_404(pages: Pages, path: str) -> None:
    answer = pages.get(path)
    assert answer.status_code == 404
    assert "All schools" in answer.text


def test_a_run_whose_files_are_gone_says_so(pages: Pages) -> None:
    answer = pages.get(f"dags/{ITS_DAG}/runs/{GONE}")
    assert answer.status_code == 410
    assert "The files of this run are gone" in answer.text
    assert "30 days" in answer.text


def test_the_pages_ask_no_other_host_and_stand_in_no_other_frame(pages: Pages) -> None:
    for path in ("", f"dags/{ITS_DAG}", f"dags/{ITS_DAG}/runs/{RUN}", "nothing-here"):
        answer = pages.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "//" not in answer.text.replace("://localhost", "")
        assert " style=" not in answer.text, "the policy forbids it"


def test_the_style_sheet_and_the_script_are_served(pages: Pages) -> None:
    for name, kind in (("pages.css", "text/css"), ("pages.js", "javascript")):
        answer = pages.get(f"static/{name}", user=None)
        assert answer.status_code == 200
        assert kind in answer.headers["Content-Type"]


def test_airflow_shows_the_pages_in_its_navigation_and_as_tabs(pages: Pages) -> None:
    token = pages._token(EDITOR)
    plugins = pages.client.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token}"}).json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "student_sync_pages"]
    views = {view["destination"]: view["href"] for view in ours["external_views"]}
    assert views == {
        "nav": "/student-sync/",
        "dag": "/student-sync/dags/{DAG_ID}",
        "dag_run": "/student-sync/dags/{DAG_ID}/runs/{RUN_ID}",
    }
    assert {view["name"] for view in ours["external_views"]} == {"Students", "Student sync"}
