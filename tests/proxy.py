"""A reverse proxy on loopback that can spoil what passes: the hostile network between the sync and a real server.

Every request goes through :attr:`Proxy.meddle`, a function that answers it as it likes: by the real server's answer
(``forward(request)``), by one of its own, by a part of one, or by none::

    with proxy_to(broker.url) as proxy:
        proxy.meddle = lambda request, forward: Reply(503)
        proxy.meddle = lambda request, forward: replace(forward(request), cut=100)
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True)
class Request:
    """:param path: with the query, as it was sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the client gets.

    :param cut: close the connection after so many bytes of the body (-1: before the status line).
    :param pause: seconds between two bytes of the body.
    :param length: the Content-Length that is claimed; default: that of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0
    length: int | None = None


Forward = Callable[[Request], Reply]
Meddle = Callable[[Request, Forward], Reply]


def pass_on(request: Request, forward: Forward) -> Reply:
    """Spoil nothing."""
    return forward(request)


@dataclass
class Proxy:
    """:param url: the address of the target, seen through the proxy. :param seen: the requests so far."""

    url: str
    target: str
    meddle: Meddle = pass_on
    seen: list[Request] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def forward(self, request: Request) -> Reply:
        """The real server's answer."""
        parts = urlsplit(self.target)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
            connection.request(request.method, request.path, request.body or None, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Reply(answer.status, answer.read(), kept)
        finally:
            connection.close()


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """Runs a proxy on a free port of loopback while the block runs.

    :param target: the address of the real server, with its path.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers.items()), body)
            with proxy.lock:
                proxy.seen.append(request)
            with suppress(ConnectionError):
                self._send(proxy.meddle(request, proxy.forward))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

        def _send(self, reply: Reply) -> None:
            self.close_connection = True
            if reply.cut is not None and reply.cut < 0:
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "text/xml", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.send_header("Connection", "close")
            self.end_headers()
            body = reply.body if reply.cut is None else reply.body[: reply.cut]
            if not reply.pause:
                self.wfile.write(body)
                return
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(reply.pause)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        parts = urlsplit(target)
        proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}{parts.path}", target)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()
