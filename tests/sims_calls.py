"""Calls of SIMS as they pass a proxy, and the answers that can be made of the real ones.

The kinds of answers are in ``hostile_answers`` and ``harmless_answers``::

    with proxy_to(broker.url) as proxy, trap() as trap:
        proxy.meddle = spoil("GetXmlStudents", HOSTILE["a web page"].make, trap.url)
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from threading import Thread

from lxml import etree
from requests.structures import CaseInsensitiveDict

from proxy import Forward, Meddle, Reply, Request
from sandbox.sims import soap
from sandbox.sims.database import Database

VALUES = (
    "Zoë", "Quillfeather", "Brackenthorpe", "AX77", "2012-05-17", "Ferndown", "Larkspur", "PO19 8QZ", "01632 960111",
    "07700 900111", "quillfeather", "Dyscalculia",
)  # fmt: skip
"""What the documents of :func:`put_a_student` hold of somebody."""


def put_a_student(
    sims: Database, person_id: int, *, valid_from: date | None = None, date_of_birth: str = "2012-05-17T00:00:00"
) -> None:
    """A student with a row in every document, of :data:`VALUES`."""
    sims.put_student(
        person_id,
        forename="Zoë",
        surname="Quillfeather",
        chosen_name="Brackenthorpe",
        admission_number=f"AX77{person_id}",
        date_of_birth=date_of_birth,
        email=f"quillfeather.{person_id}@example.org",
        telephone="01632 960111",
        mobile="07700 900111",
        address={"street": "Ferndown", "town": "Larkspur", "postcode": "PO19 8QZ"},
        valid_from=valid_from,
    )
    sims.put_sen_provision(person_id, "K", "Dyscalculia")
    sims.put_free_meal(person_id, date(2026, 9, 1))


@dataclass(frozen=True)
class Call:
    """A call that passes the proxy.

    :param trap: an address that nobody must ever ask.
    """

    request: Request
    forward: Forward
    trap: str

    @property
    def operation(self) -> str:
        return re.findall(rb":(GetXml\w+)", self.request.body)[0].decode()

    @cached_property
    def answer(self) -> Reply:
        """The real one."""
        return self.forward(self.request)

    @cached_property
    def document(self) -> str:
        """That of the real answer."""
        return str(etree.fromstring(self.answer.body).findtext(f".//{{*}}{self.operation}Result"))

    def answer_of(self, operation: str) -> Reply:
        """The real answer of another operation that takes the same arguments."""
        body = self.request.body.replace(self.operation.encode(), operation.encode())
        return self.forward(replace(self.request, body=body))

    def with_document(self, document: str) -> Reply:
        """The real answer, but for its document."""
        return replace(self.answer, body=soap.answer(self.operation, document))

    def with_body(self, body: bytes, **headers: str) -> Reply:
        """An HTTP answer that is whole, with another body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(200, body, CaseInsensitiveDict({**self.answer.headers, **named}))


Make = Callable[[Call], Reply]
"""The answer that is sent for the one that passes."""


def spoil(operation: str | None, make: Make, trap: str) -> Meddle:
    """For :attr:`proxy.Proxy.meddle`: spoils each answer of an operation; of all without one."""

    def meddle(request: Request, forward: Forward) -> Reply:
        call = Call(request, forward, trap)
        return make(call) if operation in (None, call.operation) else call.answer

    return meddle


@dataclass
class Trap:
    """:param url: where a listening server waits for somebody to fall for it.
    :param asked: how often one did.
    """

    url: str
    asked: int = 0


@contextmanager
def trap() -> Iterator[Trap]:
    """A server that nobody must ask."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        trap = Trap(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def count() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                trap.asked += 1
                connection.close()

        Thread(target=count, daemon=True).start()
        yield trap
        listener.shutdown(socket.SHUT_RDWR)
