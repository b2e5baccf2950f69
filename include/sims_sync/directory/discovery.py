"""What the directory offers (RFC 7644 section 4), read first, for what is needed and for nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import requests
from pydantic import BaseModel, ConfigDict

from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import number
from sims_sync.directory.mapping import ACTIVE, DISABLED_BY_SYNC, ROLES, AccountMapping
from sims_sync.directory.places import ENTRIES, Names, Typed, place_of
from sims_sync.directory.scim_answers import listed
from sims_sync.directory.session import Endpoint, send
from sims_sync.model.attributes import ATTRIBUTES, EXTENSION, Attribute
from sims_sync.model.errors import PermanentFault, TransientFault, UnexpectedAnswer
from sims_sync.model.person import NUMBER, KeyForm

SYNC_REPORT = "urn:sims-sync:scim:schemas:core:1.0:SyncReport"

_MOST_PAGES = 100
_NOT_THERE = (requests.codes.not_found, requests.codes.method_not_allowed)
_YES = ("true", "1", "yes")

_OF_AN_ATTRIBUTE = dict.fromkeys(("name", "mutability", "returned", "canonicalValues"))
_OF_A_SCHEMA: Names = {
    "id": None,
    "attributes": {ENTRIES: {**_OF_AN_ATTRIBUTE, "subAttributes": {ENTRIES: _OF_AN_ATTRIBUTE}}},
}
_OF_A_TYPE: Names = {
    "schema": None,
    "endpoint": None,
    "schemaExtensions": {ENTRIES: {"schema": None}},
}
_OF_THE_CONFIG: Names = {
    **{name: {"supported": None} for name in ("patch", "sort", "etag")},
    "filter": {"supported": None, "maxResults": None},
    "bulk": dict.fromkeys(("supported", "maxOperations", "maxPayloadSize")),
}
_NEEDED = ("userName", ACTIVE, ROLES)
"""Without these nobody could keep accounts, or tell students from staff."""


class Capabilities(BaseModel):
    """What the directory offers; saved with the run that discovered it.

    :param bulk: the most operations and the most bytes of a bulk request, or none.
    :param knows_extension: whether its users have the student extension.
    :param genders: the genders that it knows, or none where it declares none.
    :param sync_reports: the endpoint that takes ``SyncReport``, or none.
    :param lacking: the names of attributes, and of the mark, that its schemas do not have or have as ``readOnly``.
    :param once: the names of attributes that are ``immutable``: written when an account is created, and never again.
    :param on_request: whether it gives some attributes only to those who ask for them (``returned: request``).
    :param max_results: the most accounts of a page, where it says so.
    """

    model_config = ConfigDict(frozen=True)

    patch: bool
    bulk: tuple[int, int] | None
    filter: bool
    sort: bool
    etag: bool
    knows_extension: bool
    genders: tuple[str, ...] | None
    sync_reports: str | None
    lacking: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    on_request: bool = False
    max_results: int | None = None

    def mapping(self, attributes: Sequence[Attribute] = ATTRIBUTES, key: KeyForm = NUMBER) -> AccountMapping:
        """Where a person's values stand in the accounts of a directory that offers this.

        :param attributes: those that the sync writes.
        :param key: the form of a person's key.
        """
        return AccountMapping(
            tuple(attributes),
            key,
            extension=self.knows_extension,
            lacking=frozenset(self.lacking),
            once=frozenset(self.once),
        )


WITHOUT_DISCOVERY = Capabilities(
    patch=True,
    bulk=None,
    filter=False,
    sort=False,
    etag=False,
    knows_extension=False,
    genders=None,
    sync_reports=None,
)
"""What a directory is taken for that says nothing of itself: the core User schema, with PATCH."""


def discover(endpoint: Endpoint, attributes: Sequence[Attribute] = ATTRIBUTES) -> Capabilities:
    """Read ``/ServiceProviderConfig``, ``/ResourceTypes`` and ``/Schemas``, whatever their form.

    :param attributes: those that the sync writes.
    :raises PermanentFault: the key, the marker, ``active`` or ``userName`` cannot be kept there.
    :raises UnexpectedAnswer: it is no SCIM server.
    """
    config = next(iter(_resources(endpoint, "/ServiceProviderConfig", _OF_THE_CONFIG)), {})
    types = {str(each.get("schema")): each for each in _resources(endpoint, "/ResourceTypes", _OF_A_TYPE)}
    schemas = {str(each.get("id")): each for each in _resources(endpoint, "/Schemas", _OF_A_SCHEMA)}
    if not config and not types and not schemas:
        return WITHOUT_DISCOVERY
    if (types or schemas) and USER_SCHEMA not in {*types, *schemas}:
        raise UnexpectedAnswer(f"The directory (connection {endpoint.connection_name}) has no resource type of users.")
    extension = schemas.get(EXTENSION)
    extensions = {str(each.get("schema")) for each in _entries(types.get(USER_SCHEMA, {}), "schemaExtensions")}
    knows_extension = extension is not None and (EXTENSION in extensions or USER_SCHEMA not in types)
    table = _Table(schemas.get(USER_SCHEMA), extension if knows_extension else None)
    _check_needed(table, endpoint.connection_name)
    written = [each for each in attributes if knows_extension or not each.extension]
    return Capabilities(
        patch=_supported(config, "patch", default=not config),
        bulk=_bulk(config),
        filter=_supported(config, "filter"),
        sort=_supported(config, "sort"),
        etag=_supported(config, "etag"),
        knows_extension=knows_extension,
        genders=table.genders(),
        sync_reports=_endpoint(types.get(SYNC_REPORT)),
        lacking=(
            *(each.name for each in written if not table.keeps(each)),
            *([DISABLED_BY_SYNC] if knows_extension and not table.keeps_mark() else []),
        ),
        once=tuple(each.name for each in written if table.is_immutable(each)),
        on_request=any(table.is_on_request(each) for each in written),
        max_results=number(config.get("filter", {}).get("maxResults")) if _is_object(config.get("filter")) else None,
    )


class _Table:
    """What the schemas say of each attribute. Where there is no schema, all is taken to be there.

    :param user: the schema of users; ``extension``: that of the student extension.
    """

    def __init__(self, user: Mapping[str, Any] | None, extension: Mapping[str, Any] | None) -> None:
        self._user, self._extension = user, extension

    def keeps(self, attribute: Attribute) -> bool:
        """Whether there is a place for the attribute that can be written."""
        return all(_can_be_written(each) for each in self._ways(attribute))

    def keeps_mark(self) -> bool:
        return _can_be_written(_named(_entries(self._extension or {}, "attributes"), DISABLED_BY_SYNC))

    def keeps_core(self, name: str) -> bool:
        return self._user is None or _can_be_written(_named(_entries(self._user, "attributes"), name))

    def is_read_only(self, name: str) -> bool:
        """Whether a common attribute is listed, and cannot be written."""
        found = _named(_entries(self._user or {}, "attributes"), name)
        return found is not None and not _can_be_written(found)

    def is_immutable(self, attribute: Attribute) -> bool:
        return any(_is(each, "mutability", "immutable") for each in self._ways(attribute))

    def is_on_request(self, attribute: Attribute) -> bool:
        return any(_is(each, "returned", "request") for each in self._ways(attribute))

    def genders(self) -> tuple[str, ...] | None:
        gender = _named(_entries(self._extension or {}, "attributes"), "gender") or {}
        values = gender.get("canonicalValues")
        return tuple(str(each) for each in values) or None if isinstance(values, list) else None

    def _ways(self, attribute: Attribute) -> list[Mapping[str, Any] | None]:
        """The attribute of the schema, and the part of it that is ours; none for one that is missing."""
        schema = self._extension if attribute.extension else self._user
        if schema is None:
            return []
        place = place_of(attribute)
        if isinstance(place, Typed):
            root, parts = place.root, ["type", *place.parts[:1]] if place.parts else ["type", "value"]
        else:
            path = attribute.name.split(".")
            root, parts = path[0], path[1:]
        found = _named(_entries(schema, "attributes"), root)
        subs = _entries(found or {}, "subAttributes")
        return [found, *(_named(subs, part) for part in parts if subs)]


def _check_needed(table: _Table, connection_name: str) -> None:
    missing = [name for name in _NEEDED if not table.keeps_core(name)]
    if table.is_read_only("externalId"):
        missing.append("externalId")
    if missing:
        raise PermanentFault(
            f"The users of the directory (connection {connection_name}) have no `{'`, no `'.join(missing)}` that can "
            "be written: nobody could tell its students from its staff, or find them again.",
            advice="Ask the directory's support for these attributes of RFC 7643 section 4.1.",
        )


def _resources(endpoint: Endpoint, path: str, names: Names) -> list[dict[str, Any]]:
    """All resources of a discovery endpoint, none where it is not there. It needs no pages (RFC 7644 section 4), but
    some servers make them; and some answer an array.

    :raises UnexpectedAnswer: they have no end, or are no list.
    """
    found: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        params = {"startIndex": len(found) + 1} if found else {}
        url = f"{endpoint.base_url}{path}"
        try:
            response = send(endpoint.session, "GET", url, connection_name=endpoint.connection_name, params=params)
        except TransientFault as fault:
            if fault.status == requests.codes.not_implemented:
                return found
            raise
        if response.status_code in _NOT_THERE or (response.ok and not response.content.strip()):
            return found
        resources, total = listed(response, connection_name=endpoint.connection_name)
        found += [as_rfc(each, names) for each in resources if isinstance(each, dict)]
        if not resources or len(found) >= total:
            return found
    raise UnexpectedAnswer(
        f"The directory (connection {endpoint.connection_name}) answered a list without an end to GET {path}.",
        advice="Check that the host of the connection is the SCIM base URL.",
    )


def _entries(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = holder.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _named(entries: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    return next((each for each in entries if str(each.get("name")).casefold() == name.casefold()), None)


def _is(attribute: Mapping[str, Any] | None, key: str, value: str) -> bool:
    return attribute is not None and str(attribute.get(key)).casefold() == value


def _can_be_written(attribute: Mapping[str, Any] | None) -> bool:
    return attribute is not None and not _is(attribute, "mutability", "readonly")


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _supported(config: Mapping[str, Any], feature: str, *, default: bool = False) -> bool:
    value = config.get(feature)
    if not isinstance(value, dict):
        return default
    return str(value.get("supported")).casefold() in _YES


def _bulk(config: Mapping[str, Any]) -> tuple[int, int] | None:
    if not _supported(config, "bulk"):
        return None
    most = number(config["bulk"].get("maxOperations")), number(config["bulk"].get("maxPayloadSize"))
    return most if all(most) else None


def _endpoint(resource_type: Mapping[str, Any] | None) -> str | None:
    endpoint = resource_type.get("endpoint") if resource_type else None
    return endpoint if isinstance(endpoint, str) and endpoint.startswith("/") else None
