"""The directory as an HTTP server on loopback; its SCIM base URL ends in ``/scim/v2``."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, cast

import uvicorn
from scim2_models import Meta, Resource, ScimProvider
from scim2_server.applications.base import VERSION_PREFIX
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.directory.capabilities import Capabilities
from sandbox.directory.storage import DatabaseStorage

MOUNTED_AT = "/scim"
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_METHODS = ("GET", *_WRITING)
_BUSY = "port {port} of {host} cannot be opened ({reason}): choose another one, or end the program that has it"


class PortInUse(Exception):
    """The port to serve on is not free; the message says what to do."""


@dataclass(frozen=True)
class Observed:
    """A request that the server answered.

    :param path: below the base URL, such as ``/Users``.
    :param writes: how many writes of accounts it asked for, refused ones included: a bulk request counts as its
        operations, a search and a SyncReport as none.
    """

    method: str
    path: str
    query: dict[str, str]
    status: int
    writes: int


@dataclass
class Running:
    """A directory that is being served.

    :param url: the SCIM base URL.
    :param requests: what it answered so far, the oldest first; ``requests.clear()`` starts the count again.
    """

    url: str
    token: str
    storage: DatabaseStorage
    requests: list[Observed] = field(default_factory=list, repr=False)

    @property
    def writes(self) -> int:
        """How many writes of accounts were asked for since ``requests`` was last cleared."""
        return sum(request.writes for request in self.requests)

    def users(self) -> list[dict[str, Any]]:
        """All accounts as plain JSON, straight from the database, in the order of their creation."""
        return self.storage.documents("User")

    def reports(self) -> list[dict[str, Any]]:
        """All SyncReports, likewise."""
        return self.storage.documents("SyncReport")

    def put_user(self, user: dict[str, Any]) -> str:
        """Creates the account, or replaces the one whose ``id`` it has, past the server; gives its id."""
        return self.storage.put("User", user)


class DirectoryService(ScimService):
    """scim2-server's protocol; references between resources stay as clients wrote them."""

    def publish(self, base_url: str, resource: Resource[Any]) -> Resource[Any]:
        """The resource with its location, as it goes to a client.

        :param base_url: of the SCIM endpoints.
        :param resource: as the storage gave it; it is changed.
        """
        # Without the copy of the original, which takes a third of the time of a list: the storage keeps no resource.
        kind = self.get_resource_type_of(resource)
        location = self.resource_location(base_url, kind, str(resource.id))
        changes = {"location": location} if self.etag_supported else {"location": location, "version": None}
        resource.meta = cast(Meta, resource.meta).model_copy(update=changes)
        return resource


class DirectoryApplication(BearerTokenApplication):
    """scim2-server's application, with one transaction a request, that tells what it answered."""

    def __init__(
        self, storage: DatabaseStorage, provider: ScimProvider, token: str, observe: Callable[[Observed], None]
    ) -> None:
        super().__init__(storage, provider, DirectoryService(provider), bearer_tokens=[token])
        self.database = storage
        self.observe = observe

    async def answer(self, request: Request) -> Response:
        """Serves a request of the web server; one at a time, as the database takes one writer at a time."""
        response = self.serve(
            ScimRequest(
                method=request.method,
                base_url=f"{str(request.base_url).rstrip('/')}{MOUNTED_AT}{VERSION_PREFIX}",
                path=self.split_path(f"/{request.path_params['path']}"),
                query=request.query_params,
                headers=request.headers,
                body=await request.body(),
            )
        )
        body = b"" if response.body is None else json.dumps(response.body)
        return Response(body, int(response.status), response.headers)

    def serve(self, request: ScimRequest) -> ScimResponse:
        """Answer a request in one transaction, and tell ``observe`` what was answered."""
        with self.database.transaction():
            response = super().serve(request)
        status = int(response.status)
        self.observe(Observed(request.method, request.path, dict(request.query), status, _writes(request)))
        return response


@contextmanager
def running(
    database: str | Path, *, token: str, host: str = "127.0.0.1", port: int = 0, **capabilities: Any
) -> Iterator[Running]:
    """Serves the directory in a thread while the block runs.

    :param database: an SQLite file, or a database URL of SQLAlchemy.
    :param token: the bearer token that every request but that of ServiceProviderConfig must carry.
    :param port: 0 for any free one.
    :param capabilities: see :class:`~sandbox.directory.capabilities.Capabilities`.
    :raises PortInUse: the port is not free.
    """
    with _opened(database, token, host, port, Capabilities(**capabilities)) as (directory, server, listening):
        thread = Thread(target=server.run, args=([listening],), name="directory", daemon=True)
        thread.start()
        try:
            yield directory
        finally:
            server.should_exit = True
            thread.join()


def serve(
    database: str | Path, *, token: str, host: str, port: int, capabilities: Capabilities, ready: Callable[[str], None]
) -> None:
    """Serves the directory until SIGINT or SIGTERM.

    :param ready: called with the base URL once requests are taken.
    :raises PortInUse: the port is not free.
    """
    with _opened(database, token, host, port, capabilities) as (directory, server, listening):
        ready(directory.url)
        server.run([listening])


@contextmanager
def _opened(
    database: str | Path, token: str, host: str, port: int, capabilities: Capabilities
) -> Iterator[tuple[Running, uvicorn.Server, socket.socket]]:
    """The server, ready to run: its socket already listens, so that a request waits instead of being refused."""
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise PortInUse(_BUSY.format(host=host, port=port, reason=error.strerror)) from None
    provider = capabilities.provider()
    storage = DatabaseStorage(database, provider)
    url = f"http://{host}:{listening.getsockname()[1]}{MOUNTED_AT}{VERSION_PREFIX}"
    directory = Running(url, token, storage)
    application = DirectoryApplication(storage, provider, token, directory.requests.append)
    routes = [Route(f"{MOUNTED_AT}/{{path:path}}", application.answer, methods=_METHODS)]
    # lifespan: nothing to start. keep-alive: longer than the pauses of a run, so that no request meets a closing door.
    config = uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off", timeout_keep_alive=75)
    try:
        yield directory, uvicorn.Server(config), listening
    finally:
        listening.close()
        storage.close()


def _writes(request: ScimRequest) -> int:
    endpoint = request.path.strip("/")
    if request.method not in _WRITING or endpoint.endswith(".search") or endpoint.partition("/")[0] == "SyncReports":
        return 0
    return len(_bulk_operations(request.body)) if endpoint == "Bulk" else 1


def _bulk_operations(body: bytes) -> list[Any]:
    try:
        operations = json.loads(body)["Operations"]
    except (ValueError, KeyError, TypeError):  # refused by the server: no operation can have been asked for
        return []
    return operations if isinstance(operations, list) else []
