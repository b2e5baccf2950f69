"""The login of a directory by OAuth 2 client credentials (RFC 6749 section 4.4): tokens that live for a while.

oauthlib writes the request for a token and reads what it is answered. What is sent and received keeps the bounds, the
silence and the words of the directory's own answers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import requests
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests.adapters import BaseAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from sims_sync.directory.json_answers import NoJson, number, read_json
from sims_sync.directory.scim_answers import kind_of
from sims_sync.directory.session import REFUSED_LOGIN, Server, receive
from sims_sync.model.errors import CredentialsRefused, SyncError, TransientFault, UnexpectedAnswer

_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_EARLY = 60.0
"""Seconds before its end, at the most, from which on a token is not sent any more: a request is on its way for a while,
and two clocks differ."""
_WRONG_CLIENT = (
    "Put the right client id and secret into the connection (its login and password), then clear the task. If they are "
    'right, the server may want them in the body: "client_authentication": "client_secret_post" in the extra.'
)
_REFUSALS = {
    "invalid_request": "Look whether the server wants an `audience` or a `resource` in the connection's extra, or "
    'the client in the body ("client_authentication": "client_secret_post"); then clear the task.',
    "invalid_client": _WRONG_CLIENT,
    "invalid_grant": _WRONG_CLIENT,
    "unauthorized_client": "Allow the client the grant type client_credentials in that server, then clear the task.",
    "unsupported_grant_type": "The server gives no tokens to client credentials: ask its support which login it takes.",
    "invalid_scope": "Correct `scope` in the connection's extra, then clear the task.",
}
"""Those of RFC 6749 section 5.2, which alone are told, and what to do."""
_PASSING = ("temporarily_unavailable", "server_error")
"""Codes of RFC 6749 section 4.1.2.1 that servers answer here as well."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
_TOLD = ("access_token", "token_type", "error")
"""What is read of an answer; its words are the server's."""


@dataclass(frozen=True)
class Client:
    """Who asks for tokens, and where.

    :param token_url: the token endpoint (RFC 6749 section 3.2).
    :param scope: what tokens shall be good for, words with a space between; empty where the server decides.
    :param parameters: further ones of the request, such as ``audience``.
    :param in_body: whether id and secret go in the body; else by Basic (RFC 6749 section 2.3.1).
    """

    token_url: str
    client_id: str
    secret: str = field(repr=False)
    scope: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    in_body: bool = False


@dataclass(frozen=True)
class _Token:
    """:param until: when it is not sent any more, by ``time.monotonic``; none where nobody knows."""

    value: str = field(repr=False)
    until: float | None

    @property
    def is_fresh(self) -> bool:
        return self.until is None or time.monotonic() < self.until


