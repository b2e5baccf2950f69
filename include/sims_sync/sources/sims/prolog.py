"""What an XML document is, told from its beginning: nothing behind the name of the root element is looked at."""

from __future__ import annotations

import re

from lxml import etree

from sims_sync.sources.sims.operations import OPERATIONS, SCHOOL

HTML_PAGE = "an HTML page"

PIECE = 2**12
"""How many bytes are parsed at once while it is not known what they are."""

_KNOWN_ROOTS = frozenset(
    {"Envelope", "Error", "Exception", "Fault", "Pupils", "Response"}.union(
        *(each.called(each.root) for each in (SCHOOL, *OPERATIONS))
    )
)
"""Names of root elements that may be told."""

_HTML = re.compile(rb"<(!doctype\s+)?html\b", re.IGNORECASE)


class NotXml(Exception):
    """It is no XML that may be read; the text says what it is instead, without any value of it."""


def root_of(content: bytes) -> str:
    """The name of the root element, as lxml writes it (``{namespace}name``).

    A DTD is refused where it begins, before anything that it declares is known to the parser (SPEC section 2).

    :raises NotXml: it is no XML, ends before the root element, or has a DTD.
    """
    if not content.strip():
        raise NotXml("nothing")
    parser = etree.XMLParser(
        target=_Beginning(),  # type: ignore[arg-type] # the stubs ask for methods that lxml does not
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
    )
    try:
        for start in range(0, len(content), PIECE):
            parser.feed(content[start : start + PIECE])
    except _Root as root:
        return str(root)
    except (etree.XMLSyntaxError, LookupError, NotXml) as error:
        raise told_apart(error, content[:PIECE]) from None
    raise ends_early(len(content))


def told_apart(error: Exception, beginning: bytes) -> NotXml:
    """What it is that a parser gave up at.

    :param beginning: the first bytes of it.
    """
    if _HTML.search(beginning):
        return NotXml(HTML_PAGE)
    return error if isinstance(error, NotXml) else no_xml(error)


def described(root: str) -> str:
    """A root element, in words for a message: a name that SIMS does not have is the server's, and not told."""
    name = etree.QName(root)
    if name.localname.lower() == "html":
        return HTML_PAGE
    known = f"<{name.localname}>" if name.localname in _KNOWN_ROOTS else "another XML document"
    return f"{known} of an XML namespace" if name.namespace else known


def no_xml(error: Exception) -> NotXml:
    """What a parser's error says that may be told: the place, not the text."""
    line, column = getattr(error, "position", (getattr(error, "lineno", 0), getattr(error, "offset", 0)))
    return NotXml(f"text that is no XML from line {line}, column {column} on")


def ends_early(size: int) -> NotXml:
    """The document was cut short after so many bytes."""
    return NotXml(f"XML that ends early, at byte {size}")


class _Root(Exception):
    """The name of the root element: parsing ends here."""


class _Beginning:
    """Called by the parser; the first call ends it."""

    def doctype(self, name: str, public_id: str | None, system_url: str | None) -> None:
        raise NotXml("XML with a DTD, which is never processed")

    def start(self, tag: str, attributes: object) -> None:
        raise _Root(tag)

    def close(self) -> None:
        """Part of lxml's interface of a parser target."""
