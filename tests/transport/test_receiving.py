"""An answer is received within bounds of size and time, whatever it is packed in (SPEC section 9)."""

from __future__ import annotations

import gzip
import io
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError, ProtocolError

from sims_sync.transport.receiving import CutShort, TooLarge, TooSlow, in_time, pieces

BODY = b"invented " * 20_000
MB = 2**20


def response(body: Any, encoding: str = "", length: int | None = None) -> requests.Response:
    made = requests.Response()
    made.headers["Content-Encoding"] = encoding
    made.raw = HTTPResponse(body if hasattr(body, "read1") else io.BytesIO(body), preload_content=False)
    made.raw.length_remaining = length
    return made


def received(answer: requests.Response, max_bytes: int = MB, seconds: float = 10) -> bytes:
    return b"".join(pieces(answer, max_bytes=max_bytes, seconds=seconds))


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "not at all": ("", bytes),
    "as itself": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "gzip by its old name": ("X-GZip", gzip.compress),
    "gzip in two files": ("gzip", lambda body: gzip.compress(body[:99]) + gzip.compress(body[99:])),
    "gzip and what is no gzip": ("gzip", lambda body: gzip.compress(body) + b"no gzip at all"),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", raw_deflate),
    "twice": ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
}


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("size", [0, 1, 99, len(BODY)])
def test_what_is_packed_is_unpacked(how: str, size: int) -> None:
    encoding, pack = PACKED[how]
    assert received(response(pack(BODY[:size]), encoding)) == BODY[:size]


@pytest.mark.parametrize("how", PACKED)
def test_a_body_over_the_limit_is_refused_however_it_is_packed(how: str) -> None:
    encoding, pack = PACKED[how]
    answer = response(pack(b" " * 3 * MB), encoding)
    with pytest.raises(TooLarge, match="more than the 1 MB allowed"):
        received(answer)


def test_a_body_that_says_that_it_is_over_the_limit_is_not_read() -> None:
    answer = response(b"")
    answer.raw.length_remaining, answer.raw.read1 = MB + 1, None
    with pytest.raises(TooLarge):
        received(answer)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "x", ", ".join(["gzip"] * 6)])
def test_what_was_not_offered_is_not_unpacked(encoding: str) -> None:
    with pytest.raises(DecodeError):
        received(response(BODY, encoding))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("body", [b"invented", b"\x1f\x8b\x08\x00", b"<html>", b"\x78\x9c\xff\xff"])
def test_what_is_not_packed_as_it_says_is_no_answer(encoding: str, body: bytes) -> None:
    with suppress(DecodeError):
        assert received(response(body, encoding)) == b"", "or it ends before anything came"


def test_a_body_that_is_shorter_than_it_says_is_cut_short() -> None:
    with pytest.raises((CutShort, ProtocolError)):
        received(response(b"x" * 100, length=101))


class Endless(io.RawIOBase):
    """A body that goes on for ever with one piece."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        self.left, self.piece = beginning, piece

    def read1(self, _: int = -1) -> bytes:
        piece, self.left = self.left or self.piece, b""
        return piece


NOTHING = b"\x00\x00\x00\xff\xff"
"""A block of deflate that holds nothing."""


@pytest.mark.parametrize(
    ("encoding", "beginning"),
    [("deflate", b"\x78\x9c"), ("gzip", gzip.compress(b"", mtime=0)[:10]), ("deflate", NOTHING)],
)
def test_packed_nothing_without_an_end_is_over_the_limit_of_what_comes(encoding: str, beginning: bytes) -> None:
    with pytest.raises(TooLarge):
        received(response(Endless(beginning, NOTHING * 1000), encoding))


def test_a_body_that_takes_too_long_is_too_slow() -> None:
    def slowly() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b"x"

    answer = response(b"")
    pieces_of = slowly()
    answer.raw.read1 = lambda *_, **__: next(pieces_of)
    with pytest.raises(TooSlow, match="no whole answer within 0 s"):
        received(answer, seconds=0.2)


def test_a_call_is_given_up_after_its_time_and_gives_what_it_gave_before_that() -> None:
    assert in_time(lambda: 7, 5, "quick") == 7
    with pytest.raises(TooSlow):
        in_time(lambda: time.sleep(1), 0.05, "slow")
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 // 0, 5, "wrong")
    with pytest.raises(TimeoutError, match="its own"):
        in_time(_times_out, 5, "the call's own time-out")


def _times_out() -> None:
    raise TimeoutError("its own")
