"""A directory on loopback whose answers the test writes, and clients of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import requests

from sims_sync.directory.discovery import Capabilities
from sims_sync.directory.mapping import STANDARD
from sims_sync.directory.scim_client import Directory
from sims_sync.directory.session import Endpoint, scim_adapter

NAME = "directory_green_abbey"
ETAGS = Capabilities(
    patch=True,
    bulk=None,
    filter=True,
    sort=False,
    etag=True,
    genders=None,
    sync_reports="/SyncReports",
)
"""The capabilities that most tests need; the others are variations of it."""

Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and the body: bytes as they are, anything else as JSON."""
Respond = Callable[[str, str, Any], Answer]
"""From method, path with query, and the body as JSON, to the answer."""


class ScriptedDirectory:
    """:param seen: the requests so far, such as ``GET /Users``.
    :param trickle: seconds between two bytes of a body.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[str] = []
        self.trickle = 0.0
        self.respond: Respond = lambda *_: (500, {}, {})

    def answer(self, *answers: Answer) -> None:
        """Answer the next requests so, whatever they ask for; the last answer stays."""
        left = list(answers)
        self.respond = lambda *_: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def scripted_directory() -> Iterator[ScriptedDirectory]:
    """Runs the directory on a free port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            status, headers, body = script.respond(self.command, self.path, json.loads(sent) if sent else None)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # the client may hang up
                for start in range(0, len(content), step := 1 if script.trickle else len(content)):
                    self.wfile.write(content[start : start + step])
                    time.sleep(script.trickle)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        script = ScriptedDirectory(f"http://127.0.0.1:{http.server_address[1]}")
        try:
            yield script
        finally:
            http.shutdown()


def session() -> requests.Session:
    """A session as the product's, with a token."""
    made = requests.Session()
    made.mount("http://", scim_adapter())
    made.headers["Authorization"] = "Bearer token"
    return made


def endpoint(url: str) -> Endpoint:
    """A directory at a base URL, as the product speaks to it."""
    return Endpoint(session(), url, NAME)


def directory_at(url: str, capabilities: Capabilities = ETAGS) -> Directory:
    """A client of the directory at a base URL."""
    return Directory(endpoint(url), capabilities, STANDARD)
