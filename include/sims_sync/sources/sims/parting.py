"""Which rows of SIMS's own documents are one person's, for who asks to see or to erase them (SPEC section 9)."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from types import MappingProxyType

from lxml import etree

from sims_sync.model.person import NUMBER
from sims_sync.model.text import trimmed
from sims_sync.sources.sims.characters import as_meant, parsable
from sims_sync.sources.sims.operations import OPERATIONS, Names, Operation
from sims_sync.sources.sims.prolog import NotXml, no_xml, root_of

_OPERATIONS = {operation.name: operation for operation in OPERATIONS}


def rows_of_person(
    name: str, document: bytes, person_id: str, addresses: Collection[str], names: Names = MappingProxyType({})
) -> tuple[list[Mapping[str, str]], bytes]:
    """A person's rows of a document, and the document without them.

    :param name: of the operation that it is the answer of.
    :param person_id: in the one spelling of a Person ID.
    :param addresses: ids of the addresses that are this person's and no other student's.
    :param names: what the school's broker calls elements as well, by the standard name.
    :returns: the rows, by element; the document is the same where there are none.
    :raises ValueError: nobody can tell whose rows it has, as it cannot be read.
    """
    if name not in _OPERATIONS:
        return [], document
    root = _parsed(document)
    operation = _OPERATIONS[name].also_called(names)
    theirs = [row for row in root if _is_of(row, operation, person_id, addresses)]
    if not theirs:
        return [], document
    for row in theirs:
        root.remove(row)
    info = root.getroottree().docinfo
    rest = io.BytesIO()
    standalone = bool(info.standalone)
    root.getroottree().write(rest, encoding=info.encoding or "utf-8", xml_declaration=True, standalone=standalone)
    return [{str(each.tag): "".join(map(str, each.itertext())) for each in row} for row in theirs], rest.getvalue()


def _parsed(document: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root_of(document)  # refuses what has a DTD
        return etree.fromstring(parsable(document), parser)
    except (etree.XMLSyntaxError, LookupError) as error:
        raise ValueError(str(no_xml(error))) from None
    except NotXml as came:
        raise ValueError(str(came)) from None


def _is_of(row: etree._Element, operation: Operation, person_id: str, addresses: Collection[str]) -> bool:
    """Whether a row names the person, or one of the addresses; a row that we do not know may name a person, too."""
    columns = {_plain(name): column for each, column in operation.columns.items() for name in operation.called(each)}
    for element in row:
        column, text = columns.get(_plain(str(element.tag))), trimmed(as_meant(element.text or "")[0])
        if column == "person_id" and NUMBER.key(text) == person_id:
            return True
        if operation.table == "addresses" and column == "address_id" and text in addresses:
            return True
    return False


def _plain(name: str) -> str:
    """A name of an element without case, underscores and namespace: `Person_ID` is meant by `PersonID`."""
    return etree.QName(name).localname.replace("_", "").casefold()
