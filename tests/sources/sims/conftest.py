"""A scripted server on loopback: SIMS's bad answers."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest
from scripted_sims import Script

from sims_sync.sources.sims.client import SimsClient


@pytest.fixture
def script() -> Iterator[Script]:
    """The scripted server."""
    script = Script()
    lock = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            with lock:
                script.requests.append(self.rfile.read(length))
                script.at_once += 1
                script.most_at_once = max(script.most_at_once, script.at_once)
            time.sleep(script.pause)
            with lock:
                script.at_once -= 1  # before the answer: after it, the client's next call races with this line
            with contextlib.suppress(OSError):  # the client may hang up
                script.answer(self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_address[1]}/ThirdParty.svc"
        yield script
        server.shutdown()


@pytest.fixture
def client(script: Script) -> SimsClient:
    """A client of the scripted server, in more haste than usual."""
    return SimsClient(
        script.url,
        "sync",
        "secret",
        connection_name="sims_green_abbey",
        max_bytes=2**20,
        read_seconds=0.5,
        call_seconds=1.0,
    )
