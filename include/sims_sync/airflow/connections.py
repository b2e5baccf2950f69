"""From Airflow connections to the clients of SIMS and of the directory (SPEC section 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from sims_sync.config import School
from sims_sync.errors import PermanentFault

if TYPE_CHECKING:
    from sims_sync.directory.writing import Directory
    from sims_sync.sims.client import SimsClient


def open_sims(school: School) -> SimsClient:
    """The client of a school's SIMS broker, from the connection ``sims_<id>``: host (the endpoint), login, password.

    :raises PermanentFault: the connection is missing or incomplete.
    """
    from airflow.providers.http.hooks.http import HttpHook

    from sims_sync.sims.client import SimsClient

    connection = _connection(school.sims_connection)
    if not connection.login or not connection.password:
        raise PermanentFault(f"The connection {school.sims_connection} has no login or no password.")
    hook = HttpHook(http_conn_id=school.sims_connection, tcp_keep_alive=False)
    session = hook.get_conn()
    session.auth = None  # SIMS takes the login in the envelope (WS-Security), not in HTTP
    return SimsClient(
        hook.base_url,
        connection.login,
        connection.password,
        session=session,
        connection_name=school.sims_connection,
    )


def open_directory(school: School) -> Directory:
    """The client of a school's directory, from the connection ``directory_<id>``.

    Its host is the SCIM base URL. With a login, login and password are sent (Basic); else the password is the bearer
    token.

    :raises PermanentFault: the connection is missing or incomplete, or the directory's users have no roles.
    """
    from airflow.providers.http.hooks.http import HttpHook

    from sims_sync.directory.discovery import discover
    from sims_sync.directory.session import scim_adapter
    from sims_sync.directory.writing import Directory

    connection = _connection(school.directory_connection)
    hook = HttpHook(http_conn_id=school.directory_connection, adapter=scim_adapter())
    session = hook.get_conn(headers=_bearer(connection))
    capabilities = discover(session, hook.base_url, connection_name=school.directory_connection)
    return Directory(session, hook.base_url, capabilities, connection_name=school.directory_connection)


def _bearer(connection: Any) -> dict[str, str]:
    return {} if connection.login or not connection.password else {"Authorization": f"Bearer {connection.password}"}


def _connection(name: str) -> Any:
    try:
        connection = BaseHook.get_connection(name)
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
