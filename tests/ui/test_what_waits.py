"""All that waits, on one page: what is ordinary is approved together, each by its own plan and with the user's own
rights; what may be another school is not."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from airflow_rows import answers, put_question
from fastapi import FastAPI, Request, Response
from invented_runs import write_config
from school_users import EDITOR, OF_ONE_SCHOOL, READER
from ui_client import Pages

from invented_facts import EXTRACTED, planned
from sims_sync.runs.documents import MeasuredLimit, PlanFacts
from sims_sync.runs.files import RunFiles
from sims_sync.runs.standing import QUESTIONS, Question
from sims_sync.store.layout import run_folder
from sims_sync.store.local import LocalFolder
from sims_sync.ui import answering
from sims_sync.ui.waiting_page import ALONE, DEPARTURES, JOINERS, kind_of

NOW = datetime.now(UTC)
RUN = "tonight"
Patched = list[tuple[str, dict[str, Any], str]]


def limit(name: str, count: int = 11, base: int = 100, *, exceeded: bool = True) -> MeasuredLimit:
    return MeasuredLimit(limit=name, count=count, base=base, allowed=10, exceeded=exceeded)


LEAVING = planned(
    departure_reasons=("11 of 100 accounts would be disabled.",),
    limits=(limit("disable"),),
    departing={"of year 11": 10, "of no known year": 1},
)
CROSSED = planned(
    departure_reasons=("90 of 100 accounts would be disabled.",), limits=(limit("disable", 90),), departing={}
)
TWO_LIMITS = planned(departure_reasons=("a", "b"), limits=(limit("disable"), limit("disable_7_days", 16)))
EXPECTED = planned(
    departure_reasons=("702 of 1000 would be disabled, expected ones among them: more than 60 %.",),
    limits=(limit("disable", 2, 1000, exceeded=False), limit("disable_7_days", 2, 1000, exceeded=False)),
    departing={"of year 11": 700, "of no known year": 2},
    expected={"summer": 700},
)
HALF_EXPECTED = planned(
    departure_reasons=("11 of 100 accounts would be disabled.",),
    limits=(limit("disable"),),
    departing={"of year 11": 40, "of no known year": 11},
    expected={"summer": 40},
)
JOINING = planned(reasons=("40 accounts would be created.",), limits=(limit("create", 40),))


@pytest.fixture(autouse=True)
def _schools(pages: Pages, know_dags: Callable[..., None]) -> Iterator[None]:
    schools = ("green-abbey", "north-quay", "crossed", "joining", "quiet")
    write_config(pages.config, [{"id": each} for each in schools])
    know_dags({each: {RUN: ("running", NOW)} for each in schools})
    for school, facts in (("green-abbey", LEAVING), ("north-quay", LEAVING), ("crossed", CROSSED)):
        ask(pages, school, facts)
    ask(pages, "joining", JOINING, stage="approve")
    yield
    shutil.rmtree(pages.root, ignore_errors=True)


def ask(
    pages: Pages, school: str, facts: PlanFacts, stage: str = "approve_leavers", asked: datetime | None = None
) -> None:
    files = RunFiles(run_folder(LocalFolder(pages.root), school, RUN))
    files.save(EXTRACTED, {}, counts={})
    document: dict[str, Any] = {"counts": {}, "no_leaver_check": None, "changes": [], "unchanged": []}
    counts = {"create": 40, "disable": 11} if stage == "approve" else {"create": 0, "disable": 11}
    plan = files.save(facts, {"plan": document}, counts=counts)
    asked = asked or NOW - timedelta(minutes=5)
    question = Question(plan=plan.sha256, asked_at=asked, lapses_at=NOW + timedelta(hours=8))
    files.folder.write(QUESTIONS[stage], question.as_json())


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Patched:
    """What Airflow's own API is asked; it refuses for ``north-quay``, where somebody has answered already."""
    airflow, asked = FastAPI(), Patched()
    whole = httpx.ASGITransport

    @airflow.patch("/{path:path}")
    async def answer(path: str, request: Request) -> Response:
        asked.append((path, await request.json(), request.headers.get("cookie", "")))
        return Response(status_code=409 if "north-quay" in path else 200)

    monkeypatch.setattr(answering.httpx, "ASGITransport", lambda _, **options: whole(airflow, **options))
    return asked


