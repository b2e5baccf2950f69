"""1,000 schools with 30 runs each render fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from invented_runs import error, write_config, write_report
from ui_client import Pages

from sims_sync.ui.tables import PAGE

SCHOOLS, RUNS = 1000, 30


@pytest.fixture(scope="module")
def many(pages: Pages, know_dags: Callable[..., None]) -> Pages:
    """1,000 schools; one in ten has failed, one in three has records to fix."""
    now = datetime.now(UTC)
    write_config(pages.config, [{"id": f"school-{number}"} for number in range(SCHOOLS)])
    know_dags({f"school-{number}": {"night-0": ("success", now)} for number in range(SCHOOLS)})
    for number in range(SCHOOLS):
        for night in range(RUNS):
            write_report(
                pages.root,
                f"school-{number}",
                f"night-{night}",
                ended=now - timedelta(days=night),
                outcome="failed" if number % 10 == 0 and night == 0 else "success",
                errors=[error(person) for person in range(20 if number % 3 == 0 else 0)],
                extracted=1000,
                updated=(number + night) % 7,
                unchanged=980,
            )
    return pages


def test_the_page_of_1000_schools_is_there_within_seconds_and_then_at_once(many: Pages) -> None:
    many.get("nothing-here")  # the login
    first, first_seconds = _timed(many)
    again, seconds = _timed(many)
    print(f"{first_seconds:.2f} s the first time, {seconds:.2f} s then; {len(first.content):,} bytes")  # noqa: T201
    assert first.status_code == again.status_code == 200
    assert first.text.count('<tr class="tone-') == PAGE
    assert "100 schools need you" in first.text
    assert len(first.content) < 500_000
    assert first_seconds < 20
    assert seconds < 3


def _timed(many: Pages) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = many.get()
    return answer, time.perf_counter() - began
