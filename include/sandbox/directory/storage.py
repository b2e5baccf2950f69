"""The accounts in a database, as a storage of scim2-server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, cast

from scim2_models import (
    Meta,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimProvider,
    SearchRequest,
    UniquenessException,
)
from scim2_models import Path as ScimPath
from scim2_models.path import AttributeBinding
from scim2_server.storage import ScimStorage, SearchPage
from scim2_server.utils import parametrize
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sandbox.directory.filters import condition_of, order_of
from sandbox.directory.tables import accounts, open_database, roles

_NOT_STORED = ("id", "meta", "password")  # the first two have columns; nobody logs in to a sandbox


class DatabaseStorage(ScimStorage):
    """Resources in SQL: filters, orders and pages are SQL where that is exact, else scim2-models answers.

    One thread at a time: a lock is held for each transaction. A password is accepted and not kept.

    :param database: an SQLite file, or a database URL of SQLAlchemy; tables are made when missing.
    :param provider: the resource types whose models the documents are read with.
    """

    def __init__(self, database: str | Path, provider: ScimProvider) -> None:
        self.engine = open_database(database)
        self.provider = provider
        self._lock = RLock()
        self._connection: Connection | None = None

    def close(self) -> None:
        """Close the connections to the database."""
        self.engine.dispose()

    # -- what tests and seeding need --

    def documents(self, resource_type: str) -> list[dict[str, Any]]:
        """All resources of a type as plain JSON with ``id`` and ``meta``, in the order of their creation."""
        query = select(accounts).where(accounts.c.resource_type == resource_type).order_by(accounts.c.number)
        with self.transaction() as connection:
            return [_document(row) for row in connection.execute(query)]

    def put(self, resource_type: str, document: dict[str, Any]) -> str:
        """Creates a resource, or replaces the one of the document's ``id``, as a client would; gives its id.

        :raises NotFoundException: no resource has that ``id``.
        :raises UniquenessException: the user name is another account's.
        """
        kind = next(each for each in self.provider.resource_types if each.name == resource_type)
        with self.operation():
            resource = self._model(kind).model_validate(document)
            stored = self.create(kind, resource) if resource.id is None else self.update(kind, resource)
        return str(stored.id)

    # -- transactions --

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """One transaction around all calls inside, in which :meth:`operation` makes savepoints."""
        with self._lock, self.provider:
            if self._connection is not None:
                yield self._connection
                return
            with self.engine.begin() as connection:
                self._connection = connection
                try:
                    yield connection
                finally:
                    self._connection = None

    @contextmanager
    def operation(self) -> Generator[None]:
        """A savepoint around the calls inside: those of an operation that fails are undone, and no others."""
        with self.transaction() as connection, connection.begin_nested():
            yield

    # -- ScimStorage --

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Find a resource.

        :param resource_id: its ``id``.
        :param response_parameters: not needed: the service leaves out what was not asked for.
        :raises NotFoundException: no resource of this type has that ``id``.
        """
        with self.transaction() as connection:
            return self._resource(self._row(connection, resource_type, resource_id))

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """Find a page of resources.

        :param resource_types: of which types.
        :param search_request: the filter, the order, and which page.
        :param position: not used: pages go by index.
        :returns: the resources of the page, and how many the filter finds in all.
        """
        query = select(accounts).where(accounts.c.resource_type.in_([each.name for each in resource_types]))
        with self.transaction() as connection:
            condition = None if search_request.filter is None else condition_of(search_request.filter)
            if condition is not None:
                query = query.where(condition)
            order = order_of(search_request)
            if order is None or (condition is None and search_request.filter is not None):
                return self._search_here(connection, query, search_request, filtered=condition is not None)
            total = connection.scalar(select(func.count()).select_from(query.subquery())) or 0
            page = query.order_by(*order).offset(search_request.start_index_0 or 0).limit(search_request.count)
            return SearchPage(total, [self._resource(row) for row in connection.execute(page)])

    def _search_here(
        self, connection: Connection, query: Select[Any], search: SearchRequest[Any], *, filtered: bool
    ) -> SearchPage:
        found = [self._resource(row) for row in connection.execute(query.order_by(accounts.c.number))]
        if search.filter is not None and not filtered:
            found = [resource for resource in found if search.filter.match(resource)]
        found = search.sort(found)
        start = search.start_index_0 or 0
        return SearchPage(len(found), found[start : None if search.count is None else start + search.count])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Store a new resource.

        :returns: the resource with its new ``id`` and ``meta``.
        :raises UniquenessException: the user name is another account's.
        """
        created, now = resource.model_copy(), datetime.now(UTC)
        created.id = uuid.uuid4().hex
        created.meta = _meta(resource_type.name, now, now, 1)
        row = {
            "id": created.id,
            "resource_type": resource_type.name,
            "version": 1,
            "created": now.isoformat(),
            "last_modified": now.isoformat(),
            **self._columns(created),
        }
        with self.transaction() as connection:
            with _unique_values():
                number = connection.execute(insert(accounts).returning(accounts.c.number), row).scalar_one()
            self._store_roles(connection, number, created)
        return created

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace a resource by another state of it.

        :param resource: the state to store, with the ``id`` of the resource.
        :param expected_version: the version (ETag) that it must have; by default any.
        :returns: the resource with its new ``meta``.
        :raises NotFoundException: no resource has that ``id``.
        :raises PreconditionFailedException: it has another version.
        :raises UniquenessException: the user name is another account's.
        """
        updated, now = resource.model_copy(), datetime.now(UTC)
        with self.transaction() as connection:
            row = self._row(connection, resource_type, str(resource.id))
            _check_version(row, expected_version)
            changes = {"version": row.version + 1, "last_modified": now.isoformat(), **self._columns(updated)}
            unchanged = update(accounts).where(accounts.c.number == row.number, accounts.c.version == row.version)
            with _unique_values():
                changed = connection.execute(unchanged, changes).rowcount
            if changed != 1:
                raise PreconditionFailedException
            connection.execute(delete(roles).where(roles.c.account == row.number))
            self._store_roles(connection, row.number, updated)
        updated.meta = _meta(resource_type.name, datetime.fromisoformat(row.created), now, row.version + 1)
        return updated

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        """Delete a resource.

        :param expected_version: the version (ETag) that it must have; by default any.
        :raises NotFoundException: no resource has that ``id``.
        :raises PreconditionFailedException: it has another version.
        """
        with self.transaction() as connection:
            row = self._row(connection, resource_type, resource_id)
            _check_version(row, expected_version)
            connection.execute(delete(accounts).where(accounts.c.number == row.number))

    # -- rows and resources --

    def _model(self, resource_type: ResourceType | str) -> type[Resource[Any]]:
        # never None: the provider's own resource types come in, and rows hold the names of these
        return cast("type[Resource[Any]]", self.provider.model_for(resource_type))

    def _row(self, connection: Connection, resource_type: ResourceType, resource_id: str) -> Row[Any]:
        query = select(accounts).where(accounts.c.id == resource_id, accounts.c.resource_type == resource_type.name)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundException(detail=f"{resource_type.name} {resource_id!r} not found")
        return row

    def _resource(self, row: Row[Any]) -> Resource[Any]:
        resource = self._model(row.resource_type).model_validate_json(row.document)
        resource.id = row.id
        resource.meta = _meta(
            row.resource_type,
            datetime.fromisoformat(row.created),
            datetime.fromisoformat(row.last_modified),
            row.version,
        )
        return resource

    @staticmethod
    def _columns(resource: Resource[Any]) -> dict[str, Any]:
        document = {key: value for key, value in resource.model_dump().items() if key not in _NOT_STORED}
        return {
            "document": json.dumps(document, ensure_ascii=False),
            "user_name": _key(resource, "userName"),
            "external_id": _key(resource, "externalId"),
        }

    @staticmethod
    def _store_roles(connection: Connection, number: int, resource: Resource[Any]) -> None:
        values = _key(resource, "roles.value") or []
        rows = [{"account": number, "value": value} for value in dict.fromkeys(values) if value is not None]
        if rows:
            connection.execute(insert(roles), rows)


