"""What a directory is like for the sync, in a few short sentences for the person who tests its connection."""

from __future__ import annotations

from collections.abc import Mapping

from sims_sync.directory.discovery import Capabilities
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import number
from sims_sync.directory.mapping import AccountMapping
from sims_sync.directory.scim_answers import document
from sims_sync.directory.session import Endpoint, send
from sims_sync.model.errors import PermissionMissing, TransientFault, UnexpectedAnswer


def describe(offers: Capabilities, mapping: AccountMapping) -> list[str]:
    """What a directory has, what it lacks, how accounts would be written to it, and which values would not.

    :param mapping: where the values of a person stand in its accounts.
    """
    features = {
        "PATCH": offers.patch,
        "bulk": offers.bulk,
        "filters": offers.filter,
        "ETags": offers.etag,
        "the student extension": mapping.keeps_marks or any(each.extension for each in mapping.written),
        "sync reports": offers.sync_reports,
    }
    marker = mapping.settings.students
    key = f"{mapping.settings.key} holds the Person ID"
    return [
        f"A SCIM directory: `{marker}` tells its students from others, and {key}.",
        f"It has: {_names(features, offered=True) or 'nothing more'}.",
        f"It lacks, and the sync does without: {_names(features, offered=False) or 'nothing'}.",
        _form_of_writing(offers),
        _not_written(mapping),
    ]


def probe(endpoint: Endpoint) -> str:
    """List one account, as a run begins by listing all. Nothing of it is told.

    :raises SyncError: no account can be listed.
    """
    try:
        accounts = _accounts(endpoint, {"startIndex": 1, "count": 1})
    except (PermissionMissing, TransientFault, UnexpectedAnswer):  # some take no `count`, and say so in many ways
        accounts = _accounts(endpoint, {})
    return f"It lists its accounts: {accounts} in all." if accounts else "It lists its accounts, if it has any."


def _accounts(endpoint: Endpoint, query: Mapping[str, int]) -> int:
    """How many accounts it says there are, 0 where it does not."""
    name = endpoint.connection_name
    response = send(endpoint.session, "GET", f"{endpoint.base_url}/Users", connection_name=name, params=query)
    return number(as_rfc(document(response, connection_name=name), {"totalResults": None}).get("totalResults"))


def _names(features: Mapping[str, object], *, offered: bool) -> str:
    return ", ".join(name for name, has in features.items() if bool(has) is offered)


def _form_of_writing(offers: Capabilities) -> str:
    form = "PATCH" if offers.patch else "PUT of the whole account"
    together = "many in one request" if offers.bulk else "one in a request"
    unchanged = "its version is the same" if offers.etag else "it is the same when it is read again"
    return f"An account would be changed by {form}, {together}, if {unchanged}."


def _not_written(mapping: AccountMapping) -> str:
    """Which values it has no place for, or none that can be written; what nobody names a place for is no lack."""
    lacking = [each for each in mapping.attributes if each not in mapping.written]
    names = ", ".join(each.label for each in lacking if each.column not in mapping.settings.unmapped)
    return f"It cannot hold, and the sync would not write: {names or 'nothing'}."
