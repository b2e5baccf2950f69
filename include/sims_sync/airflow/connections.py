"""From Airflow connections to the clients of SIMS and of the directory (SPEC section 11).

They are of our own types (``sims_sync.airflow.hooks``) or of type ``http``; what they hold means the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

from sims_sync.model.errors import PermanentFault

if TYPE_CHECKING:
    import requests

    from sims_sync.directory.session import Endpoint
    from sims_sync.sources.sims.client import SimsClient


_USUAL_PORTS = {"http": 80, "https": 443}


def sims_client(connection_id: str, *, called: str = "", **seconds: float) -> SimsClient:
    """The client of a SIMS broker, from a connection: host (the endpoint), login, password.

    :param called: what messages call the connection; default: its id.
    :param seconds: shorter waits of the client.
    :raises PermanentFault: the connection is missing or incomplete.
    """
    from sims_sync.sources.sims.client import SimsClient

    connection = read_connection(connection_id, called)
    if not connection.login or not connection.password:
        raise PermanentFault(f"The connection {called or connection_id} has no login or no password.")
    session = _session(connection_id, tcp_keep_alive=False)
    session.auth = None  # SIMS takes the login in the envelope (WS-Security), not in HTTP
    return SimsClient(
        address(connection),
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
    :raises PermanentFault: the connection is missing or incomplete.
    """
    from sims_sync.directory.session import Endpoint, hasty_adapter, scim_adapter

    connection, name = read_connection(connection_id, called), called or connection_id
    session = _session(connection_id, adapter=scim_adapter() if patient else hasty_adapter())
    if not connection.login and connection.password:
        session.headers["Authorization"] = f"Bearer {connection.password}"
    return Endpoint(session, address(connection).rstrip("/"), name)


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


def address(connection: Any) -> str:
    """The address that a connection holds: its host, in full; a port that is stored apart belongs to its host part."""
    host: str = connection.host.strip()
    url = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    parts = urlsplit(url)
    if connection.port and parts.port is None and connection.port != _USUAL_PORTS.get(parts.scheme):
        parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    return parts.geturl()


def _session(connection_id: str, **options: Any) -> requests.Session:
    """A session with the connection's login, headers, proxies, CA and time-outs."""
    from airflow.providers.http.hooks.http import HttpHook

    session: requests.Session = HttpHook(http_conn_id=connection_id, **options).get_conn()
    if session.verify in (None, ""):  # a field of the form that was left empty, which requests would take for "no"
        session.verify = True
    return session
