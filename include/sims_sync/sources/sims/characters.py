"""Characters of SIMS's answers as they come, and as they are meant (SPEC section 2).

XML forbids most control characters, and a parser stops at the first one: as a character, and as a reference to it
(``&#x1F;``). Each becomes :data:`NO_CHARACTER` before anything is parsed, so that it is known in whose row one stood.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

NO_CHARACTER = "\ufdd0"
"""A noncharacter of Unicode: it never stands for anything, and XML allows it."""
_NO_CHARACTER_REFERENCE = b"&#xFDD0;"

_C1 = range(0x80, 0xA0)
_MEANT = {code: bytes([code]).decode("cp1252", "replace").replace("\ufffd", NO_CHARACTER) for code in _C1}
"""What is labelled ISO-8859-1 is Windows-1252, where these are letters and quotes; five are nothing there, either."""

_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));"
_TEXT_REFERENCE = re.compile(_REFERENCE)
_CDATA_OR_REFERENCE = re.compile(rb"(?s)<!\[CDATA\[.*?(?:\]\]>|\Z)|" + _REFERENCE.encode())
_LONGEST_REFERENCE = 32
"""No more zeros than that before a number: a longer one is none."""
_BEGINNING = 2**10
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WITHOUT_MARK = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


def decoded(pieces: Iterable[bytes], charset: str | None) -> Iterator[str]:
    """The text of an answer, piece by piece, without what XML forbids.

    Its encoding is that of its byte order mark, else that of its HTTP header (RFC 7303 section 3), else the one that
    it declares itself.

    :param charset: as the HTTP header says, if it does.
    :raises LookupError: nobody knows the encoding.
    :raises UnicodeError: it is another one.
    """
    left, beginning = iter(pieces), b""
    for piece in left:
        beginning += piece
        if len(beginning) >= _BEGINNING:
            break
    held = ""
    for text in _texts(chain([beginning], left), _encoding(beginning, charset)):
        whole = _end_of_whole(held + text)
        yield _allowed((held + text)[:whole])
        held = (held + text)[whole:]
    yield _allowed(held)


def _texts(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The pieces as text; that before a fault, too."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for piece in chain(pieces, [None]):
        try:
            yield decoder.decode(piece or b"", piece is None)
        except UnicodeDecodeError as error:
            yield error.object[: error.start].decode(encoding)
            raise


def encoding_declared(document: bytes, start: int = 0) -> re.Match[bytes] | None:
    """Where the prolog of a document names its encoding; its group 1 is the name.

    :param start: where the prolog begins.
    """
    return _DECLARED.match(document, start)


def is_encoding(name: str) -> bool:
    """Whether it is an encoding of texts."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return True


def parsable(document: bytes) -> bytes:
    """A document without references to what XML forbids; within CDATA, a reference is none.

    :param document: in an encoding that has ASCII in it.
    """
    return _CDATA_OR_REFERENCE.sub(_allowed_reference, document) if b"&#" in document else document


def as_meant(text: str) -> tuple[str, bool]:
    """A value with the characters that are meant.

    :returns: the value, and whether something was dropped from it.
    """
    if text.isascii():
        return text, False
    meant = text.translate(_MEANT)
    return meant.replace(NO_CHARACTER, ""), NO_CHARACTER in meant


def _encoding(beginning: bytes, charset: str | None) -> str:
    for mark, encoding in (*_MARKS.items(), *_WITHOUT_MARK.items()):
        if beginning.startswith(mark) and (mark in _MARKS or charset is None):
            return encoding
    if charset and is_encoding(charset):
        return charset
    declared = encoding_declared(beginning.lstrip())
    return declared[1].decode() if declared else "utf-8"


def _end_of_whole(text: str) -> int:
    """Where a reference begins that is not whole yet."""
    begun = text.rfind("&", max(0, len(text) - _LONGEST_REFERENCE))
    return len(text) if begun < 0 or ";" in text[begun:] else begun


def _allowed(text: str) -> str:
    text = _FORBIDDEN.sub(NO_CHARACTER, text)
    return _TEXT_REFERENCE.sub(_allowed_text_reference, text) if "&#" in text else text


def _allowed_text_reference(found: re.Match[str]) -> str:
    return found[0] if _is_allowed(found[1], found[2]) else NO_CHARACTER


def _allowed_reference(found: re.Match[bytes]) -> bytes:
    in_cdata = found.lastindex is None
    return found[0] if in_cdata or _is_allowed(found[1], found[2]) else _NO_CHARACTER_REFERENCE


def _is_allowed(hexadecimal: str | bytes | None, decimal: str | bytes | None) -> bool:
    """Whether XML allows the character of a reference (``Char`` of XML 1.0)."""
    digits = hexadecimal or decimal or "0"
    if len(digits) > _LONGEST_REFERENCE:
        return False
    code = int(digits, 16 if hexadecimal else 10)
    return code <= 0x10FFFF and not 0xD800 <= code < 0xE000 and not _FORBIDDEN.match(chr(code))
