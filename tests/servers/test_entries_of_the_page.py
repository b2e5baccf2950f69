"""docs/directories.md shows the settings with which the servers that nobody here wrote are tried, and no others."""

from __future__ import annotations

from scim_servers import SERVERS

from worked_entries import entries


def test_the_page_has_the_entry_of_each_real_server_on_which_a_school_can_be() -> None:
    shown = {name: entry["directory"] for name, entry in entries("server").items()}
    assert shown == {server.name: dict(server.directory) for server in SERVERS if server.marks}
