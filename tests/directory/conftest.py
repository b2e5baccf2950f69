"""A school with a roll of CSV files and a directory: a real one, with a proxy between that sees and meddles; or one in
this process that is odd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_directory import OddDirectory, odd_directory
from pupils import KnowsAll

from csv_folder import CsvFolder
from proxy import Proxy, proxy_to
from sandbox.directory import server
from schools_without_airflow import SchoolWithoutAirflow
from sims_sync.store.local import LocalFolder


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with (
        server.running(tmp_path / "directory.sqlite", token="token", bulk=False) as directory,
        proxy_to(directory.url) as proxy,
    ):
        yield proxy


@pytest.fixture
def school(tmp_path: Path, proxy: Proxy) -> SchoolWithoutAirflow:
    (tmp_path / "source").mkdir()
    return SchoolWithoutAirflow(LocalFolder(tmp_path / "store"), CsvFolder(tmp_path / "source"), proxy.url)


@pytest.fixture
def odd() -> Iterator[OddDirectory]:
    with odd_directory() as odd:
        yield odd


@pytest.fixture
def odd_school(tmp_path: Path, odd: OddDirectory) -> SchoolWithoutAirflow:
    """A school whose directory is the odd one."""
    (tmp_path / "source").mkdir()
    return SchoolWithoutAirflow(LocalFolder(tmp_path / "store"), KnowsAll(tmp_path / "source"), odd.url, token=None)
