"""From a SIMS document to a table: one pass over its bytes, in bounded memory (SPEC section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import pandas as pd
from lxml import etree

from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.model.text import trimmed
from sims_sync.sources.sims.characters import as_meant, parsable
from sims_sync.sources.sims.fault_place import place_of_fault, told_at_the_end
from sims_sync.sources.sims.operations import Operation
from sims_sync.sources.sims.prolog import NotXml, described, no_xml, root_of

MAX_ROWS = 500_000
"""The most rows of a document: a school has some ten thousand addresses, at most."""

MAX_ROW_BYTES = 4 * 2**20
"""The most bytes of a row: one is in memory as a tree, which takes thirty times the size of tiny elements."""

_CHUNK = 2**16
_BATCH = 10_000
"""So many rows at once are lists of Python's texts, which take several times what a table takes."""


@dataclass(frozen=True)
class Rows:
    """What a document holds.

    :param table: the columns of the operation, all ``str``; the order of rows is that of the document.
    :param spoilt: the places of the rows from whose values a character was dropped that XML forbids or that is none.
    """

    table: pd.DataFrame = field(repr=False)
    spoilt: list[int]


def read_document(operation: Operation, document: bytes) -> pd.DataFrame:
    """The table that :func:`read_rows` reads."""
    return read_rows(operation, document).table


def read_rows(operation: Operation, document: bytes) -> Rows:
    """Read a document's rows.

    Rows and elements that we do not know are ignored, in any order; an absent element and an empty one both are null;
    values are trimmed. Of an element that stands twice in a row the first that is not empty counts. An alias counts
    in a row without the standard name.

    :param document: as it came: its prolog names the encoding.
    :raises UnexpectedAnswer: it is no XML, is cut short, has a DTD, another root element, too many or too large rows.
    """
    try:
        if (root := root_of(document)) not in operation.called(operation.root):
            raise NotXml(described(root))
        readable = parsable(document)
        row_names = operation.called(operation.row)
        elements = (each for each in _children(root, readable) if each.tag in row_names)
        return _rows(elements, _Reading(operation), list(operation.columns.values()))
    except NotXml as came:
        raise UnexpectedAnswer(
            f"{operation.name}: expected a document <{operation.root}>, and SIMS sent {came}"
            f"{place_of_fault(operation, document)}.",
            advice="Clear the task to ask again; if it stays so, ask the support of the school's SIMS broker.",
            document=(operation.name, document),
        ) from None


def _rows(elements: Iterable[etree._Element], reading: _Reading, columns: list[str]) -> Rows:
    """The rows as a table, made in batches.

    :raises NotXml: there are too many.
    """
    left = map(reading.values, elements)
    batches: list[pd.DataFrame] = []
    while (batch := list(islice(left, _BATCH))) or not batches:
        batches.append(pd.DataFrame(batch, columns=columns, dtype="str"))
        if sum(map(len, batches)) > MAX_ROWS:
            raise NotXml(f"more than the {MAX_ROWS:,} rows that are read")
    table = batches[0] if len(batches) == 1 else pd.concat(batches, ignore_index=True)
    return Rows(table, reading.spoilt)


def _children(root_name: str, document: bytes) -> Iterator[etree._Element]:
    """The root's children, each dropped from the tree soon after."""
    # The guards of libxml2 against bombs stay on; the size of the whole is limited where it is received. Events for
    # the rows, let alone for each element, take as long as the parsing itself, so the tree is looked at instead.
    parser = etree.XMLPullParser(
        events=("start",),
        tag=root_name,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root: etree._Element | None = None
    open_bytes = 0
    try:
        for start in range(0, len(document), _CHUNK):
            parser.feed(document[start : start + _CHUNK])
            if root is None:
                root = next((element for _, element in parser.read_events() if etree.iselement(element)), None)
            if root is not None:
                open_bytes = 0 if len(root) > 1 else open_bytes + _CHUNK
                if open_bytes > MAX_ROW_BYTES:
                    raise NotXml(f"a row of more than {MAX_ROW_BYTES // 2**20} MB")
                yield from list(root)[:-1]  # the last one may not be whole yet
                del root[:-1]
    except (etree.XMLSyntaxError, LookupError) as error:
        raise no_xml(error) from None
    try:
        parser.close()
    except etree.XMLSyntaxError:
        raise told_at_the_end(document) from None
    if root is not None:
        yield from root


class _Reading:
    """Reads row after row.

    :ivar spoilt: the places of the rows of which a character was dropped.
    """

    def __init__(self, operation: Operation) -> None:
        self.spoilt: list[int] = []
        self._read = 0
        self._width = len(operation.columns)
        self._places = {element: place for place, element in enumerate(operation.columns)}
        self._stands_for: dict[int, int] = {}
        for place, element in enumerate(operation.columns):
            for alias in operation.called(element)[1:]:
                self._places[alias] = self._width + len(self._stands_for)
                self._stands_for[self._places[alias]] = place

    def values(self, row: etree._Element) -> list[str | None]:
        """The values of a row, by column."""
        values: list[str | None] = [None] * (self._width + len(self._stands_for))
        spoilt = False
        for child in row.iterchildren(*self._places):
            place = self._places[child.tag]
            if not values[place]:
                text, dropped = as_meant(_own_text(child) or "")
                values[place] = trimmed(text)
                spoilt = spoilt or dropped
        for alias, place in self._stands_for.items():
            if values[place] is None:
                values[place] = values[alias] or None
        if spoilt:
            self.spoilt.append(self._read)
        self._read += 1
        return [value or None for value in values[: self._width]]


def _own_text(element: etree._Element) -> str | None:
    """The text of an element; elements inside a value are unknown ones, and so ignored wherever they stand."""
    if not len(element):
        return element.text
    return "".join([element.text or "", *(child.tail or "" for child in element)])
