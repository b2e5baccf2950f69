"""From Airflow connections to the clients of SIMS and of the directory (SPEC section 11).

They are of our own types (``sims_sync.airflow.hooks``) or of type ``http``; what they hold means the same.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow.sdk import BaseHook

from sims_sync.model.errors import PermanentFault

if TYPE_CHECKING:
    import requests

    from sims_sync.directory.client_credentials import Client
    from sims_sync.directory.session import Endpoint
    from sims_sync.sources.sims.client import SimsClient


ALLOW_HTTP = "allow_http"
"""The key in a connection's extra that lets its login go over the wire unencrypted."""

TOKEN_URL, CLIENT_AUTHENTICATION = "token_url", "client_authentication"
"""The keys that make a directory's login one by OAuth 2, and say how its client says who it is (RFC 7591 section 2)."""
TOKEN_PARAMETERS = ("scope", "audience", "resource")
"""The keys that the request for a token takes over (RFC 6749 section 4.4.2, RFC 8707; ``audience`` is others')."""
_OF_OAUTH_2 = (TOKEN_URL, CLIENT_AUTHENTICATION, *TOKEN_PARAMETERS)
_BASIC, _POST = "client_secret_basic", "client_secret_post"

_USUAL_PORTS = {"http": 80, "https": 443}


def sims_client(connection_id: str, *, called: str = "", **seconds: float) -> SimsClient:
    """The client of a SIMS broker, from a connection: host (the endpoint), login, password.

    :param called: what messages call the connection; default: its id.
    :param seconds: shorter waits of the client.
    :raises PermanentFault: the connection is missing, incomplete, or not safe.
    """
    from sims_sync.sources.sims.client import SimsClient

    connection = read_connection(connection_id, called)
    if not connection.login or not connection.password:
        raise PermanentFault(f"The connection {called or connection_id} has no login or no password.")
    endpoint = address(connection, called)
    session = _session(connection_id, called, tcp_keep_alive=False)
    session.auth = _as_it_is  # SIMS takes the login in the envelope (WS-Security), not in HTTP
    return SimsClient(
        endpoint,
        connection.login,
        connection.password,
        session=session,
        connection_name=called or connection_id,
        **seconds,  # type: ignore[arg-type]
    )


def directory_endpoint(connection_id: str, *, called: str = "", patient: bool = True) -> Endpoint:
    """A directory, from a connection. Its host is the SCIM base URL.

    With a ``token_url`` in the extra, login and password are the client id and secret of OAuth 2. Else, with a login,
    they are sent as they are (Basic), and without one the password is the bearer token.

    :param called: what messages call the connection; default: its id.
    :param patient: whether a directory that does not answer is asked again.
    :raises PermanentFault: the connection is missing, incomplete, or not safe.
    """
    from sims_sync.directory.session import Endpoint, hasty_adapter, login_adapter, scim_adapter

    connection, name = read_connection(connection_id, called), called or connection_id
    base_url, client = address(connection, called).rstrip("/"), oauth_client(connection, called)
    adapter = scim_adapter() if patient else hasty_adapter()
    session = _session(connection_id, called, adapter=adapter)
    for scheme in _USUAL_PORTS:  # the hook has its own idea of the address
        session.mount(f"{scheme}://", adapter)
    if client is not None:
        from sims_sync.directory.client_credentials import ClientCredentials

        session.auth = ClientCredentials(client, session, login_adapter(patient=patient), name)
    elif not connection.login:
        session.auth = _as_it_is
        if connection.password:
            session.headers["Authorization"] = f"Bearer {connection.password}"
    return Endpoint(session, base_url, name)


def read_connection(connection_id: str, called: str = "") -> Any:
    """An Airflow connection that has a host.

    :raises PermanentFault: there is none of this id, it has no host, or its extra cannot be read.
    """
    name = called or connection_id
    try:
        connection = BaseHook.get_connection(connection_id)
    except Exception:  # every secrets backend has its own way to say that there is none
        raise PermanentFault(
            f"There is no connection {name}.",
            advice="Add it in Airflow (Admin > Connections), or set "
            f"AIRFLOW_CONN_{name.upper()}; docs/configuration.md says what it holds.",
        ) from None
    if not connection.host:
        raise PermanentFault(
            f"The connection {name} has no host.", advice="The host is the full address of the service."
        )
    if not _is_json_object(connection.extra or "{}"):  # Airflow would go on as if there were none
        raise PermanentFault(
            f"The extra of the connection {name} is no JSON object.", advice="Correct it, or leave it empty."
        )
    return connection


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def address(connection: Any, called: str = "") -> str:
    """The address that a connection holds: its host, in full; a port that is stored apart belongs to its host part.

    Without a scheme it is https. A login goes over http to this machine alone, or where the connection allows it.

    :param called: what messages call the connection; default: its id.
    :raises PermanentFault: it is no http or https address, holds a login, or is http and may not be.
    """
    return _safe(connection.host, connection, called, "host", "https://sims.example.org/ThirdParty.svc")