def words(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def ticks(page: str) -> dict[str, str]:
    """What can be ticked, by school."""
    found = re.findall(r'value="([0-9a-f]{64})" aria-label="Approve School ([^"]+)"', page)
    return {school: tick for tick, school in found}


def test_what_waits_stands_by_kind_with_counts_groups_and_lapse(pages: Pages) -> None:
    page = pages.get("waiting").text
    told = words(page)
    assert "4 schools wait for an answer" in told
    parts = page.split("<section")
    assert [part.split('"')[1] for part in parts[1:]] == ["departures", "joiners", "alone"]
    assert {"School green-abbey", "School north-quay"} <= set(re.findall(r"School [a-z-]+", words(parts[1])))
    assert "11 to disable 10 of year 11, 1 of no known year" in words(parts[1])
    assert "40 to create, 11 to disable" in words(parts[2])
    assert "School crossed" in words(parts[3])
    assert "quiet" not in told
    assert ticks(page).keys() == {"green-abbey", "north-quay", "joining"}
    assert "All that waits for an answer" in pages.get("").text


def test_who_may_only_read_can_tick_nothing_and_sees_their_schools_alone(pages: Pages, patched: Patched) -> None:
    tick = ticks(pages.get("waiting").text)["green-abbey"]
    page = pages.get("waiting", READER).text
    assert ticks(page) == {}
    assert "checkbox" not in page
    one = pages.get("waiting", OF_ONE_SCHOOL).text
    assert "green-abbey" in one
    assert "north-quay" not in one
    for user in (READER, OF_ONE_SCHOOL):
        answer = pages.post("waiting", user, data={"kind": "departures", "tick": tick})
        assert "1 tick not followed" in words(answer.text)
    assert pages.post("waiting", None, data={"kind": "departures", "tick": tick}).status_code == 401
    assert patched == []


def test_what_is_ticked_is_approved_each_by_itself_with_the_users_login(pages: Pages, patched: Patched) -> None:
    found = ticks(pages.get("waiting").text)
    answer = pages.post("waiting", data={"kind": "departures", "tick": [found["green-abbey"], found["north-quay"]]})
    told = words(answer.text)
    assert "1 school approved." in told
    assert "School north-quay : not approved, somebody has answered already." in told
    assert [path for path, _, _ in patched] == [
        f"api/v2/dags/sims_student_sync__{school}/dagRuns/{RUN}/taskInstances/approve_leavers/-1/hitlDetails"
        for school in ("green-abbey", "north-quay")
    ]
    assert all(body == {"chosen_options": ["Approve"], "params_input": {}} for _, body, _ in patched)
    assert all(cookie == f"_token={pages.tokens[EDITOR]}" for _, _, cookie in patched)
    assert "green-abbey" not in ticks(answer.text)


@pytest.mark.parametrize(
    ("school", "kind"),
    [
        ("green-abbey", "joiners"),  # the form of another kind
        ("green-abbey", "alone"),
        ("joining", "departures"),
        ("green-abbey", ""),
    ],
)
def test_a_tick_of_another_kind_is_not_followed(pages: Pages, patched: Patched, school: str, kind: str) -> None:
    tick = ticks(pages.get("waiting").text)[school]
    assert "1 tick not followed" in words(pages.post("waiting", data={"kind": kind, "tick": tick}).text)
    assert patched == []


def test_40_held_schools_are_answered_in_under_a_minute(pages: Pages, know_dags: Callable[..., None]) -> None:
    schools = [f"school-{number:02}" for number in range(40)]
    write_config(pages.config, [{"id": each} for each in schools])
    know_dags({each: {RUN: ("running", NOW)} for each in schools})
    for school in schools:
        ask(pages, school, LEAVING)
    parked = [put_question(school, RUN, "approve_leavers", ["Approve", "Reject"]) for school in schools]
    began = time.monotonic()
    found = ticks(pages.get("waiting").text)
    told = words(pages.post("waiting", data={"kind": "departures", "tick": list(found.values())}).text)
    assert time.monotonic() - began < 60
    assert "40 schools approved." in told
    assert answers(parked) == [(["Approve"], EDITOR, "scheduled")] * 40


def test_of_more_than_are_answered_at_once_the_rest_is_to_be_ticked_again(
    pages: Pages, patched: Patched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST", 1)
    found = ticks(pages.get("waiting").text)
    tick = [found["green-abbey"], found["north-quay"]]
    answer = pages.post("waiting", data={"kind": "departures", "tick": tick})
    told = words(answer.text)
    assert "1 school approved. The first 1 were answered: tick the rest again (1 school)." in told
    assert "does not wait so any more" not in told
    assert len(patched) == 1
    assert ticks(answer.text).keys() == {"north-quay", "joining"}
    more = pages.post("waiting", data={"kind": "departures", "tick": [*tick, "0" * 64]})
    assert "tick the rest again (1 school). 1 tick not followed: what was ticked does not wait so" in words(more.text)


def test_a_tick_is_for_the_plan_that_was_shown_alone(pages: Pages, patched: Patched) -> None:
    tick = ticks(pages.get("waiting").text)["green-abbey"]
    ask(pages, "green-abbey", LEAVING.model_copy(update={"students": 7}))
    assert "1 tick not followed" in words(pages.post("waiting", data={"kind": "departures", "tick": tick}).text)
    ask(pages, "green-abbey", CROSSED)
    crossed = pages.post("waiting", data={"kind": "departures", "tick": [tick, "0" * 64]})
    assert "2 ticks not followed" in words(crossed.text)
    assert patched == []


def test_a_question_that_airflow_has_not_parked_yet_is_not_answered(pages: Pages, patched: Patched) -> None:
    ask(pages, "green-abbey", LEAVING, asked=datetime.now(UTC))
    tick = ticks(pages.get("waiting").text)["green-abbey"]
    told = words(pages.post("waiting", data={"kind": "departures", "tick": tick}).text)
    assert "it has asked only now: try again in half a minute" in told
    assert patched == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://evil.example.org"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver"}, 200),
        ({}, 200),
    ],
)
def test_a_form_of_another_site_approves_nothing(
    pages: Pages, patched: Patched, headers: dict[str, str], status: int
) -> None:
    tick = ticks(pages.get("waiting").text)["green-abbey"]
    own = {"Cookie": f"_token={pages.tokens[EDITOR]}", **headers}
    answer = pages.client.post("/student-sync/waiting", headers=own, data={"kind": "departures", "tick": tick})
    assert answer.status_code == status
    assert len(patched) == (status == 200)


