"""The SIMS broker on HTTP: answers the operations of the WSDL for one school, one call at a time."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.sims import soap
from sandbox.sims.database import Database
from sandbox.sims.documents import BY_OPERATION, PERMISSIONS, Document, write

PATH = "/ThirdParty.svc"
_LARGEST_REQUEST = 1_000_000  # bytes
_XS_DATE = re.compile(r"\s*(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?\s*")


@dataclass(frozen=True)
class Call:
    """One call that the broker got: what was asked and, when it was refused, the fault's code."""

    operation: str
    effective_date: str | None
    fault: str | None = None


class Broker:
    """What answers for a school, and what a test sets and sees.

    ``calls`` are all calls in the order in which they ended, ``overlaps`` counts the calls that came while another was
    being answered (SIMS is not thread-safe: they get a ``Server`` fault and must never happen). ``delay`` makes each
    answer take so many seconds; ``expired`` refuses the account as one whose time is over; ``password`` and ``today``
    (the day of the operations without an effectiveDate) may be changed.
    """

    def __init__(
        self,
        database: Database,
        *,
        username: str,
        password: str,
        denied: Iterable[str] = (),
        today: date | None = None,
    ) -> None:
        self.database = database
        self.username, self.password, self.today = username, password, today
        self.url = ""
        self.calls: list[Call] = []
        self.overlaps = 0
        self.delay = 0.0
        self.expired = False
        self._denied: set[str] = set()
        self.deny(*denied)
        self._results: dict[str, str] = {}
        self._broken: list[Callable[[bytes], Response]] = []
        self._answering = threading.Lock()

    def deny(self, *permissions: str) -> None:
        """Take SIMS permissions (SPEC section 10) from the user."""
        if unknown := set(permissions) - set(PERMISSIONS):
            raise ValueError(f"No SIMS permission: {', '.join(sorted(unknown))}. There are: {'; '.join(PERMISSIONS)}.")
        self._denied.update(permissions)

    def grant(self, *permissions: str) -> None:
        """Give permissions back; without arguments all of them."""
        self._denied.difference_update(permissions or PERMISSIONS)

    def answer_with(self, operation: str, result: str | None) -> None:
        """Answer an operation with this string instead of its document, until None is set."""
        if result is None:
            self._results.pop(operation, None)
        else:
            self._results[operation] = result

    def fail_next(self, status: int = 503, *, times: int = 1) -> None:
        """Answer the next calls with an HTTP error that is no SOAP."""
        self._broken += [lambda _: PlainTextResponse("The server has a problem.", status)] * times

    def cut_next(self, *, times: int = 1) -> None:
        """Close the connection in the middle of the next answers."""
        self._broken += [_cut] * times

    def respond(self, body: bytes) -> Response:
        """The HTTP response to a SOAP request."""
        try:
            status, message = 200, self._answer(body)
        except soap.Fault as fault:
            status, message = 500, fault.to_bytes()  # SOAP 1.1, section 6.2
        if self._broken:
            return self._broken.pop(0)(message)
        return Response(message, status, media_type="text/xml; charset=utf-8")

    def _answer(self, body: bytes) -> bytes:
        request = soap.read_request(body)
        asked = request.arguments.get("effectiveDate")
        try:
            message = self._alone(request)
        except soap.Fault as fault:
            self.calls.append(Call(request.operation, asked, fault.code))
            raise
        self.calls.append(Call(request.operation, asked))
        return message

    def _alone(self, request: soap.Request) -> bytes:
        if not self._answering.acquire(blocking=False):
            self.overlaps += 1
            raise soap.Fault("Server", "SIMS is busy: it answers one call at a time.")
        try:
            time.sleep(self.delay)
            self._authenticate(request.token)
            document = _document(request)
            self._authorise(document)
            day = _effective_date(document, request) or self.today or date.today()
            result = self._results.get(document.operation)
            if result is None:
                result = write(document, self.database.rows(document.table, day))
            return soap.answer(document.operation, result)
        finally:
            self._answering.release()

    def _authenticate(self, token: soap.UsernameToken | None) -> None:
        if token is None:
            raise soap.Fault("InvalidSecurity", "The request has no UsernameToken.", namespace=soap.WSSE)
        if not token.proves(self.username, self.password):
            raise soap.Fault("FailedAuthentication", "The user name or password is wrong.", namespace=soap.WSSE)
        if self.expired:
            raise soap.Fault("FailedAuthentication", "The account has expired.", namespace=soap.WSSE)

    def _authorise(self, document: Document) -> None:
        if lacking := [permission for permission in document.permissions if permission in self._denied]:
            raise soap.Fault("Server", "The user lacks permissions in SIMS.", permissions=lacking)


