"""A scripted server's answers, byte for byte."""

from __future__ import annotations

import re
import socketserver
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

Answer = Callable[["socketserver.StreamRequestHandler"], None]


@dataclass
class Script:
    """What the server does next, and what it saw."""

    url: str = ""
    answer: Answer = lambda handler: None
    requests: list[bytes] = field(default_factory=list)
    length: int = 0
    pause: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    def send(self, body: bytes, *, status: str = "200 OK", headers: str = "", cut: int | None = None) -> None:
        """Answer every request so; ``cut`` closes the connection after so many bytes."""
        lines = [
            f"HTTP/1.1 {status}",
            "Connection: close",
            "Content-Type: text/xml",
            f"Content-Length: {len(body)}",
            headers,
        ]
        whole = "\r\n".join(lines).encode() + b"\r\n" + body
        self.length = len(whole)
        self.answer = lambda handler: handler.wfile.write(whole[:cut])

    def send_documents(self, documents: dict[str, str]) -> None:
        """Answer each operation with its document."""

        def answer(handler: socketserver.StreamRequestHandler) -> None:
            operation = self.operations[-1]
            self.send(envelope(operation, documents[operation]))
            sent, self.answer = self.answer, answer
            sent(handler)

        self.answer = answer

    @property
    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [re.findall(rb"<[a-z0-9]+:(GetXml\w+)", request)[0].decode() for request in self.requests]

    def send_header_slowly(self, pause: float) -> None:
        """A header that never ends."""

        def answer(handler: socketserver.StreamRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(int(5 / pause)):
                handler.wfile.write(b"x")
                time.sleep(pause)

        self.answer = answer

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
