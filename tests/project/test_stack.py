"""The launcher of a local stack: what it starts, it stops."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from sandbox.processes import ProcessEnded, Processes, free_port, stop_leftovers
from sandbox.stack import PortInUse, Stack


def test_a_process_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("broker", [sys.executable, "-c", "raise SystemExit('no such database')"], os.environ)
        with pytest.raises(ProcessEnded, match=r"(?s)broker ended with code 1.*\| no such database"):
            processes.wait_until(lambda: False, "never")


def test_what_takes_too_long_is_a_clear_error(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(TimeoutError, match="The broker answers: not within 1 s"):
        processes.wait_until(lambda: False, "The broker answers", timeout=1)


def test_halted_processes_stand_still_and_go_on(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        counting = "while True: print('tick', flush=True); __import__('time').sleep(0.01)"
        processes.start("clock", [sys.executable, "-c", counting], os.environ)
        log = processes.log("clock")
        processes.wait_until(lambda: log.stat().st_size > 0, "it ticks")
        with processes.halted():
            time.sleep(0.1)  # until the signal has arrived
            ticks = log.stat().st_size
            time.sleep(0.3)
            assert log.stat().st_size == ticks
        processes.wait_until(lambda: log.stat().st_size > ticks, "it ticks again")


PARENT_WITH_A_STUBBORN_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.processes.STOP_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
def test_a_process_that_ignores_the_signal_is_stopped_with_its_children_after_an_error(tmp_path: Path) -> None:
    family: list[psutil.Process] = []

    def fail_after_a_start() -> None:
        with Processes(tmp_path) as processes:
            family.extend(_start_stubborn(processes))
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        fail_after_a_start()
    assert len(family) == 2
    assert not [member for member in family if _runs(member)]
    assert not (tmp_path / "processes.json").exists()


@pytest.mark.usefixtures("impatient")
def test_what_a_killed_launcher_left_running_is_stopped_by_the_next(tmp_path: Path) -> None:
    launcher = Processes(tmp_path)
    launcher.__enter__()
    family = _start_stubborn(launcher)
    stop_leftovers(tmp_path)
    for process in launcher._started.values():
        process.wait()
    assert not [member for member in family if _runs(member)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _start_stubborn(processes: Processes) -> list[psutil.Process]:
    processes.start("stubborn", [sys.executable, "-c", PARENT_WITH_A_STUBBORN_CHILD], os.environ)
    log = processes.log("stubborn")
    processes.wait_until(lambda: "ready" in log.read_text(), "ready", timeout=20)
    (leader,) = (psutil.Process(process.pid) for process in processes._started.values())
    return [leader, *leader.children()]


# The interrupt may come while psutil reads a file, which nobody closes then.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_the_middle_of_a_start_leaves_no_process_behind(tmp_path: Path) -> None:
    others = psutil.Process().children()  # of tests that ran before in this process
    for tenths in range(60):
        interrupt = threading.Timer(tenths / 10_000, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
        with contextlib.suppress(KeyboardInterrupt), Processes(tmp_path) as processes:
            interrupt.start()
            processes.start("sleeper", ["sleep", "600"], os.environ)
            time.sleep(10)
        assert set(psutil.Process().children()) <= set(others), f"interrupted after {tenths / 10} ms"


def test_an_earlier_number_that_went_to_another_process_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "processes.json").write_text(f'{{"{os.getpid()}": 1.0}}')
    earlier = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    stop_leftovers(tmp_path)
    signal.signal(signal.SIGTERM, earlier)


def test_a_port_in_use_is_a_clear_error_and_without_a_wish_another_is_taken(tmp_path: Path) -> None:
    schools = tmp_path / "schools.yaml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} is in use"):
            Stack(tmp_path, schools_config=schools, ui_port=port)
    wished = free_port()
    assert Stack(tmp_path, schools_config=schools, ui_port=wished).url == f"http://127.0.0.1:{wished}"


def test_the_callers_own_airflow_does_not_get_into_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("AIRFLOW_CONN_SIMS_GREEN_ABBEY", "http://somewhere.example.org")
    monkeypatch.setenv("SIMS_SYNC_STORE", "/srv/store")
    environment = Stack(tmp_path, schools_config=tmp_path / "schools.yaml").environment
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert "AIRFLOW_CONN_SIMS_GREEN_ABBEY" not in environment
    assert environment["SIMS_SYNC_STORE"] == str(tmp_path / "store")
