"""What a SOAP envelope answers, read as it comes: no tree is built, and nothing is kept but the one result.

zeep would build a tree of the whole, which takes thirty times the size of tiny elements; would convert the result to
whatever type the answer claims for it (``xsi:type``); and would log the whole document when that fails. lxml would hold
a CDATA section, several times, until it ends; expat tells of it as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from xml.parsers import expat

from sims_sync.sources.sims.characters import decoded
from sims_sync.sources.sims.prolog import HTML_PAGE, PIECE, NotXml, described, ends_early, told_apart

MAX_STRUCTURE = 2**20
"""The most bytes of an envelope beside the text of its result."""

SIMS = "{urn:sims:thirdparty:v1}"
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_ENVELOPE, _BODY, _ANSWER, _RESULT = 1, 2, 3, 4
"""How deep they stand."""
_PERMISSION_DENIED = f"{SIMS}PermissionDenied"
_MOST_LEVELS = 100
_MOST_TEXTS = 2**10


class NoEnvelope(Exception):
    """It is no SOAP envelope; the text says what it is instead, without any value of it."""


class BadEnvelope(Exception):
    """It is an envelope that is not read; the text says why, without any value of it."""

    def __init__(self, why: str = "that is cut short or holds no such answer") -> None:
        super().__init__(f"a SOAP envelope {why}")


@dataclass
class Envelope:
    """What an envelope holds: a result, or a fault.

    :param answer: the names of the element in the body, and of the one in that.
    :param result: the text of that one.
    :param is_fault: whether the element in the body is a SOAP fault.
    :param fault_code: as it stands there.
    :param permissions: those that a fault ``PermissionDenied`` names, none where it is another.
    """

    answer: tuple[str, ...] = ()
    result: BytesIO = field(default_factory=BytesIO, repr=False)
    is_fault: bool = False
    fault_code: str = field(default="", repr=False)
    permissions: list[str] | None = field(default=None, repr=False)

    def result_of(self, operation: str) -> bytes:
        """The text of the result of an operation, in UTF-8.

        :raises BadEnvelope: it holds none, or that of another operation.
        """
        if self.answer != (f"{SIMS}{operation}Response", f"{SIMS}{operation}Result"):
            raise BadEnvelope
        return self.result.getvalue()


def read_envelope(pieces: Iterable[bytes], charset: str | None = None) -> Envelope:
    """Read an envelope.

    :param pieces: what was received, in order.
    :param charset: as the HTTP header says, if it does.
    :raises NoEnvelope: it is none.
    :raises BadEnvelope: it is cut short, or holds anything beside one result.
    """
    target = _Target()
    parser = expat.ParserCreate(namespace_separator="}", intern={})
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = target.doctype
    parser.StartElementHandler = target.start
    parser.EndElementHandler = target.end
    parser.CharacterDataHandler = target.data
    beginning, received, structure = "", 0, 0
    try:
        for piece in decoded(_small(pieces), charset):
            beginning, received = beginning or piece, received + len(piece)
            target.heard = False
            parser.Parse(piece, False)
            structure += 0 if target.heard else len(piece)
            if structure > MAX_STRUCTURE:
                raise BadEnvelope(f"with more than {MAX_STRUCTURE // 2**20} MB beside its document")
        if not target.begun:
            raise ends_early(received) if beginning.strip() else NotXml("nothing")
        parser.Parse("", True)
    except (expat.ExpatError, LookupError, ValueError, NotXml) as error:
        if target.begun:
            raise BadEnvelope from None
        raise NoEnvelope(str(told_apart(error, beginning.encode()))) from None
    return target.finished()


def _small(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """So small that what is not wanted is refused before much of it was parsed."""
    return (piece[start : start + PIECE] for piece in pieces for start in range(0, len(piece), PIECE))


class _Target:
    """Called by the parser.

    :ivar begun: whether the envelope has begun.
    :ivar heard: set when some text of the result came.
    """

    def __init__(self) -> None:
        self.begun = self.heard = False
        self._envelope = Envelope()
        self._open: list[str] = []
        self._texts: list[str] = []

    def doctype(self, name: str, system_id: str | None, public_id: str | None, has_internal_subset: bool) -> None:
        raise NotXml("XML with a DTD, which is never processed")

    def start(self, name: str, attributes: object) -> None:
        tag = f"{{{name}" if "}" in name else name
        self._open.append(tag)
        if len(self._open) > _MOST_LEVELS:
            raise BadEnvelope("that is nested too deeply")
        if len(self._open) == _ENVELOPE:
            if tag != f"{_SOAP}Envelope":
                came = described(tag)
                raise NoEnvelope(came if came == HTML_PAGE else "XML that is no SOAP envelope")
            self.begun = True
        elif self._is_in_fault:
            self._start_in_fault(tag)
        elif self._open[1] == f"{_SOAP}Body" and len(self._open) > _BODY:
            self._start_in_body(tag)

    def _start_in_body(self, tag: str) -> None:
        """Just one answer, which holds just one result, which holds just text."""
        depth = len(self._open)
        if depth == _ANSWER and (self._envelope.answer or self._envelope.is_fault):
            raise BadEnvelope("with several answers")
        if depth > _RESULT or depth != len(self._envelope.answer) + _ANSWER:
            raise BadEnvelope
        if tag == f"{_SOAP}Fault" and depth == _ANSWER:
            self._envelope.is_fault = True
        else:
            self._envelope.answer += (tag,)

    def _start_in_fault(self, tag: str) -> None:
        if tag == _PERMISSION_DENIED:
            self._envelope.permissions = []
        elif self._open[-2] == _PERMISSION_DENIED and self._envelope.permissions is not None:
            self._envelope.permissions.append("")

    @property
    def _is_in_fault(self) -> bool:
        return self._open[_ANSWER - 1 : _ANSWER] == [f"{_SOAP}Fault"] and len(self._open) > _ANSWER

    def data(self, text: str) -> None:
        if len(self._open) == _RESULT and len(self._envelope.answer) == _RESULT - _BODY:
            self.heard = True
            self._texts.append(text)
            if len(self._texts) >= _MOST_TEXTS:
                self._keep()
        elif self._is_in_fault:
            self._data_in_fault(text)

    def _data_in_fault(self, text: str) -> None:
        if len(self._open) == _RESULT and self._open[-1].rpartition("}")[2] == "faultcode":
            self._envelope.fault_code += text
        elif self._open[-2] == _PERMISSION_DENIED and self._envelope.permissions:
            self._envelope.permissions[-1] += text

    def end(self, name: str) -> None:
        self._open.pop()

    def _keep(self) -> None:
        self._envelope.result.write("".join(self._texts).encode())
        self._texts.clear()

    def finished(self) -> Envelope:
        """What was read of a whole envelope."""
        self._keep()
        return self._envelope
