"""From a SIMS document to a table: one pass over its bytes, in bounded memory (SPEC section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import pandas as pd
from lxml import etree

from sims_sync.model.errors import UnexpectedAnswer
from sims_sync.sources.sims.operations import Operation
from sims_sync.sources.sims.prolog import NotXml, described, ends_early, no_xml, root_of

MAX_ROWS = 500_000
"""The most rows of a document: a school has some ten thousand addresses, at most."""

MAX_ROW_BYTES = 4 * 2**20
"""The most bytes of a row: one is in memory as a tree, which takes thirty times the size of tiny elements."""

_CHUNK = 2**16
_BATCH = 10_000
"""So many rows at once are lists of Python's texts, which take several times what a table takes."""


def read_document(operation: Operation, document: bytes) -> pd.DataFrame:
    """Read a document's rows.

    Rows and elements that we do not know are ignored, in any order; an absent element and an empty one both are null;
    values are trimmed. Of an element that stands twice in a row the first that is not empty counts.

    :param document: as it came: its prolog names the encoding.
    :returns: the columns of the operation, all ``str``; the order of rows is that of the document.
    :raises UnexpectedAnswer: it is no XML, is cut short, has a DTD, another root element, too many or too large rows.
    """
    try:
        if (root := root_of(document)) != operation.root:
            raise NotXml(described(root))
        places = {element: place for place, element in enumerate(operation.columns)}
        rows = (_values(element, places) for element in _children(operation, document) if element.tag == operation.row)
        return _table(rows, list(operation.columns.values()))
    except NotXml as came:
        raise UnexpectedAnswer(
            f"{operation.name}: expected a document <{operation.root}>, and SIMS sent {came}.",
            advice="Clear the task to ask again; if it stays so, ask the support of the school's SIMS broker.",
        ) from None


def _table(rows: Iterable[list[str | None]], columns: list[str]) -> pd.DataFrame:
    """The rows as a table, made in batches.

    :raises NotXml: there are too many.
    """
    left = iter(rows)
    batches: list[pd.DataFrame] = []
    while (batch := list(islice(left, _BATCH))) or not batches:
        batches.append(pd.DataFrame(batch, columns=columns, dtype="str"))
        if sum(map(len, batches)) > MAX_ROWS:
            raise NotXml(f"more than the {MAX_ROWS:,} rows that are read")
    return batches[0] if len(batches) == 1 else pd.concat(batches, ignore_index=True)


def _children(operation: Operation, document: bytes) -> Iterator[etree._Element]:
    """The root's children, each dropped from the tree soon after."""
    # The guards of libxml2 against bombs stay on; the size of the whole is limited where it is received. Events for
    # the rows, let alone for each element, take as long as the parsing itself, so the tree is looked at instead.
    parser = etree.XMLPullParser(
        events=("start",),
        tag=operation.root,
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
        raise ends_early(len(document)) from None
    if root is not None:
        yield from root


def _values(row: etree._Element, places: Mapping[str, int]) -> list[str | None]:
    values: list[str | None] = [None] * len(places)
    for child in row.iterchildren(*places):
        place = places[child.tag]
        if values[place] is None and (text := _own_text(child)):
            values[place] = text.strip() or None
    return values


def _own_text(element: etree._Element) -> str | None:
    """The text of an element; elements inside a value are unknown ones, and so ignored wherever they stand."""
    if not len(element):
        return element.text
    return "".join([element.text or "", *(child.tail or "" for child in element)])
