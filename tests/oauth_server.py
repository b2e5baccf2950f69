"""An OAuth 2 server on loopback that gives tokens to client credentials: oauthlib's own, which is strict."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from oauthlib.oauth2 import BackendApplicationServer, RequestValidator

from proxy import Forward, Reply, Request, proxy_to
from sims_sync.airflow.connections import directory_endpoint
from sims_sync.directory.session import Endpoint, send

CONNECTION = "directory_green_abbey"
CLIENT_ID, SECRET = "sims sync", "s3cret +%:/ü"  # what the form encoding of RFC 6749 section 2.3.1 is for
SCOPE = "directory.read directory.write"
NAMES = b"Ada Quillfeather <ada@quillfeather.example.org>"
"""What a server may say in its own words."""


class _Clients(RequestValidator):
    """Knows the one client, and which tokens are good."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
            shown = (unquote_plus(name), unquote_plus(secret))
        else:
            shown = (request.client_id, request.client_secret)
        request.client = type("Client", (), {"client_id": CLIENT_ID})
        return shown == (CLIENT_ID, SECRET)

    def validate_grant_type(self, client_id: str, grant_type: str, *args: Any, **kwargs: Any) -> bool:
        return grant_type == "client_credentials"

    def validate_scopes(self, client_id: str, scopes: list[str], *args: Any, **kwargs: Any) -> bool:
        return set(scopes) <= set(SCOPE.split())

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return SCOPE.split()

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        self.server.tokens.add(token["access_token"])

    def validate_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        return token in self.server.tokens and not self.server.refuses


@dataclass
class OAuthServer:
    """:param url: the token endpoint.
    :param seen: the requests for tokens so far.
    :param tokens: those that are good; ``tokens.clear()`` ends them all.
    :param expires_in: the seconds that it says a token lives; ``tokens`` decides.
    :param refuses: whether no token is good any more.
    :param refused: how many requests to the directory had no good token.
    """

    url: str = ""
    seen: list[Request] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    expires_in: int = 3600
    refuses: bool = False
    refused: int = 0

    def __post_init__(self) -> None:
        self._server = BackendApplicationServer(_Clients(self), token_expires_in=lambda _: self.expires_in)

    def give_token(self, request: Request, forward: Forward) -> Reply:
        headers, body, status = self._server.create_token_response(
            "https://login.example.org/token", request.method, request.body.decode(), dict(request.headers)
        )
        return Reply(status, body.encode(), headers)

    def guard(self, token: str, meddle: Callable[[Request], None] = lambda _: None) -> Callable[..., Reply]:
        """For a proxy to a directory: it takes the tokens of this server alone.

        :param token: the bearer token that the directory itself wants.
        :param meddle: called before each request is looked at.
        """

        def guarded(request: Request, forward: Forward) -> Reply:
            meddle(request)
            good, _ = self._server.verify_request("https://x.example.org", headers=dict(request.headers), scopes=[])
            if not good:
                self.refused += 1
                return Reply(401, NAMES, {"WWW-Authenticate": "Bearer"})
            headers = {**request.headers, "Authorization": f"Bearer {token}"}
            return forward(Request(request.method, request.path, headers, request.body))

        return guarded


@contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    """Runs the server on a free port while the block runs."""
    with proxy_to("http://127.0.0.1:9/token") as http:
        server = OAuthServer(http.url, http.seen)
        http.meddle = server.give_token
        yield server


def token(status: int = 200, **answer: Any) -> Reply:
    """An answer of a token endpoint that a test writes."""
    return Reply(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})


def connected(
    connect: Callable[..., None], host: str, login: str = CLIENT_ID, password: str = SECRET, **extra: Any
) -> None:
    """Sets the connection of the directory."""
    connect(CONNECTION, conn_type="scim", host=host, login=login, password=password, extra=extra)


def ask(endpoint: Endpoint | None = None, method: str = "GET") -> int:
    """Asks the directory of the connection for its users; gives the status."""
    endpoint = endpoint or directory_endpoint(CONNECTION)
    return send(endpoint.session, method, f"{endpoint.base_url}/Users", connection_name=CONNECTION).status_code


def assert_silent(*shown: str | Exception, tokens: Iterable[str] = ()) -> None:
    """No secret, no token and no name of a person in what faults and logs say."""
    text = "".join(each if isinstance(each, str) else "".join(traceback.format_exception(each)) for each in shown)
    for secret in (SECRET, "s3cret", "uillfeather", *tokens):
        assert secret not in text
