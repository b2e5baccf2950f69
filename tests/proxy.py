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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

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
    :param pause: seconds between two bytes of the body (two pieces, where it is a stream). A slow answer ends when
        :attr:`Proxy.meddle` is set anew.
    :param length: the Content-Length that is claimed; default: that of the body.
    :param slow_head: the pause is between two bytes of the status line and the headers, too.
    :param stream: instead of a body its pieces, which are sent as they come and never held; without a length in chunks.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0
    length: int | None = None
    slow_head: bool = False
    stream: Iterable[bytes] | None = None


Forward = Callable[[Request], Reply]
Meddle = Callable[[Request, Forward], Reply]


def pass_on(request: Request, forward: Forward) -> Reply:
    """Spoil nothing."""
    return forward(request)


@dataclass
class Proxy:
    """:param url: the address of the target, seen through the proxy.
    :param seen: the requests so far.
    """

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
def proxy_to(target: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[Proxy]:
    """Runs a proxy, by default on a free port of loopback, while the block runs.

    :param target: the address of the real server, with its path.
    """
    with _Server((host, port), _Handler) as server:
        server.proxy = Proxy(f"http://{host}:{server.server_address[1]}{urlsplit(target).path}", target)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.proxy
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        with proxy.lock:
            proxy.seen.append(request)
        meddle = proxy.meddle
        self.close_connection = True
        with suppress(ConnectionError):
            reply = meddle(request, proxy.forward)
            if reply.cut is not None and reply.cut < 0:
                return
            for piece in self._pieces(reply):
                if reply.pause and proxy.meddle is not meddle:
                    return
                self.wfile.write(piece)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

    def _pieces(self, reply: Reply) -> Iterator[bytes]:
        yield from _paced([self._head(reply)], reply.pause if reply.slow_head else 0)
        yield from _paced(_body(reply), reply.pause, whole=reply.stream is not None)

    def _head(self, reply: Reply) -> bytes:
        self.send_response(reply.status)
        for name, value in CaseInsensitiveDict({"Content-Type": "text/xml", **reply.headers}).items():
            self.send_header(name, value)
        if _chunked(reply):
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.send_header("Connection", "close")
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer.clear()
        return head

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _paced(pieces: Iterable[bytes], pause: float, *, whole: bool = False) -> Iterator[bytes]:
    """The pieces at once, or byte by byte (``whole``: piece by piece) with pauses."""
    for piece in pieces:
        for part in [piece] if whole or not pause else (bytes([byte]) for byte in piece):
            yield part
            if pause:
                time.sleep(pause)


def _body(reply: Reply) -> Iterable[bytes]:
    if reply.stream is None:
        return [reply.body if reply.cut is None else reply.body[: reply.cut]]
    return _chunks(reply.stream) if _chunked(reply) else reply.stream


def _chunked(reply: Reply) -> bool:
    return reply.stream is not None and reply.length is None


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 9112, section 7.1."""
    for piece in filter(None, pieces):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