class ClientCredentials(AuthBase):
    """Gives each request of a session a token that is good.

    One is fetched for the first request, again a little before it ends, and once more where the directory refuses it
    all the same: what was refused (401) was not carried out, so that a write is sent again, too.

    :param session: that of the directory, whose trust and proxies count for the token endpoint as well.
    :param adapter: the transport to the token endpoint.
    :param connection_name: what messages call the connection.
    """

    def __init__(self, client: Client, session: requests.Session, adapter: BaseAdapter, connection_name: str) -> None:
        self._client = client
        self._protocol = BackendApplicationClient(client.client_id)
        self._server = Server("The token endpoint", connection_name, "`token_url`", "that of its OAuth 2 server")
        self._session = _session_like(session, adapter)
        self._token: _Token | None = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """:raises SyncError: there is no token; see :meth:`_fetch`."""
        if self._token is None or not self._token.is_fresh:
            self._token = self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        request.register_hook("response", self._once_more)  # type: ignore[no-untyped-call]
        return request

    def _once_more(self, response: requests.Response, **options: Any) -> requests.Response:
        """The answer to the same request with a new token, where the one it had was refused.

        :param options: those with which the request was sent.
        :raises CredentialsRefused: the new one is refused as well.
        :raises SyncError: there is no new one.
        """
        if response.status_code != requests.codes.unauthorized:
            return response
        self._token = self._fetch()
        request = response.request.copy()
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        answer: requests.Response = response.connection.send(request, **options)
        if answer.status_code == requests.codes.unauthorized:
            raise CredentialsRefused(
                f"The directory refused the login of the connection {self._server.connection_name}: "
                "a token that it had been given a moment before.",
                advice="Look whether tokens for the directory need a `scope`, an `audience` or a `resource` in the "
                "connection's extra, and whether the directory knows the client; then clear the task.",
            )
        answer.history.append(response)
        return answer

    def _fetch(self) -> _Token:
        """A new token.

        :raises CredentialsRefused: the token endpoint refuses the client, or what it asks for.
        :raises TransientFault: it does not answer, or not now.
        :raises UnexpectedAnswer: it answers no token.
        """
        asked_at = time.monotonic()
        response = receive(
            self._server, self._session, "POST", self._client.token_url,
            data=self._body(), headers=_HEADERS, auth=self._authentication(),
        )  # fmt: skip
        answer = _object_of(response)
        told = {name: answer[name] for name in _TOLD if answer.get(name)}
        try:
            token = self._protocol.parse_request_body_response(json.dumps(told))
        except OAuth2Error as error:
            raise self._refusal(response, str(error.error)) from None
        value, kind = token["access_token"], str(token.get("token_type", "Bearer"))
        if not response.ok or not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise self._refusal(response)
        if not kind.casefold().startswith("bearer"):
            raise UnexpectedAnswer(
                f"{self._server} gave a token that is no bearer token.",
                advice="Ask the directory's support for a login by bearer tokens (RFC 6750).",
            )
        return _Token(value, _end(asked_at, answer.get("expires_in")))

    def _body(self) -> str:
        client = self._client
        parameters: dict[str, Any] = {**client.parameters}
        if client.in_body:
            parameters |= {"include_client_id": True, "client_secret": client.secret}
        return self._protocol.prepare_request_body(scope=client.scope, **parameters)

    def _authentication(self) -> AuthBase:
        client = self._client
        if client.in_body:
            return _NoAuthentication()
        return HTTPBasicAuth(quote_plus(client.client_id), quote_plus(client.secret))

    def _refusal(self, response: requests.Response, code: str = "") -> SyncError:
        """Why there is no token.

        :param code: of the error that the server told, if it is one.
        """
        status = response.status_code
        if code in _REFUSALS:
            return CredentialsRefused(f"{self._server} gave no token: {code}.", advice=_REFUSALS[code])
        if code in _PASSING:
            return TransientFault(f"{self._server} gave no token now.")
        if status in REFUSED_LOGIN:
            return CredentialsRefused(f"{self._server} gave no token: status {status}.", advice=_WRONG_CLIENT)
        return UnexpectedAnswer(
            f"{self._server} answered {status} and no token, but {kind_of(response)}.",
            advice=self._server.check_address,
        )


class _NoAuthentication(AuthBase):
    """Says that a request has its login: else requests would look for one in the user's .netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _session_like(session: requests.Session, adapter: BaseAdapter) -> requests.Session:
    """A session with the trust and the proxies of another one, but neither its login nor its headers."""
    like = requests.Session()
    like.verify, like.cert = session.verify, session.cert
    like.proxies, like.trust_env = session.proxies, session.trust_env
    for scheme in ("http://", "https://"):
        like.mount(scheme, adapter)
    return like


def _object_of(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer, empty where it is none."""
    try:
        answer = read_json(response.content)
    except NoJson:
        return {}
    return answer if isinstance(answer, dict) else {}


def _end(asked_at: float, expires_in: Any) -> float | None:
    """When a token is not sent any more, none where its server does not say how long it lives.

    :param asked_at: when it was asked for, by ``time.monotonic``.
    :param expires_in: seconds; a number, that may be text.
    """
    seconds = number(str(expires_in).partition(".")[0])
    return asked_at + seconds - min(_EARLY, seconds / 2) if seconds else None
