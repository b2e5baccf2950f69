"""In which row of a document its fault is, so that somebody can look that row up in SIMS (SPEC section 2)."""

from __future__ import annotations

from xml.parsers import expat

from sims_sync.model.person import NUMBER
from sims_sync.sources.sims.characters import parsable
from sims_sync.sources.sims.operations import Operation
from sims_sync.sources.sims.prolog import NotXml, ends_early, no_xml

_ROW, _ELEMENT = 2, 3
"""How deep they stand."""


def place_of_fault(operation: Operation, document: bytes) -> str:
    """The row at which a document stops being XML, by its place and its first id, in words; empty where there is none.

    :param operation: whose rows they are.
    """
    place = _Place(operation)
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = place.start, place.end
    parser.CharacterDataHandler = place.data
    try:
        parser.Parse(parsable(document), True)
    except (expat.ExpatError, LookupError, ValueError):
        return place.words
    return ""


def told_at_the_end(document: bytes) -> NotXml:
    """What is wrong with a document of which lxml says so at its end: it is cut short, or names an unknown entity."""
    try:
        expat.ParserCreate().Parse(document, False)
    except expat.ExpatError as error:
        return no_xml(error)
    return ends_early(len(document))


class _Place:
    """Called by the parser."""

    def __init__(self, operation: Operation) -> None:
        self._ids = {
            name: element
            for element, column in operation.columns.items()
            if column.endswith("_id")
            for name in operation.called(element)
        }
        self._row_names = operation.called(operation.row)
        self._depth = self._rows = 0
        self._in_row = False
        self._text: list[str] | None = None
        self._first_id = self._before = ""

    @property
    def words(self) -> str:
        """Where the parser is. Of an id only a number is told."""
        if not self._rows:
            return ""
        where = f"{'in' if self._in_row else 'after'} row {self._rows:,}"
        if self._first_id:
            return f", {where} ({self._first_id})"
        return f", {where}" + (f", which follows the one of {self._before}" if self._before else "")

    def start(self, name: str, attributes: object) -> None:
        self._depth += 1
        if self._depth == _ROW and name in self._row_names:
            self._rows, self._in_row = self._rows + 1, True
            self._before, self._first_id = self._first_id or self._before, ""
        elif self._depth == _ELEMENT and self._in_row and name in self._ids and not self._first_id:
            self._text = []

    def data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, name: str) -> None:
        if self._depth == _ELEMENT and self._text is not None:
            number = NUMBER.key("".join(self._text))
            self._first_id = f"{self._ids[name]} {number}" if number else ""
            self._text = None
        elif self._depth == _ROW:
            self._in_row = False
        self._depth -= 1
