"""What a task logs of its libraries and of Python: no text that could hold a value (SPEC section 9)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sims_sync.airflow import running as module
from sims_sync.airflow.running import running
from sims_sync.airflow.what_to_do import after_failure, before_retry
from sims_sync.model.errors import PermanentFault, SyncError

VALUE = "Quillfeather"


@pytest.fixture
def in_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., None]) -> Any:
    """Opens a stage as a task does."""
    monkeypatch.setenv("SIMS_SYNC_STORE", str(tmp_path))
    params = {"dry_run": False, "effective_date": None, "only_person_ids": None, "allow_older": False}
    dag_run = SimpleNamespace(logical_date=datetime(2026, 9, 15, tzinfo=UTC))
    context = {"run_id": "manual__1", "dag_run": dag_run, "params": params}
    monkeypatch.setattr(module, "get_current_context", lambda: context)

    @contextmanager
    def stage() -> Iterator[None]:
        with running("extract", "green-abbey"):
            yield

    return stage


def test_a_warning_is_told_by_its_kind_and_place(in_a_task: Any, caplog: pytest.LogCaptureFixture) -> None:
    with in_a_task(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"cannot serialise {VALUE}", UserWarning, stacklevel=1)
    assert "UserWarning at " in caplog.text
    assert VALUE not in caplog.text


def test_what_a_library_logs_below_a_warning_is_not_told(in_a_task: Any, caplog: pytest.LogCaptureFixture) -> None:
    library = logging.getLogger("botocore.endpoint")
    caplog.set_level(logging.DEBUG)
    with in_a_task():
        library.debug("Making request with %s", VALUE)
        library.info("Made request with %s", VALUE)
    assert VALUE not in caplog.text


@pytest.mark.parametrize("fault", [SyncError("in plain words"), PermanentFault("in plain words")])
def test_a_fault_does_not_say_what_it_came_from(in_a_task: Any, fault: SyncError) -> None:
    def convert() -> None:
        try:
            raise ValueError(VALUE)
        except ValueError as error:
            raise fault from error

    with pytest.raises(SyncError, match="in plain words") as caught, in_a_task():
        convert()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PermanentFault("It is so.", advice="Correct the connection."), "Correct the connection."),
        (SyncError("It is so."), "Put right what the message says, then clear the failed task"),
        (ValueError(VALUE), "Put right what the message says, then clear the failed task"),
        (None, "Put right what the message says, then clear the failed task"),
    ],
)
def test_the_last_line_says_what_to_do_outside_of_the_group_that_is_folded(
    caplog: pytest.LogCaptureFixture, error: Exception | None, advice: str
) -> None:
    caplog.set_level(logging.INFO)
    after_failure({"exception": error})
    end_of_group, last = caplog.messages
    assert end_of_group == "::endgroup::"
    assert last.startswith(f"What to do: {advice}")
    assert VALUE not in last


def test_a_task_that_is_tried_again_says_that_there_is_nothing_to_do(caplog: pytest.LogCaptureFixture) -> None:
    before_retry({"exception": SyncError("It is so.", advice="Look.")})
    assert caplog.messages[-1].startswith("What to do: nothing yet.")
