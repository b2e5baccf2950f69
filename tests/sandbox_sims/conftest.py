"""A real SOAP client for a real broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from zeep import Client, Settings
from zeep.wsse.username import UsernameToken

from sandbox.sims.database import Database


@pytest.fixture
def school(tmp_path: Path) -> Database:
    database = Database(tmp_path / "sims.sqlite")
    database.put_school(name="Green Abbey School", la="823", estab="4321")
    return database


@pytest.fixture
def connect() -> Callable[..., Any]:
    """``connect(broker)`` is zeep's service proxy of that broker, by the WSDL that it serves."""

    def connect(broker: Any, *, username: str = "sims", password: str = "sims", digest: bool = False) -> Any:  # noqa: S107
        token = UsernameToken(username, password, use_digest=digest)
        return Client(f"{broker.url}?wsdl", wsse=token, settings=Settings(xml_huge_tree=True)).service

    return connect
