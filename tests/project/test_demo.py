"""``make demo``: the invented school's nights, from nothing to the reports."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox import demo
from sandbox.demo_output import Output

NIGHTS_SECONDS = 500


@contextlib.contextmanager
def _demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sandbox.demo", "--folder", str(folder), "--students", "50", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        try:
            yield demo
        finally:
            demo.terminate()


def _left_running(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.environ().get("AIRFLOW_HOME", ""):
                found.append(f"{process.pid} {process.name()} {process.status()}")
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(NIGHTS_SECONDS + 30)
def test_the_demo_runs_its_nights_shows_their_reports_and_stops_every_process(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "of-an-earlier-demo").touch()
    with _demo(tmp_path, "--once") as demo:
        output, _ = demo.communicate(timeout=NIGHTS_SECONDS)
    assert demo.returncode == 0, output
    runs = sorted((tmp_path / "store" / "green-abbey").glob("*-night-*"))
    assert [run.name.partition("-")[0] for run in runs] == ["first", "second", "third"], output
    reports = [json.loads((run / "report.json").read_text()) for run in runs]
    assert [report["outcome"] for report in reports] == ["success"] * 3, output
    counts = [report["counts"] for report in reports]
    assert counts[0]["created"] == counts[0]["extracted"] - counts[0]["rejected"] > 0
    for happened in ("created", "updated", "unchanged", "disabled", "rejected"):
        assert counts[1][happened] > 0, happened
        assert counts[2][happened] > 0, happened
    assert counts[2]["enabled"] == 1, "the returner"
    assert output.count("Outcome: success") == 3
    assert "user admin   password" in output
    directory = re.search(r"Directory  (\S+)   token (\S+)", output)
    assert directory
    assert re.search(r"SIMS       \S+   user sync   password \S+", output)
    assert "Mails      " + str(tmp_path / "mails" / "index.html") in output
    assert "records to correct" in (tmp_path / "mails" / "index.html").read_text()
    assert "\x1b" not in output
    assert not (tmp_path / "store" / "of-an-earlier-demo").exists()
    assert _left_running(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_stops_every_process_when_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    with _demo(tmp_path) as demo:
        deadline = time.monotonic() + 60
        while not (tmp_path / "logs" / "sims.log").exists():
            assert demo.poll() is None, demo.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        demo.send_signal(number)
        output, _ = demo.communicate(timeout=60)
    assert "Interrupted; every process is stopped." in output
    assert demo.returncode == 130
    assert _left_running(tmp_path) == []


def test_a_second_demo_beside_a_running_one_is_a_clear_error(tmp_path: Path) -> None:
    running = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(running, fcntl.LOCK_EX)
    with _demo(tmp_path) as demo:
        output, _ = demo.communicate(timeout=60)
    os.close(running)
    assert "A demo runs already" in output
    assert demo.returncode == 1


def test_a_report_is_shown_as_tables_without_the_codes_of_a_terminal() -> None:
    counts = dict.fromkeys(
        ("extracted", "created", "updated", "enabled", "unchanged", "rejected", "failed", "disabled", "warnings"), 0
    )
    error = {"person_id": None, "school_identifier": "004604", "code": "no_person_id", "message": "[bold]no id[/bold]"}
    report = {
        "outcome": "failed",
        "reason": "extract failed: the password is wrong",
        "counts": {**counts, "extracted": 1234},
        "errors": [error] * 20,
        "warnings": [{"code": "gender_unknown"}, {"code": "invalid_date"}, {"code": "gender_unknown"}],
    }
    stream = io.StringIO()
    Output(stream).report(report)
    shown = stream.getvalue()
    assert "\x1b" not in shown
    assert "Outcome: failed" in shown
    assert "the password is wrong" in shown
    assert "1234" in shown
    assert shown.count("004604") == 12
    assert "[bold]no id[/bold]" in shown
    assert "8 more in errors.csv" in shown
    assert shown.index("gender_unknown") < shown.index("invalid_date")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--students", "3", "A school has 10 to 100000 students."),
        ("--students", "many", "A school has 10 to 100000 students."),
        ("--port", "99999", "Give a port from 1024 to 65535."),
        ("--port", "0", "Give a port from 1024 to 65535."),
    ],
)
def test_a_number_that_cannot_be_is_said_before_anything_begins(
    option: str, value: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        demo.main([option, value, "--folder", str(tmp_path / "demo")])
    assert told in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
