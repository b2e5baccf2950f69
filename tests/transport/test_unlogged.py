"""What libraries log while the sync talks goes nowhere, at whatever level, from whatever logger (SPEC section 9)."""

from __future__ import annotations

import logging

import pytest

from sims_sync.transport.unlogged import unlogged

LIBRARIES = ("urllib3.connection", "urllib3.util.retry", "zeep.xsd.types.simple", "lxml", "some.library.of.somebody")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in LIBRARIES:
        logging.getLogger(name)
    caplog.set_level(logging.DEBUG)
    return caplog


def speak(level: int) -> None:
    for name in (*LIBRARIES, "sims_sync.somewhere"):
        logging.getLogger(name).log(level, "%s speaks at %d", name, level)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, logging.CRITICAL])
def test_only_the_product_speaks(level: int, log: pytest.LogCaptureFixture) -> None:
    with unlogged():
        speak(level)
    assert log.messages == [f"sims_sync.somewhere speaks at {level}"]
    log.clear()
    speak(level)
    assert len(log.messages) == len(LIBRARIES) + 1, "afterwards all do"


def test_within_a_task_warnings_of_libraries_go_on_but_not_within_a_request(log: pytest.LogCaptureFixture) -> None:
    with unlogged(below=logging.WARNING):
        speak(logging.INFO)
        assert len(log.messages) == 1
        with unlogged():
            speak(logging.ERROR)
        assert len(log.messages) == 2
        speak(logging.WARNING)
    assert len(log.messages) == 2 + len(LIBRARIES) + 1


def test_one_logger_may_speak_at_debug(log: pytest.LogCaptureFixture) -> None:
    with unlogged(but="lxml"):
        speak(logging.DEBUG)
        speak(logging.WARNING)
    assert [record.name for record in log.records] == ["lxml", "sims_sync.somewhere", "sims_sync.somewhere"]
