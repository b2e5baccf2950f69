"""A scripted server on loopback: SIMS's bad answers, byte for byte."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import pytest

from sims_sync.sims.client import SimsClient

Answer = Callable[["socketserver.StreamRequestHandler"], None]


@dataclass
class Script:
    """What the server does next, and what it saw."""

    url: str = ""
    answer: Answer = lambda handler: None
    requests: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def send(self, body: bytes, *, status: str = "200 OK", headers: str = "", cut: int | None = None) -> None:
        """Answer every request so; ``cut`` closes the connection after so many bytes."""
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
        self.answer = lambda handler: handler.wfile.write((head + body)[:cut])

    def send_slowly(self, body: bytes, pause: float) -> None:
        """Answer byte by byte."""

        def answer(handler: socketserver.StreamRequestHandler) -> None:
            handler.wfile.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            for byte in body:
                handler.wfile.write(bytes([byte]))
                time.sleep(pause)

        self.answer = answer


def envelope(operation: str, document: str) -> bytes:
    """A SOAP answer with a document as its string."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<{operation}Response xmlns="urn:sims:thirdparty:v1"><{operation}Result>{escape(document)}</{operation}Result>'
        f"</{operation}Response></s:Body></s:Envelope>"
    ).encode()


def fault(code: str, detail: str = "") -> bytes:
    """A SOAP fault."""
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><s:Body><s:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>Ada Archer is unwell</faultstring>{detail}"
        "</s:Fault></s:Body></s:Envelope>"
    ).encode()


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
            try:
                script.answer(self)
            except OSError:
                return  # the client has hung up
            finally:
                with lock:
                    script.at_once -= 1

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
