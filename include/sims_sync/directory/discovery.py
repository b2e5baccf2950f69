"""What the directory offers (RFC 7644 section 4), read before anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from scim2_models import Resource, ResourceType, Schema, ServiceProviderConfig

from sims_sync.directory.editing import USER_SCHEMA
from sims_sync.directory.json_answers import number
from sims_sync.directory.session import Endpoint, document, send
from sims_sync.model.attributes import EXTENSION
from sims_sync.model.errors import PermanentFault, UnexpectedAnswer

SYNC_REPORT = "urn:sims-sync:scim:schemas:core:1.0:SyncReport"

_MOST_PAGES = 100

_FEATURES = ("schemas", "patch", "bulk", "filter", "sort", "etag")
_Model = TypeVar("_Model", bound=Resource[Any])


class Capabilities(BaseModel):
    """What the directory offers; saved with the run that discovered it.

    :param bulk: the most operations and the most bytes of a bulk request, or none.
    :param knows_extension: whether its users have the student extension.
    :param genders: the genders that it knows, or none where it declares none.
    :param sync_reports: the endpoint that takes ``SyncReport``, or none.
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


def discover(endpoint: Endpoint) -> Capabilities:
    """Read ``/ServiceProviderConfig``, ``/ResourceTypes`` and ``/Schemas``.

    :raises PermanentFault: its users have no roles: nobody could tell students from staff.
    :raises UnexpectedAnswer: it is no SCIM server.
    """

    connection_name = endpoint.connection_name

    def read(path: str, **params: int) -> dict[str, Any]:
        url = f"{endpoint.base_url}{path}"
        response = send(endpoint.session, "GET", url, connection_name=connection_name, params=params)
        return document(response, connection_name=connection_name)

    def models(path: str, model: type[_Model], name: str, *urns: str) -> list[_Model]:
        # Only those that concern us: what else the directory has may be as odd as it likes.
        resources = _resources(read, path, connection_name)
        return [_parsed(model, each, connection_name) for each in resources if each.get(name) in urns]

    features = {name: value for name, value in read("/ServiceProviderConfig").items() if name in _FEATURES}
    config = _parsed(ServiceProviderConfig, features, connection_name)
    types = models("/ResourceTypes", ResourceType, "schema", USER_SCHEMA, SYNC_REPORT)
    schemas = {str(schema.id): schema for schema in models("/Schemas", Schema, "id", USER_SCHEMA, EXTENSION)}
    user = next((each for each in types if str(each.schema_) == USER_SCHEMA), None)
    if user is None or USER_SCHEMA not in schemas:
        raise UnexpectedAnswer(f"The directory (connection {connection_name}) has no resource type of users.")
    if not any(each.name == "roles" for each in schemas[USER_SCHEMA].attributes or ()):
        raise PermanentFault(
            f"The users of the directory (connection {connection_name}) have no `roles`: "
            "nobody could tell its students from its staff.",
            advice="Ask the directory's support for the attribute `roles` of RFC 7643 section 4.1.2.",
        )
    extensions = {str(each.schema_) for each in user.schema_extensions or ()}
    knows_extension = EXTENSION in extensions and EXTENSION in schemas
    report = next((each for each in types if str(each.schema_) == SYNC_REPORT), None)
    return Capabilities(
        patch=_supported(config.patch),
        bulk=_bulk(config),
        filter=_supported(config.filter),
        sort=_supported(config.sort),
        etag=_supported(config.etag),
        knows_extension=knows_extension,
        genders=_genders(schemas[EXTENSION]) if knows_extension else None,
        sync_reports=str(report.endpoint) if report else None,
    )


def _resources(read: Callable[..., dict[str, Any]], endpoint: str, connection_name: str) -> Iterator[dict[str, Any]]:
    """All resources of a discovery endpoint. It needs no pages (RFC 7644 section 4), but some servers make them.

    :raises UnexpectedAnswer: they have no end, or are no list.
    """
    count = 0
    for _ in range(_MOST_PAGES):
        page = read(endpoint, startIndex=count + 1) if count else read(endpoint)
        resources = page.get("Resources") or []
        if not isinstance(resources, list):
            break
        yield from (each for each in resources if isinstance(each, dict))
        count += len(resources)
        if not resources or count >= number(page.get("totalResults")):
            return
    raise UnexpectedAnswer(
        f"The directory (connection {connection_name}) answered no list to GET {endpoint}, or one without an end.",
        advice="Check that the host of the connection is the SCIM base URL.",
    )


def _parsed(model: type[_Model], value: Any, connection_name: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # Of the places only the first name, and only one that the model has: the others can be the server's words.
        named = {str(field.alias or name) for name, field in model.model_fields.items()}
        found = {str(each["loc"][0]) for each in error.errors(include_input=False) if each["loc"]}
        places = ", ".join(sorted(found & named)) or "its shape"
        raise UnexpectedAnswer(
            f"The directory (connection {connection_name}) answered no valid {model.__name__}: {places}.",
            advice="Check that the host of the connection is the SCIM base URL.",
        ) from None


def _supported(feature: Any) -> bool:
    return bool(feature and feature.supported)


def _bulk(config: ServiceProviderConfig) -> tuple[int, int] | None:
    bulk = config.bulk
    if bulk is None or not bulk.supported or not bulk.max_operations or not bulk.max_payload_size:
        return None
    return bulk.max_operations, bulk.max_payload_size


def _genders(extension: Schema) -> tuple[str, ...] | None:
    gender = next((each for each in extension.attributes or () if each.name == "gender"), None)
    return tuple(gender.canonical_values or ()) or None if gender is not None else None