@contextmanager
def running(
    database: Database | Path | str,
    *,
    username: str = "sims",
    password: str = "sims",  # noqa: S107 - the sandbox's own
    host: str = "127.0.0.1",
    port: int = 0,
    denied: Iterable[str] = (),
    today: date | None = None,
) -> Iterator[Broker]:
    """A broker that answers in a thread of this process; its ``url`` is the endpoint.

    :param database: the school, or its file.
    :param port: 0 takes a free one.
    :param denied: SIMS permissions that the user lacks.
    :param today: the broker's own day; default the real one.
    :raises OSError: the port is in use.
    """
    school = database if isinstance(database, Database) else Database(database)
    broker = Broker(school, username=username, password=password, denied=denied, today=today)
    listener = listen(host, port)
    broker.url = endpoint(listener)
    server = http_server(broker)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield broker
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        if school is not database:
            school.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address.

    :raises OSError: it is in use.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def endpoint(listener: socket.socket) -> str:
    """The URL of the broker that answers on a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def http_server(broker: Broker, *, ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The HTTP server of a broker, to be run; ``ready`` is called when it answers."""
    server = _Server(
        uvicorn.Config(
            Starlette(routes=[Route(PATH, _Endpoint(broker).handle, methods=["GET", "POST"])]),
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    server.ready = ready
    return server


class _Server(uvicorn.Server):
    ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()


class _Endpoint:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def handle(self, request: HttpRequest) -> Response:
        if request.method != "POST":
            if "wsdl" in (key.lower() for key in request.query_params):
                return Response(soap.wsdl(str(request.url.replace(query=""))), media_type="text/xml; charset=utf-8")
            return PlainTextResponse("A SOAP 1.1 service: POST to it, or ask for ?wsdl.", 405, {"Allow": "POST"})
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "text/xml":
            return PlainTextResponse("SOAP 1.1 has the content type text/xml.", 415)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_REQUEST:
                return PlainTextResponse("The request is too large.", 413)
        return await run_in_threadpool(self._broker.respond, bytes(body))


def _document(request: soap.Request) -> Document:
    document = BY_OPERATION.get(request.operation)
    if document is None:
        raise soap.Fault("Client", f"There is no such operation; there are {', '.join(BY_OPERATION)}.")
    expected = {"effectiveDate"} if document.dated else set()
    if set(request.arguments) != expected:
        raise soap.Fault("Client", f"{document.operation} takes {', '.join(expected) or 'no arguments'}.")
    return document


def _effective_date(document: Document, request: soap.Request) -> date | None:
    if not document.dated:
        return None
    if match := _XS_DATE.fullmatch(request.arguments["effectiveDate"]):
        try:
            return date.fromisoformat(match[1])
        except ValueError:
            pass
    raise soap.Fault("Client", "effectiveDate is no date such as 2026-09-01.")


def _cut(message: bytes) -> Response:
    async def half() -> AsyncIterator[bytes]:
        yield message[: len(message) // 2]
        # an answer shorter than its Content-Length: the server can only close the connection

    headers: dict[str, Any] = {"Content-Length": str(len(message))}
    return StreamingResponse(half(), 200, headers, media_type="text/xml; charset=utf-8")
