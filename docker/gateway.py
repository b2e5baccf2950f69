"""The address of the gateway of this container's network: from there comes what reaches a published port of it."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

_DEFAULT = "00000000"


def gateway(routes: str) -> str:
    """The gateway of the default route.

    :param routes: ``/proc/net/route``: a head; then of each route interface, destination, gateway, in hexadecimal.
    :raises LookupError: there is no default route.
    """
    for line in routes.splitlines()[1:]:
        _, destination, address, *_ = line.split()
        if destination == _DEFAULT and address != _DEFAULT:
            return socket.inet_ntoa(struct.pack("<L", int(address, 16)))
    raise LookupError(
        "This container has no default route. Set PROXY_ADDRESS: from where does the reverse proxy speak?"
    )


if __name__ == "__main__":
    sys.stdout.write(gateway(Path("/proc/net/route").read_text("ascii")))