def _key(resource: Resource[Any], path: str) -> Any:
    """The value of an attribute in the form it is compared in; None where the resource has none."""
    scim_path, binding = _bound(type(resource), path)
    if binding is None:  # the type has no such attribute
        return None
    value = scim_path.get(resource, strict=False)
    return [binding.comparable(each) for each in value] if isinstance(value, list) else binding.comparable(value)


@cache
def _bound(model: type[Resource[Any]], path: str) -> tuple[ScimPath[Any], AttributeBinding | None]:
    scim_path = parametrize(ScimPath, model)(path)
    return scim_path, scim_path.resolve()


@contextmanager
def _unique_values() -> Generator[None]:
    try:
        yield
    except IntegrityError:
        raise UniquenessException from None  # the cause quotes the account


def _check_version(row: Row[Any], expected_version: str | None) -> None:
    if expected_version is not None and expected_version != _version(row.version):
        raise PreconditionFailedException


def _version(number: int) -> str:
    return f'W/"{number}"'


def _meta(resource_type: str | None, created: datetime, last_modified: datetime, version: int) -> Meta:
    return Meta(resource_type=resource_type, created=created, last_modified=last_modified, version=_version(version))


def _document(row: Row[Any]) -> dict[str, Any]:
    return {
        **json.loads(row.document),
        "id": row.id,
        "meta": {
            "resourceType": row.resource_type,
            "created": row.created,
            "lastModified": row.last_modified,
            "version": _version(row.version),
        },
    }
