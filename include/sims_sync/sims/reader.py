"""From a SIMS document to a table: one pass over its bytes, in bounded memory (SPEC section 2)."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pandas as pd
from lxml import etree

from sims_sync.errors import UnexpectedAnswer
from sims_sync.sims.documents import Operation


def read_document(operation: Operation, document: bytes) -> pd.DataFrame:
    """Read a document's rows.

    Rows and elements that we do not know are ignored, in any order; an absent element and an empty one both are null;
    values are trimmed. Of an element that stands twice in a row the first that is not empty counts.

    :param document: as it came: its prolog names the encoding.
    :returns: the columns of the operation, all ``str``; the order of rows is that of the document.
    :raises UnexpectedAnswer: it is no XML, is cut short, declares a DTD, or has another root element.
    """
    try:
        rows = list(_rows(operation, document))
    except (etree.XMLSyntaxError, LookupError) as error:
        line, column = getattr(error, "position", (0, 0))
        raise _unexpected(operation, f"text that is no XML from line {line}, column {column} on") from None
    columns = list(operation.columns.values())
    return pd.DataFrame(rows, columns=columns, dtype="str")


def _rows(operation: Operation, document: bytes) -> Iterator[list[str | None]]:
    places = {element: place for place, element in enumerate(operation.columns)}
    # No DTD, no entity and no external reference is processed; libxml2's own guards against bombs stay on, and the
    # size of the whole is limited where it is received.
    events = etree.iterparse(
        io.BytesIO(document),
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    depth = 0
    root = None
    for event, element in events:
        if event == "start":
            if root is None:
                root = element
                _check_root(operation, root)
            depth += 1
            continue
        depth -= 1
        if depth == 1:
            if element.tag == operation.row:
                yield _row(element, places)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _row(element: etree._Element, places: dict[str, int]) -> list[str | None]:
    values: list[str | None] = [None] * len(places)
    for child in element:
        place = places.get(child.tag)
        if place is not None and values[place] is None and child.text:
            values[place] = child.text.strip() or None
    return values


def _check_root(operation: Operation, root: etree._Element) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise _unexpected(operation, "a document with a DTD, which is never processed")
    if root.tag != operation.root:
        raise _unexpected(operation, f"<{etree.QName(root).localname[:40]}>")


def _unexpected(operation: Operation, came: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"{operation.name}: expected a document <{operation.root}>, and SIMS sent {came}.",
        advice="Clear the task to ask again; if it stays so, ask the support of the school's SIMS broker.",
    )
