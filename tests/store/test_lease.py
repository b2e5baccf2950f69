"""Two runs of one school never use its SIMS, or write to its directory, at the same time (SPEC sections 2 and 7)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sims_sync.model.errors import PermanentFault, TransientFault
from sims_sync.store.folder import Folder
from sims_sync.store.lease import hold_lease
from sims_sync.store.local import LocalFolder

NO_TIME = timedelta(0)
SHORT = timedelta(seconds=0.4)
PROCESSES = multiprocessing.get_context("spawn")


@pytest.fixture
def folder(store: Folder) -> Folder:
    return store / "state"


def test_a_second_holder_is_refused_until_the_first_gives_it_back(folder: Folder) -> None:
    with (
        hold_lease(folder, "directory", "run A (load)"),
        pytest.raises(TransientFault, match=r"run A \(load\)"),
        hold_lease(folder, "directory", "run B (load)", wait=NO_TIME),
    ):
        raise AssertionError("both hold it")
    with hold_lease(folder, "directory", "run B (load)", wait=NO_TIME):
        pass


def test_it_is_given_back_when_the_block_fails(folder: Folder) -> None:
    with pytest.raises(ZeroDivisionError), hold_lease(folder, "directory", "run A (load)"):
        raise ZeroDivisionError
    with hold_lease(folder, "directory", "run B (load)", wait=NO_TIME):
        pass


def test_leases_of_other_names_and_schools_do_not_count(folder: Folder) -> None:
    with (
        hold_lease(folder, "directory", "run A (load)"),
        hold_lease(folder, "sims", "run A (extract)", wait=NO_TIME),
        hold_lease(folder / "other", "directory", "run B (load)", wait=NO_TIME),
    ):
        pass


def test_one_that_is_held_is_renewed(folder: Folder) -> None:
    with hold_lease(folder, "directory", "run A (load)", lifetime=SHORT) as lease:
        time.sleep(2.5 * SHORT.total_seconds())
        lease.check()
        with pytest.raises(TransientFault), hold_lease(folder, "directory", "run B (load)", wait=NO_TIME):
            raise AssertionError("both hold it")


def test_one_of_another_machine_that_was_not_renewed_may_be_taken_and_its_holder_stops(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lease(folder, "directory", "run A (load)") as stalled:
        stalled.renew(SHORT)  # and stand still until it is over
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(socket, "gethostname", lambda: "another-machine")
            with hold_lease(folder, "directory", "run B (load)", wait=timedelta(seconds=5)):
                with pytest.raises(TransientFault, match="ran out"):
                    stalled.check()
                with pytest.raises(TransientFault), hold_lease(folder, "directory", "run C", wait=NO_TIME):
                    raise AssertionError("both hold it")
    with hold_lease(folder, "directory", "run C", wait=NO_TIME) as lease:
        assert lease.number == 3


def _hold(folder: Path, held: Any) -> None:
    with hold_lease(LocalFolder(folder), "directory", "run A (load)"):
        held.set()
        time.sleep(60)


def test_one_whose_holder_was_killed_on_this_machine_is_free_at_once(tmp_path: Path) -> None:
    held = PROCESSES.Event()
    process = PROCESSES.Process(target=_hold, args=(tmp_path, held))
    process.start()
    assert held.wait(30)
    with pytest.raises(TransientFault), hold_lease(LocalFolder(tmp_path), "directory", "run B (load)", wait=NO_TIME):
        raise AssertionError("both hold it")
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with hold_lease(LocalFolder(tmp_path), "directory", "run B (load)", wait=NO_TIME):
        pass


def _add_one(folder: Path, times: int) -> None:
    counter = folder / "counter"
    for _ in range(times):
        with hold_lease(LocalFolder(folder), "directory", f"process {os.getpid()}", wait=timedelta(minutes=2)):
            number = int(counter.read_text())
            time.sleep(0.002)
            counter.write_text(str(number + 1))


def test_of_several_processes_at_once_one_holds_it(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    processes = [PROCESSES.Process(target=_add_one, args=(tmp_path, 5)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert (tmp_path / "counter").read_text() == "15"
    assert len(list(tmp_path.glob("*.lease.*"))) == 1, "old numbers are removed"


def test_a_clock_that_stands_still_for_the_holder_alone_does_not_help_it(folder: Folder) -> None:
    with hold_lease(folder, "directory", "run A (load)") as lease:
        lease.expires_at = datetime.now(UTC)
        with pytest.raises(TransientFault):
            lease.check()


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"{" * 5000, b"\xff", b'{"pid": "many"}', b"NaN"])
def test_a_file_of_a_lease_that_cannot_be_read_is_told_with_what_to_do(folder: Folder, content: bytes) -> None:
    folder.write("sims.lease.3", content)
    with (
        pytest.raises(PermanentFault, match=r"sims\.lease\.3 .* cannot be read.*remove it"),
        hold_lease(folder, "sims", "me"),
    ):
        pass
