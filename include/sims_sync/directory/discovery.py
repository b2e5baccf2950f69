"""What the directory offers (RFC 7644 section 4), read first, for what is needed and for nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import requests
from pydantic import BaseModel, ConfigDict

from sims_sync.config.directory_settings import EXTERNAL_ID
from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.directory.forgiving import as_rfc
from sims_sync.directory.json_answers import number
from sims_sync.directory.learnt import Form
from sims_sync.directory.mapping import ACTIVE, DISABLED_BY_SYNC, KEY, STANDARD, AccountMapping
from sims_sync.directory.places import ENTRIES, Names, Place, Single
from sims_sync.directory.scim_answers import listed
from sims_sync.directory.session import Endpoint, send
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.errors import PermanentFault, TransientFault, UnexpectedAnswer

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


class Capabilities(BaseModel):
    """What the directory offers; saved with the run that discovered it.

    :param bulk: the most operations and the most bytes of a bulk request, or none.
    :param genders: the genders that it knows, or none where it declares none.
    :param sync_reports: the endpoint that takes ``SyncReport``, or none.
    :param lacking: the names of attributes, and of the mark, that its schemas do not have or have as ``readOnly``.
    :param whole_lists: whether lists are written whole: what adding to one does, nobody knows of a directory that says
        nothing of itself.
    :param read_only: the names of attributes that nobody can write.
    :param once: the names of attributes, and of the key, that are ``immutable``: written when an account is created,
        and never again.
    :param on_request: whether it gives some attributes only to those who ask for them (``returned: request``).
    :param max_results: the most accounts of a page, where it says so.
    """

    model_config = ConfigDict(frozen=True)

    patch: bool
    bulk: tuple[int, int] | None
    filter: bool
    sort: bool
    etag: bool
    genders: tuple[str, ...] | None
    sync_reports: str | None
    lacking: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    on_request: bool = False
    max_results: int | None = None
    whole_lists: bool = False
    read_only: tuple[str, ...] = ()

    @property
    def form(self) -> Form:
        """The highest form in which an account can be changed there."""
        if not self.patch:
            return "put"
        return "attribute" if self.whole_lists else "value_path"

    def limit(self, mapping: AccountMapping) -> AccountMapping:
        """The mapping, as far as a directory that offers this has a place for it."""
        return replace(
            mapping, lacking=frozenset(self.lacking), once=frozenset(self.once), read_only=frozenset(self.read_only)
        )


def discover(endpoint: Endpoint, mapping: AccountMapping = STANDARD) -> Capabilities:
    """Read ``/ServiceProviderConfig``, ``/ResourceTypes`` and ``/Schemas``, whatever their form; what the school's
    settings do without is not there.

    :param mapping: where the sync would write.
    :raises PermanentFault: the key, the marker, ``active`` or ``userName`` cannot be kept there.
    :raises UnexpectedAnswer: it is no SCIM server.
    """
    without = mapping.settings.without
    found = _without_discovery(mapping) if "discovery" in without else _discovered(endpoint, mapping)
    return found.model_copy(
        update={
            **dict.fromkeys([each for each in ("patch", "sort", "etag") if each in without], False),
            **({"bulk": None} if "bulk" in without else {}),
        }
    )


def _without_discovery(mapping: AccountMapping) -> Capabilities:
    """What a directory is taken for that says nothing of itself: the core User schema, with PATCH; and an extension
    that the school's settings name.
    """
    unknown = EXTENSION if mapping.settings.extension is None else None
    places = {each.name: mapping.mapped(each.name) for each in mapping.attributes} | {DISABLED_BY_SYNC: mapping.mark}
    return Capabilities(
        patch=True,
        bulk=None,
        filter=False,
        sort=False,
        etag=False,
        genders=None,
        sync_reports=None,
        lacking=tuple(name for name, place in places.items() if unknown and place and place.schema == unknown),
        whole_lists=True,
    )


def _discovered(endpoint: Endpoint, mapping: AccountMapping) -> Capabilities:
    config = next(iter(_resources(endpoint, "/ServiceProviderConfig", _OF_THE_CONFIG)), {})
    types = {str(each.get("schema")): each for each in _resources(endpoint, "/ResourceTypes", _OF_A_TYPE)}
    schemas = {str(each.get("id")): each for each in _resources(endpoint, "/Schemas", _OF_A_SCHEMA)}
    if not config and not types and not schemas:
        return _without_discovery(mapping)
    if (types or schemas) and USER_SCHEMA not in {*types, *schemas}:
        raise UnexpectedAnswer(f"The directory (connection {endpoint.connection_name}) has no resource type of users.")
    table = _Table(schemas, types.get(USER_SCHEMA))
    _check_needed(table, mapping, endpoint.connection_name)
    written = {each.name: place for each in mapping.attributes if (place := mapping.mapped(each.name))}
    marks = {DISABLED_BY_SYNC: mapping.mark} if mapping.mark else {}
    return Capabilities(
        patch=_supported(config, "patch", default=not config),
        bulk=_bulk(config),
        filter=_supported(config, "filter"),
        sort=_supported(config, "sort"),
        etag=_supported(config, "etag"),
        genders=table.words(written.get("gender")),
        sync_reports=_endpoint(types.get(SYNC_REPORT)),
        lacking=tuple(name for name, place in {**written, **marks}.items() if not table.keeps(place)),
        once=tuple(name for name, place in {**written, KEY: mapping.key}.items() if table.is_immutable(place)),
        on_request=any(map(table.is_on_request, written.values())),
        read_only=table.read_only(),
        max_results=number(config.get("filter", {}).get("maxResults")) if _is_object(config.get("filter")) else None,
    )


@dataclass(frozen=True)
class _Table:
    """What the schemas say of each attribute. Where there is no schema of users, all of the core is taken to be there.

    :param schemas: by URN.
    :param users: the resource type of users, which names its extensions.
    """

    schemas: Mapping[str, Mapping[str, Any]]
    users: Mapping[str, Any] | None

    def keeps(self, place: Place) -> bool:
        """Whether there is a place for a value that can be written."""
        return all(map(_can_be_written, self._ways(place)))

    def is_read_only(self, place: Place) -> bool:
        """Whether it is there, and cannot be written."""
        return any(each is not None and not _can_be_written(each) for each in self._ways(place))

    def read_only(self) -> tuple[str, ...]:
        """The names of attributes of users that nobody can write; a whole account is put without them."""
        attributes = _entries(self.schemas.get(USER_SCHEMA, {}), "attributes")
        return tuple(
            str(each.get("name")) for each in attributes if not _can_be_written(each) and each.get("name") != "id"
        )

    def is_immutable(self, place: Place) -> bool:
        return any(_is(each, "mutability", "immutable") for each in self._ways(place))

    def is_on_request(self, place: Place) -> bool:
        return any(_is(each, "returned", "request") for each in self._ways(place))

    def words(self, place: Place | None) -> tuple[str, ...] | None:
        """The words that a value is one of, none where the directory names none."""
        values = (self._ways(place) or [None])[-1] if place else None
        words = (values or {}).get("canonicalValues")
        return tuple(str(each) for each in words) or None if isinstance(words, list) else None

    def _ways(self, place: Place) -> list[Mapping[str, Any] | None]:
        """The attribute of the schema, and the parts of it that are needed; none for one that is missing."""
        schema = self._schema(place.schema)
        if schema is None:
            return [None] if place.schema else []
        name, *parts = place.way
        found = _named(_entries(schema, "attributes"), name)
        subs = _entries(found or {}, "subAttributes")
        return [found, *(_named(subs, part) for part in parts if subs)]

    def _schema(self, extension: str | None) -> Mapping[str, Any] | None:
        """That of users, or of an extension that users have."""
        if extension is None:
            return self.schemas.get(USER_SCHEMA)
        named = None if self.users is None else _entries(self.users, "schemaExtensions")
        is_had = named is None or any(str(each.get("schema")) == extension for each in named)
        return self.schemas.get(extension) if is_had else None


def _check_needed(table: _Table, mapping: AccountMapping, connection_name: str) -> None:
    """:raises PermanentFault: what nobody can do without is not there, or cannot be written."""
    core = {name: Single((), name) for name in ("userName", ACTIVE)}
    missing = [name for name, place in {**core, mapping.marker_name: mapping.marker}.items() if not table.keeps(place)]
    key, name = mapping.key, mapping.settings.key
    # RFC 7643 section 3.1: externalId is a common attribute, which schemas need not list.
    if table.is_read_only(key) if name == EXTERNAL_ID else not table.keeps(key):
        missing.append(name)
    if missing:
        raise PermanentFault(
            f"The users of the directory (connection {connection_name}) have no `{'`, no `'.join(missing)}` that can "
            "be written: nobody could tell its students from its staff, or find them again.",
            advice="Ask the directory's support for these attributes of RFC 7643 section 4.1, or name others that it "
            "has under `directory` in schools.yaml (`students`, `key`).",
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
