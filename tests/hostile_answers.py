"""What may come back from SIMS instead of its answer, each made of the real answer of a real broker."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from lxml import etree

from proxy import Reply
from sandbox.sims import soap
from sims_calls import Call, Make
from sims_sync.model.errors import SyncError, TransientFault, UnexpectedAnswer

_ROWS_OF_300_MB = 2400
_ROW = escape(f"<Other><Notes>{'x' * 2**17}</Notes></Other>\n").encode()


@dataclass(frozen=True)
class Hostile:
    """An answer that must fail the run.

    :param came: what the message says of it (a regular expression).
    :param fault: its type.
    """

    make: Make
    came: str
    fault: type[SyncError] = UnexpectedAnswer


def _page(status: int, **headers: str) -> Make:
    body = b"<!DOCTYPE html><html><body>Brackenthorpe has no answer for you</body></html>"
    return lambda call: replace(call.with_body(body, Content_Type="text/html", **headers), status=status)


def _to_the_trap(status: int) -> Make:
    return lambda call: replace(call.answer, status=status, body=b"", headers={"Location": call.trap})


def _cut_short(call: Call) -> Reply:
    return replace(call.answer, cut=len(call.answer.body) // 2)


def _whole_but_half(call: Call) -> Reply:
    return call.with_body(call.answer.body[: len(call.answer.body) // 2])


def _document_without_its_end(call: Call) -> Reply:
    """Every row is whole, but for the last."""
    return call.with_document(call.document.rpartition("<Summary>")[0])


def _another_envelope(call: Call) -> Reply:
    """That of SOAP 1.2."""
    return call.with_body(call.answer.body.replace(soap.SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"))


def _another_root(call: Call) -> Reply:
    root = _root(call.document)
    return call.with_document(re.sub(f"(</?){root}>", r"\1Pupils>", call.document))


def _root_of_a_namespace(call: Call) -> Reply:
    root = _root(call.document)
    return call.with_document(call.document.replace(f"<{root}>", f'<{root} xmlns="urn:x">'))


_BOMB = '<!ENTITY a0 "Quillfeather">' + "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
_OUTSIDE = '<!ENTITY % d SYSTEM "{0}/d"> %d; <!ENTITY a8 SYSTEM "file:///etc/passwd"><!ENTITY a9 SYSTEM "{0}/e">'


def _envelope_with(dtd: str, system: str = "") -> Make:
    """A DTD before the envelope, and its entities within the document."""

    def make(call: Call) -> Reply:
        prolog, envelope = call.answer.body.decode().split("\n", 1)
        doctype = f"<!DOCTYPE x {system.format(call.trap)} [{dtd.format(call.trap)}]>"
        return call.with_body(f"{prolog}{doctype}{_with_entities(envelope, '&lt;')}".encode())

    return make


def _document_with(dtd: str, system: str = "") -> Make:
    """A DTD before the document, and its entities within it."""

    def make(call: Call) -> Reply:
        prolog, document = call.document.split("\n", 1)
        doctype = f"<!DOCTYPE {_root(document)} {system.format(call.trap)} [{dtd.format(call.trap)}]>"
        return call.with_document(f"{prolog}{doctype}{_with_entities(document, '<')}")

    return make


def _with_entities(text: str, opening: str) -> str:
    return text.replace(f"{opening}Summary", f"&a8;&a9;{opening}Summary")


def _of_300_mb(call: Call) -> Reply:
    """The real answer with rows that nobody knows, which nobody holds."""

    def pieces() -> Iterator[bytes]:
        before, summary, after = call.answer.body.partition(b"&lt;Summary")
        yield before
        for _ in range(_ROWS_OF_300_MB):
            yield _ROW
        yield summary + after

    return replace(call.answer, stream=pieces())


def _not_the_bytes_that_it_declares(call: Call) -> Reply:
    text = soap.answer(call.operation, call.document.replace("<Summary>", "<Summary>é")).decode()
    return call.with_body(text.encode("iso-8859-1"))


def _declares(encoding: str) -> Make:
    """Of an answer whose HTTP header names no encoding."""
    return lambda call: call.with_body(
        call.answer.body.replace(b"utf-8", encoding.encode(), 1), Content_Type="text/xml"
    )


def _document_in_no_encoding(call: Call) -> Reply:
    return call.with_document(call.document.replace("iso-8859-1", "klingon"))


def _gzip_is_a_lie(call: Call) -> Reply:
    return call.with_body(call.answer.body, Content_Encoding="gzip")


def _gzip_is_not_told(call: Call) -> Reply:
    return call.with_body(gzip.compress(call.answer.body))


def _gzip_that_ends_early(call: Call) -> Reply:
    return call.with_body(gzip.compress(call.answer.body)[:-30], Content_Encoding="gzip")


def _other(operation: str) -> str:
    """An operation that takes the same arguments."""
    dated = {"GetXmlFreeMeals": "GetXmlStudents", "GetXmlSchool": "GetXmlAddresses", "GetXmlAddresses": "GetXmlSchool"}
    return dated.get(operation, "GetXmlFreeMeals")


def _answer_of_another(call: Call) -> Reply:
    return call.answer_of(_other(call.operation))


def _document_of_another(call: Call) -> Reply:
    other = etree.fromstring(call.answer_of(_other(call.operation)).body)
    return call.with_document(str(other.findtext(f".//{{*}}{_other(call.operation)}Result")))


def _two_answers(call: Call) -> Reply:
    """One of half of the rows, and the real one."""
    rows = re.findall(r"<(\w+)>.*?</\1>", call.document.split("\n", 2)[2])
    assert rows, "the answer holds rows"
    document = re.sub(rf"\n<{rows[0]}>.*?</{rows[0]}>", "", call.document, count=1)
    few = re.findall(rb"<soap:Body>(.*)</soap:Body>", soap.answer(call.operation, document), re.DOTALL)[0]
    return call.with_body(call.answer.body.replace(b"<soap:Body>", b"<soap:Body>" + few))


def _two_results(call: Call) -> Reply:
    result = re.findall(rb"<GetXml\w+Result>.*</GetXml\w+Result>", call.answer.body, re.DOTALL)[0]
    return call.with_body(call.answer.body.replace(result, result * 2))


def _fault(call: Call) -> Reply:
    return Reply(500, soap.Fault("Server", "Quillfeather is unwell").to_bytes())


def _root(document: str) -> str:
    return re.findall(r"<(\w+)>", document)[0]


HOSTILE: dict[str, Hostile] = {
    "a connection that closes without a word": Hostile(lambda _: Reply(cut=-1), "gave no answer", TransientFault),
    "an answer that is cut short": Hostile(_cut_short, "gave no answer|cut short", TransientFault),
    "a 500 with a web page": Hostile(_page(500), "HTTP 500", TransientFault),
    "a 503 with a web page": Hostile(_page(503, Retry_After="0"), "HTTP 503", TransientFault),
    "a web page": Hostile(_page(200), "an HTML page"),
    "a web page that says 404": Hostile(_page(404), "HTTP 404"),
    "a redirect": Hostile(_to_the_trap(302), "HTTP 302"),
    "a redirect that keeps the method": Hostile(_to_the_trap(307), "HTTP 307"),
    "nothing": Hostile(lambda call: call.with_body(b""), "nothing came"),
    "a document of nothing": Hostile(lambda call: call.with_document(""), "an empty answer"),
    "half of an answer as if it were whole": Hostile(_whole_but_half, "cut short"),
    "a document without its end": Hostile(_document_without_its_end, "ends early"),
    "an envelope of another SOAP": Hostile(_another_envelope, "no SOAP envelope"),
    "a document with another root": Hostile(_another_root, "sent <Pupils>"),
    "a document of a namespace": Hostile(_root_of_a_namespace, "of an XML namespace"),
    "an entity bomb in the envelope": Hostile(_envelope_with(_BOMB), "a DTD"),
    "an entity bomb in the document": Hostile(_document_with(_BOMB), "a DTD"),
    "external entities in the envelope": Hostile(_envelope_with(_OUTSIDE, 'SYSTEM "{}/s"'), "a DTD"),
    "external entities in the document": Hostile(_document_with(_OUTSIDE, 'SYSTEM "{}/s"'), "a DTD"),
    "300 MB": Hostile(_of_300_mb, "more than the 200 MB allowed"),
    "bytes of another encoding": Hostile(_not_the_bytes_that_it_declares, "cut short or holds no such answer"),
    "an encoding that is not that of the bytes": Hostile(_declares("utf-16"), "no XML"),
    "an encoding that nobody knows": Hostile(_declares("klingon"), "no XML"),
    "a document in an encoding that nobody knows": Hostile(_document_in_no_encoding, "encoding that nobody knows"),
    "an answer that is not compressed as it says": Hostile(_gzip_is_a_lie, "not compressed as its header says"),
    "an answer that is compressed and does not say so": Hostile(_gzip_is_not_told, "no XML"),
    "a compressed answer that ends early": Hostile(_gzip_that_ends_early, "cut short"),
    "the answer of another operation": Hostile(_answer_of_another, "no such answer"),
    "the document of another operation": Hostile(_document_of_another, "sent <(FreeMeals|Students|Addresses|Schools)>"),
    "two answers": Hostile(_two_answers, "several answers"),
    "two results": Hostile(_two_results, "no such answer"),
    "a SOAP fault": Hostile(_fault, "the SOAP fault Server"),
}
