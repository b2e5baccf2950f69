"""What the directory offers, and says on its discovery endpoints (RFC 7643 section 5, RFC 7644 section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from scim2_models import (
    Bulk,
    ChangePassword,
    ETag,
    Filter,
    Patch,
    ResourceType,
    Schema,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME
from scim2_server.utils import load_default_resource_types, load_default_schemas

STUDENT_EXTENSION = "urn:sims-sync:scim:schemas:extension:student:1.0:User"
SYNC_REPORT = "urn:sims-sync:scim:schemas:core:1.0:SyncReport"


@dataclass(frozen=True)
class Capabilities:
    """What the directory offers; the server refuses (501, 413, 404) whatever is off or over its limit.

    :param page_size: the most resources in one answer to a search (``filter.maxResults``); more are cut to it silently.
    :param max_operations: the most operations of one bulk request.
    :param max_payload_size: the most bytes of one bulk request.
    :param extension: False: the student extension is unknown.
    :param sync_report: False: there is no ``/SyncReports``.
    """

    patch: bool = True
    bulk: bool = True
    etag: bool = True
    filter: bool = True
    sort: bool = True
    page_size: int = 1000
    max_operations: int = 1000
    max_payload_size: int = 1_048_576
    extension: bool = True
    sync_report: bool = True

    @cache  # noqa: B019 - as many as there are combinations; making the models takes longer than serving a request
    def provider(self) -> ScimProvider:
        """The service as scim2-server serves it: schemas, resource types and configuration."""
        schemas = [*load_default_schemas().values(), *self._own_schemas()]
        return ScimProvider.from_discovery(schemas, self._resource_types(), config=self._configuration())

    def _own_schemas(self) -> list[Schema]:
        offered = {"student-extension": self.extension, "sync-report": self.sync_report}
        directory = files("sims_sync.directory")
        return [
            Schema.model_validate(schema)
            for name, is_offered in offered.items()
            if is_offered
            for schema in json.loads(directory.joinpath(f"{name}.schema.json").read_text(encoding="utf-8"))
        ]

    def _resource_types(self) -> list[ResourceType]:
        types = [json.loads(standard.model_dump_json()) for standard in load_default_resource_types().values()]
        if self.extension:
            user = next(each for each in types if each["id"] == "User")
            user["schemaExtensions"].append({"schema": STUDENT_EXTENSION, "required": False})
        if self.sync_report:
            types.append(
                {
                    "id": "SyncReport",
                    "name": "SyncReport",
                    "endpoint": "/SyncReports",
                    "description": "The outcome of a synchronisation run",
                    "schema": SYNC_REPORT,
                }
            )
        return [ResourceType.model_validate(each) for each in types]

    def _configuration(self) -> ServiceProviderConfig:
        return ServiceProviderConfig(
            patch=Patch(supported=self.patch),
            bulk=Bulk(
                supported=self.bulk,
                max_operations=self.max_operations if self.bulk else 0,
                max_payload_size=self.max_payload_size if self.bulk else 0,
            ),
            filter=Filter(supported=self.filter, max_results=self.page_size),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=self.sort),
            etag=ETag(supported=self.etag),
            authentication_schemes=[BEARER_TOKEN_SCHEME],
        )
