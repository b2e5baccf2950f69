"""The store in each of its kinds: what holds for one holds for the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from object_store import object_store
from sims_sync.store.folder import Folder
from sims_sync.store.opening import open_store


@pytest.fixture(params=["a folder", "an object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return open_store(tmp_path) if request.param == "a folder" else object_store(tmp_path)


@pytest.fixture
def elsewhere(store: Folder, tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    """The same store, as another machine opened it."""
    return open_store(tmp_path) if request.node.callspec.params["store"] == "a folder" else object_store(tmp_path)