def test_airflow_itself_refuses_what_it_does_not_know(pages: Pages) -> None:
    """The real one: no such task asks there."""
    tick = ticks(pages.get("waiting").text)["green-abbey"]
    told = words(pages.post("waiting", data={"kind": "departures", "tick": tick}).text)
    assert "School green-abbey : not approved, it does not ask any more." in told


@pytest.mark.parametrize(
    ("facts", "stage", "kind"),
    [
        (LEAVING, "approve_leavers", DEPARTURES),
        (CROSSED, "approve_leavers", ALONE),
        (LEAVING.model_copy(update={"reasons": ("The mark is gone.",)}), "approve_leavers", ALONE),
        (LEAVING.model_copy(update={"departure_reasons": ("a limit", "a rule")}), "approve_leavers", ALONE),
        (TWO_LIMITS, "approve_leavers", DEPARTURES),
        (EXPECTED, "approve_leavers", ALONE),
        (HALF_EXPECTED, "approve_leavers", ALONE),
        (HALF_EXPECTED.model_copy(update={"departing": {"of year 11": 50}}), "approve_leavers", DEPARTURES),
        (JOINING, "approve", JOINERS),
        (JOINING.model_copy(update={"reasons": ("a", "b")}), "approve", ALONE),
        (JOINING.model_copy(update={"departure_reasons": ("c",)}), "approve", ALONE),
        (planned(reasons=("The mark is gone.",)), "approve", ALONE),
        (planned(reasons=("a",), limits=(limit("clear"),)), "approve", ALONE),
        (planned(reasons=("a",), limits=(limit("reject"),)), "approve", ALONE),
        (planned(reasons=("a", "b"), limits=(limit("create"), limit("clear"))), "approve", ALONE),
    ],
)
def test_only_what_is_ordinary_is_answered_together(facts: PlanFacts, stage: str, kind: object) -> None:
    assert kind_of(facts, stage) is kind
