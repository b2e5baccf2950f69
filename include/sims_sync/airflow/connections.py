"""From Airflow connections to the clients of SIMS and of the directory (SPEC section 11).

They are of our own types (``sims_sync.airflow.hooks``) or of type ``http``; what they hold means the same.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow.sdk import BaseHook

from sims_sync.model.errors import PermanentFault

if TYPE_CHECKING:
    import requests

    from sims_sync.directory.session import Endpoint
    from sims_sync.sources.sims.client import SimsClient


ALLOW_HTTP = "allow_http"
"""The key in a connection's extra that lets its login go over the wire unencrypted."""

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
    """A directory, from a connection. Its host is the SCIM base URL. With a login, login and password are sent (Basic);
    else the password is the bearer token.

    :param called: what messages call the connection; default: its id.
    :param patient: whether a directory that does not answer is asked again.
    :raises PermanentFault: the connection is missing, incomplete, or not safe.
    """
    from sims_sync.directory.session import Endpoint, hasty_adapter, scim_adapter

    connection, name = read_connection(connection_id, called), called or connection_id
    base_url = address(connection, called).rstrip("/")
    adapter = scim_adapter() if patient else hasty_adapter()
    session = _session(connection_id, called, adapter=adapter)
    for scheme in _USUAL_PORTS:  # the hook has its own idea of the address
        session.mount(f"{scheme}://", adapter)
    if not connection.login:
        session.auth = _as_it_is
        if connection.password:
            session.headers["Authorization"] = f"Bearer {connection.password}"
    return Endpoint(session, base_url, name)


def read_connection(connection_id: str, called: str = "") -> Any:
    """An Airflow connection that has a host.

    :raises PermanentFault: there is none of this id, or it has no host.
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
    return connection


def address(connection: Any, called: str = "") -> str:
    """The address that a connection holds: its host, in full; a port that is stored apart belongs to its host part.

    Without a scheme it is https. A login goes over http to this machine alone, or where the connection allows it.

    :param called: what messages call the connection; default: its id.
    :raises PermanentFault: it is no http or https address, holds a login, or is http and may not be.
    """
    name = called or getattr(connection, "conn_id", "")
    host: str = connection.host.strip()
    try:
        parts = urlsplit(host if "://" in host else f"{connection.schema or 'https'}://{host}")
        stated = parts.port
        if connection.port and stated is None and connection.port != _USUAL_PORTS.get(parts.scheme):
            parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    except ValueError:  # a port or an IPv6 address that is none
        parts = urlsplit("")
    if parts.scheme not in _USUAL_PORTS or not parts.hostname or "\\" in host:
        raise PermanentFault(
            f"The host of the connection {name} is no http or https address.",
            advice="It is the full address of the service, such as https://sims.example.org/ThirdParty.svc.",
        )
    if "@" in parts.netloc:
        raise PermanentFault(
            f"The host of the connection {name} holds a login.", advice="Put it into the fields login and password."
        )
    if parts.scheme == "http" and not _is_this_machine(parts) and not _allows_http(connection):
        raise PermanentFault(
            f"The connection {name} would send its password or token over http, unencrypted.",
            advice="Begin its host with https://. If the network between is yours alone, as between two containers, "
            f'its extra can say "{ALLOW_HTTP}": true.',
        )
    return parts.geturl()


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
    session.headers.pop(ALLOW_HTTP, None)  # the hook takes all extras that it does not know for headers
    if session.verify in (None, ""):  # a field of the form that was left empty, which requests would take for "no"
        session.verify = True
    check_certificates(session, called or connection_id)
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Says that a request has its login, or none: else requests would look for one in the user's .netrc."""
    return request
