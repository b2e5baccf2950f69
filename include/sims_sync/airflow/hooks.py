"""The connection types of the sync, with forms and *Test connection* in Airflow's UI.

Airflow tests a connection in its API server, under an id that it makes up. So a test is one quick try, and says what it
asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseHook

from sims_sync.airflow.configured import configured_store
from sims_sync.airflow.connections import address, directory_endpoint, read_connection, sims_client
from sims_sync.config.school_entry import School
from sims_sync.config.schools_file import ConfigError, load_schools
from sims_sync.model.errors import SyncError

_CALLED = "that is tested"
_QUICK = {"connect_seconds": 5.0, "read_seconds": 10.0, "call_seconds": 15.0}


class SimsHook(BaseHook):
    """A school's SIMS, behind its third-party broker."""

    conn_name_attr = "sims_conn_id"
    default_conn_name = "sims_default"
    conn_type = "sims"
    hook_name = "SIMS third-party broker"

    def __init__(self, sims_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.sims_conn_id = sims_conn_id

    def get_conn(self) -> Any:
        """The client (``sims_sync.sources.sims.client.SimsClient``)."""
        return sims_client(self.sims_conn_id)

    def test_connection(self) -> tuple[bool, str]:
        """Make the one call GetXmlSchool, once: SIMS locks accounts, and takes one call at a time. The answer is read
        by the names that the school's broker has (``sims.names``)."""
        from sims_sync.sources.sims.operations import SCHOOL

        try:
            connection = read_connection(self.sims_conn_id, _CALLED)
            with _alone_with(address(connection, _CALLED)) as configured:
                operation = SCHOOL.also_called(configured.sims.names if configured else {})
                school = sims_client(self.sims_conn_id, called=_CALLED, **_QUICK).school(operation)
        except Exception as error:
            return False, _told(error)
        return True, f"SIMS answered the one call GetXmlSchool: LA {school.la}, Estab {school.estab}, {school.name}."


class DirectoryHook(BaseHook):
    """A directory of user accounts that speaks SCIM 2.0."""

    conn_name_attr = "scim_conn_id"
    default_conn_name = "scim_default"
    conn_type = "scim"
    hook_name = "SCIM directory"

    def __init__(self, scim_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.scim_conn_id = scim_conn_id

    def get_conn(self) -> Any:
        """The directory's address and session (``sims_sync.directory.session.Endpoint``)."""
        return directory_endpoint(self.scim_conn_id)

    def test_connection(self) -> tuple[bool, str]:
        """Read what the directory offers (RFC 7644 section 4), and list one account. Nothing is written."""
        from sims_sync.directory.description import describe, probe
        from sims_sync.directory.discovery import discover
        from sims_sync.directory.mapping import STANDARD, AccountMapping

        try:
            endpoint = directory_endpoint(self.scim_conn_id, called=_CALLED, patient=False)
            school = _school_with(endpoint.base_url, lambda school: school.directory_connection)
            mapping = AccountMapping(settings=school.directory) if school else STANDARD
            offers = discover(endpoint, mapping)
            listed = probe(endpoint)
        except Exception as error:
            return False, _told(error)
        return True, "\n".join([*describe(offers, offers.limit(mapping)), listed])


def _told(error: Exception) -> str:
    """What the form shows. The text of an error that is no fault of ours could hold a login, or what a server sent."""
    return str(error) if isinstance(error, SyncError) else f"Unexpected {type(error).__name__}: please report it."


@contextmanager
def _alone_with(endpoint: str) -> Iterator[School | None]:
    """Alone with a SIMS while the block runs, where it is that of a school which is configured: that school.

    :raises TransientFault: a run of the school talks to it now.
    """
    from sims_sync.store.layout import state_folder
    from sims_sync.store.lease import hold_lease

    school = _school_with(endpoint, lambda school: school.sims_connection)
    if school is None:
        yield None
        return
    with hold_lease(state_folder(configured_store(), school.id), "sims", "a connection test", wait=timedelta(0)):
        yield school


def _school_with(endpoint: str, connection: Callable[[School], str]) -> School | None:
    """The school of which a connection leads to this address.

    :param connection: names the connection of a school.
    """
    try:
        schools = load_schools()[0].values()
    except ConfigError:
        return None
    return next((school for school in schools if _address(connection(school)) == endpoint), None)


def _address(connection_id: str) -> str | None:
    try:
        return address(read_connection(connection_id))
    except SyncError:
        return None
