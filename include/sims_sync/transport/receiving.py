"""Answers within bounds of size and time (SPEC section 9), whatever the other side sends.

What is unpacked is unpacked here, and not by urllib3: there a stream of packed nothing is read for ever in one call,
and what may be packed depends on the libraries that happen to be installed.
"""

from __future__ import annotations

import contextvars
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

import requests
from urllib3.exceptions import DecodeError

ACCEPT_ENCODING = "gzip, deflate"
"""What is offered, and all that is unpacked."""

_GZIP = 16 + zlib.MAX_WBITS
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_MOST_LAYERS = 5
_CHUNK = 2**16

_Answer = TypeVar("_Answer")


class TooLarge(requests.RequestException):
    """More came, or is announced, than is allowed; the text says how much that is."""


class TooSlow(requests.Timeout):
    """The whole is not there in time; the text says in what time."""


class CutShort(requests.ConnectionError):
    """Less came than was announced."""


def in_time(call: Callable[[], _Answer], seconds: float, name: str) -> _Answer:
    """Make a call on a thread of its own: no time-out of a socket bounds an answer whose header trickles in.

    A call that is given up goes on until the other side ends it, and nobody hears of it.

    :param name: of the thread.
    :raises TooSlow: it takes longer.
    """
    answer: Future[_Answer] = Future()
    context = contextvars.copy_context()

    def make() -> None:
        try:
            answer.set_result(context.run(call))
        except BaseException as error:  # raised again in the caller's thread
            answer.set_exception(error)

    threading.Thread(target=make, name=name, daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        if answer.done():  # the call's own
            raise
        raise too_slow(seconds) from None


def pieces(response: requests.Response, *, max_bytes: int, seconds: float) -> Iterator[bytes]:
    """The body of an answer that was asked for with ``stream``, as it comes, unpacked.

    :param max_bytes: of the body, both as it comes and unpacked.
    :param seconds: for the whole of it.
    :raises TooLarge: it is larger, or says so.
    :raises TooSlow: it takes longer.
    :raises CutShort: it is smaller than it says.
    :raises DecodeError: it is not packed as it says, or in a way that was not offered.
    """
    deadline = time.monotonic() + seconds
    body: Iterable[bytes] = _received(response, max_bytes)
    for layer in _layers(response):
        body = _unpacked(body, layer)
    size = 0
    for piece in body:
        size += len(piece)
        _check_size(size, max_bytes)
        if time.monotonic() > deadline:
            raise too_slow(seconds)
        yield piece


def too_slow(seconds: float) -> TooSlow:
    """The whole is not there in time."""
    return TooSlow(f"no whole answer within {seconds:.0f} s")


def _received(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    """The body as it comes."""
    size = 0
    _check_size(response.raw.length_remaining or 0, max_bytes)
    # read1 gives what has come; iter_content would wait for a whole chunk, however slowly it trickles in.
    while piece := response.raw.read1(_CHUNK, decode_content=False):
        size += len(piece)
        _check_size(size, max_bytes)
        yield piece
    if response.raw.length_remaining:
        raise CutShort("an answer that was cut short")


def _layers(response: requests.Response) -> list[str]:
    """How the body is packed, the outermost first (RFC 9110 section 8.4)."""
    named = [name.strip().lower() for name in response.headers.get("Content-Encoding", "").split(",")]
    layers = [name for name in reversed(named) if name not in ("", "identity")]
    if len(layers) > _MOST_LAYERS or not _PACKED.issuperset(layers):
        raise DecodeError("packed in a way that was not offered")
    return layers


def _unpacked(packed: Iterable[bytes], layer: str) -> Iterator[bytes]:
    """One layer unpacked, in pieces of a bounded size; some may be empty.

    What follows the end of a gzip file is another one, or is ignored, as browsers do.
    """
    unpacker, ended = None, False
    for piece in packed:
        while piece or unpacker is None:
            unpacker = unpacker or zlib.decompressobj(_window(layer, piece))
            try:
                yield unpacker.decompress(piece, _CHUNK)
            except zlib.error:
                if ended:
                    return
                raise DecodeError("not packed as its header says") from None
            piece = unpacker.unconsumed_tail
            if unpacker.eof:
                piece, ended, unpacker = unpacker.unused_data, True, None
                if not piece:
                    break
    while unpacker is not None and (rest := unpacker.decompress(b"", _CHUNK)):
        yield rest


def _window(layer: str, beginning: bytes) -> int:
    """What zlib calls the format. Many send ``deflate`` without the header of RFC 1950, which would begin with an 8."""
    if layer != "deflate":
        return _GZIP
    return zlib.MAX_WBITS if beginning[:1] and beginning[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise TooLarge(f"more than the {max_bytes // 2**20} MB allowed")
