from __future__ import annotations

import pytest
import requests

from sandbox.directory.server import running
from stock import stock_server

TOKEN = "directory-token"


@pytest.fixture
def directory(tmp_path, request):
    """A running directory; parametrise it indirectly with a dict of capabilities."""
    with running(tmp_path / "directory.sqlite", token=TOKEN, **getattr(request, "param", {})) as directory:
        yield directory


@pytest.fixture
def scim(directory):
    """Sends a request below the directory's base URL: ``scim("POST", "/Users", {...})``."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {directory.token}"

        def send(method, path, body=None, **options):
            return session.request(method, directory.url + path, json=body, timeout=10, **options)

        yield send


@pytest.fixture
def stock_directory(request, tmp_path):
    """The stock scim2-server command; parametrise it indirectly with the arguments of ``stock_server``."""
    options = {"extension": True, "token": "stock-token"} | getattr(request, "param", {})
    with stock_server(tmp_path, **options) as stock:
        yield stock
