"""A school without Airflow whose roll a test writes, on a real directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from night_schools import NightSchool

from csv_folder import CsvFolder
from sandbox.directory import server
from sims_sync.store.local import LocalFolder


@pytest.fixture
def school(tmp_path: Path) -> Iterator[NightSchool]:
    source = CsvFolder(tmp_path / "roll")
    source.folder.mkdir()
    with server.running(tmp_path / "directory.sqlite", token="token") as directory:
        yield NightSchool(LocalFolder(tmp_path / "store"), source, directory.url)
