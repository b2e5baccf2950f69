"""``python -m sandbox.sims``, as a person starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "sandbox.sims"]
FILL = [*COMMAND, "fill", "--students", "20", "--today", "2026-09-15"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def serve(database: Path, port: str = "0") -> subprocess.Popen[str]:
    command = [*COMMAND, "serve", "--database", str(database), "--port", port, "--username", "u", "--password", "p"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_help_says_what_the_commands_do() -> None:
    for arguments in (["--help"], ["fill", "--help"], ["serve", "--help"]):
        shown = run(*arguments)
        assert shown.returncode == 0
        assert "sandbox.sims" in shown.stdout


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_filled_school_is_served_until_it_is_stopped(
    tmp_path: Path, connect: Callable[..., Any], stop: signal.Signals
) -> None:
    database = tmp_path / "sims.sqlite"
    subprocess.run([*FILL, "--database", str(database), "--estab", "0042"], check=True, capture_output=True)
    with serve(database) as server:
        try:
            line = server.stdout.readline()
            assert line.startswith("SIMS broker of Green Abbey School ready at http://127.0.0.1:")
            broker = SimpleNamespace(url=line.split(" ready at ")[1].split()[0])
            assert "<Estab>0042</Estab>" in connect(broker, username="u", password="p").GetXmlSchool()
            with serve(database, broker.url.split(":")[2].split("/")[0]) as second:
                assert second.wait(30) == 1
                complaint = second.stderr.read()
            assert "in use" in complaint
            assert "--port" in complaint
            assert "Traceback" not in complaint
        finally:
            server.send_signal(stop)
            server.wait(30)
        assert "Traceback" not in server.stderr.read()


def test_a_school_that_is_not_there_is_an_error_that_says_how_to_make_it(tmp_path: Path) -> None:
    for database in (tmp_path / "none.sqlite", tmp_path):
        failed = run("serve", "--database", str(database))
        assert failed.returncode == 1
        assert "sandbox.sims fill" in failed.stderr


def test_a_wrong_number_of_students_is_an_error(tmp_path: Path) -> None:
    failed = run("fill", "--database", str(tmp_path / "sims.sqlite"), "--students", "5")
    assert failed.returncode == 1
    assert "10 to 100000" in failed.stderr


def test_fill_can_list_its_cases(tmp_path: Path) -> None:
    command = [*FILL, "--database", str(tmp_path / "sims.sqlite"), "--cases"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "returner" in listed
    assert "20 students on roll on 2026-09-15" in listed
