"""A real StatsD server on loopback."""

from __future__ import annotations

import socket
from threading import Thread


class StatsD:
    """A StatsD server that keeps the lines that it gets."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            self.lines += self._socket.recv(65536).decode().splitlines()

    def about(self, name: str) -> list[str]:
        return [line for line in self.lines if name in line]
