"""Answers of SIMS that look otherwise and mean the same, each made of the real answer of a real broker."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace

from lxml import etree

from proxy import Reply
from sims_calls import Call, Make


def _document(change: Callable[[etree._Element, str], object]) -> Make:
    """The real document, changed so that it means the same.

    :param change: gets the root, and the address of the trap.
    """

    def make(call: Call) -> Reply:
        root = etree.fromstring(call.document.encode("iso-8859-1"))
        change(root, call.trap)
        return call.with_document(f'<?xml version="1.0"?>{etree.tostring(root, encoding="unicode")}')

    return make


def _other_order(root: etree._Element, _: str) -> None:
    for place, row in enumerate(root):
        elements = list(row)
        row[:] = elements[place % (len(elements) or 1) :] + elements[: place % (len(elements) or 1)]
        if place % 2:
            row[:] = reversed(row)


def _unknown_elements(root: etree._Element, _: str) -> None:
    for row in list(root):
        for place, element in enumerate(list(row)):
            unknown = etree.Element(f"Unknown{place}", kind="new")
            etree.SubElement(unknown, element.tag).text = "other"
            row.insert(place, unknown)


def _unknown_rows(root: etree._Element, _: str) -> None:
    """Rows of another name, with the same elements; and a whole document within one."""
    for row in list(root):
        etree.SubElement(root, "Deleted").extend(etree.fromstring(etree.tostring(row)))
    etree.SubElement(root, "Before").append(etree.fromstring(etree.tostring(root)))
    root.insert(0, etree.Element("Header"))


def _unknown_in_values(root: etree._Element, _: str) -> None:
    """An element, a comment and an instruction in the middle of each value."""
    for value in [value for row in root for value in row if value.text and len(value.text) > 1]:
        text, value.text = str(value.text), str(value.text)[:1]
        for unknown in (etree.Comment("x"), etree.ProcessingInstruction("x"), etree.Element("Mark")):
            value.append(unknown)
        value[-1].tail = text[1:]


def _spaces(root: etree._Element, _: str) -> None:
    for value in root.iterfind("*/*"):
        value.text = f"\n\t {value.text or ''} \n"
        value.tail = "\n "


def _references(root: etree._Element, trap: str) -> None:
    """What some readers of XML would fetch."""
    root.set("{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation", f"{trap}/schema")
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", f'href="{trap}/style" type="text/xsl"'))
    for row in list(root):
        etree.SubElement(row, "{http://www.w3.org/2001/XInclude}include", href=f"{trap}/include", parse="xml")
        etree.SubElement(row, "{http://www.w3.org/2004/08/xop/include}Include", href=f"{trap}/xop")


def _declares_document(encoding: str) -> Make:
    return lambda call: call.with_document(call.document.replace("iso-8859-1", encoding, 1))


def _in_utf_16(call: Call) -> Reply:
    return call.with_body(call.answer.body.decode().replace("utf-8", "utf-16", 1).encode("utf-16"))


def _in(charset: str, *, declared: str = "") -> Make:
    """The answer in the encoding that its HTTP header names, whatever it declares itself."""

    def make(call: Call) -> Reply:
        envelope = call.answer.body.decode().replace('<?xml version="1.0" encoding="utf-8"?>', declared, 1)
        return call.with_body(envelope.encode(charset), Content_Type=f"text/xml; charset={charset}")

    return make


def _byte_by_byte(call: Call) -> Reply:
    body = call.answer.body
    return replace(call.answer, stream=(body[place : place + 1] for place in range(len(body))))


HARMLESS: dict[str, Make] = {
    "elements in another order": _document(_other_order),
    "elements that nobody knows": _document(_unknown_elements),
    "rows that nobody knows": _document(_unknown_rows),
    "elements that nobody knows within values": _document(_unknown_in_values),
    "spaces round values": _document(_spaces),
    "references to what lies elsewhere": _document(_references),
    "a document in utf-16": _declares_document("utf-16"),
    "a document in windows-1252": _declares_document("windows-1252"),
    "a document that is text only": _declares_document("us-ascii"),
    "a byte order mark": lambda call: call.with_document(f"\ufeff\n{call.document}"),
    "an envelope in utf-16": _in_utf_16,
    "an envelope in iso-8859-1, as its header says": _in("iso-8859-1"),
    "an envelope in windows-1252, which says utf-8 itself": _in(
        "cp1252", declared='<?xml version="1.0" encoding="utf-8"?>'
    ),
    "an envelope in utf-8, which says utf-16 itself": _in("utf-8", declared='<?xml version="1.0" encoding="utf-16"?>'),
    "an envelope in an encoding that nobody knows, by its header": lambda call: call.with_body(
        call.answer.body, Content_Type="text/xml; charset=klingon"
    ),
    "an answer in chunks of a byte": _byte_by_byte,
    "an answer that is compressed": lambda call: call.with_body(
        gzip.compress(call.answer.body), Content_Encoding="gzip"
    ),
    "an answer of another media type": lambda call: call.with_body(call.answer.body, Content_Type="text/html"),
}
"""Each must be read as the real one."""