def oauth_client(connection: Any, called: str = "") -> Client | None:
    """The OAuth 2 client that a directory's connection logs in as; none where its extra has no ``token_url``.

    :param called: what messages call the connection; default: its id.
    :raises PermanentFault: the connection is incomplete, or its token URL not safe.
    """
    name = called or getattr(connection, "conn_id", "")
    extra = {key: text for key in _OF_OAUTH_2 if (text := _text(connection, key, name))}
    if TOKEN_URL not in extra:
        if extra:
            raise PermanentFault(
                f"The extra of the connection {name} has `{next(iter(extra))}`, but no `{TOKEN_URL}`.",
                advice=f"Add the address of the token endpoint as `{TOKEN_URL}`, or take it out.",
            )
        return None
    from sims_sync.directory.client_credentials import Client

    token_url, method = extra.pop(TOKEN_URL), extra.pop(CLIENT_AUTHENTICATION, _BASIC)
    if method not in (_BASIC, _POST):
        raise PermanentFault(
            f"The `{CLIENT_AUTHENTICATION}` of the connection {name} is none that the sync knows.",
            advice=f"It is `{_BASIC}` or `{_POST}`.",
        )
    if not connection.login or not connection.password:
        raise PermanentFault(
            f"The connection {name} has a `{TOKEN_URL}`, but no login or no password.",
            advice="They are the client id and the client secret.",
        )
    url = _safe(token_url, connection, called, f"`{TOKEN_URL}`", "https://login.example.org/oauth2/token")
    scope = extra.pop("scope", "")
    return Client(url, connection.login, connection.password, scope, extra, in_body=method == _POST)


def _text(connection: Any, key: str, name: str) -> str:
    """What a connection's extra says under a key, empty where it says nothing. The scope may be a list of its words.

    :raises PermanentFault: it is no text.
    """
    value = connection.extra_dejson.get(key) or ""
    words = value if key == "scope" and isinstance(value, list) else [value]
    if not all(isinstance(word, str) for word in words):
        raise PermanentFault(f"The `{key}` in the extra of the connection {name} is no text.")
    return " ".join(words).strip()


def _safe(url: str, connection: Any, called: str, what: str, example: str) -> str:
    """An address of a connection to which its login may be sent.

    :param what: what of the connection it is; a port that is stored apart belongs to its host.
    :param example: of such an address.
    :raises PermanentFault: it is no http or https address, holds a login, or is http and may not be.
    """
    name = called or getattr(connection, "conn_id", "")
    parts = _parts(url.strip(), connection, is_host=what == "host")
    if parts.scheme not in _USUAL_PORTS or not parts.hostname or "\\" in url:
        raise PermanentFault(
            f"The {what} of the connection {name} is no http or https address.",
            advice=f"It is the full address of the service, such as {example}.",
        )
    if "@" in parts.netloc:
        raise PermanentFault(
            f"The {what} of the connection {name} holds a login.", advice="Put it into the fields login and password."
        )
    if parts.scheme == "http" and not _is_this_machine(parts) and not _allows_http(connection):
        raise PermanentFault(
            f"The connection {name} would send its password or token over http, unencrypted.",
            advice=f"Begin its {what} with https://. If the network between is yours alone, as between two containers, "
            f'its extra can say "{ALLOW_HTTP}": true.',
        )
    return parts.geturl()


def _parts(url: str, connection: Any, *, is_host: bool) -> SplitResult:
    """The parts of an address, empty ones where it is none. Without a scheme it is https.

    :param is_host: whether the connection's schema and port belong to it.
    """
    scheme = connection.schema if is_host else ""
    try:
        parts = urlsplit(url if "://" in url else f"{scheme or 'https'}://{url}")
        stated = parts.port
    except ValueError:  # a port or an IPv6 address that is none
        return urlsplit("")
    if is_host and connection.port and stated is None and connection.port != _USUAL_PORTS.get(parts.scheme):
        return parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    return parts


def _is_this_machine(parts: SplitResult) -> bool:
    try:
        return ip_address(str(parts.hostname)).is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _allows_http(connection: Any) -> bool:
    return str(connection.extra_dejson.get(ALLOW_HTTP)).lower() == "true"


def _session(connection_id: str, called: str, **options: Any) -> requests.Session:
    """A session with the connection's login, headers, proxies, CA and time-outs.

    :raises PermanentFault: a file of certificates that it names is none.
    """
    from airflow.providers.http.hooks.http import HttpHook

    from sims_sync.transport.trust import check_certificates

    session: requests.Session = HttpHook(http_conn_id=connection_id, **options).get_conn()
    for key in (ALLOW_HTTP, *_OF_OAUTH_2):
        session.headers.pop(key, None)  # the hook takes all extras that it does not know for headers
    if session.verify in (None, ""):  # a field of the form that was left empty, which requests would take for "no"
        session.verify = True
    check_certificates(session, called or connection_id)
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Says that a request has its login, or none: else requests would look for one in the user's .netrc."""
    return request
