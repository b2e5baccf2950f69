"""The tables of the directory: whole resources as JSON, beside the values that searches look for."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)

metadata = MetaData()

# Compared and sorted by code point, as Python and SQLite do.
_KEY = String().with_variant(String(collation="C"), "postgresql")

accounts = Table(
    "accounts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # the order of creation, and of the pages
    Column("id", _KEY, nullable=False, unique=True),
    Column("resource_type", String, nullable=False),
    Column("user_name", _KEY, unique=True),
    Column("external_id", _KEY, index=True),
    Column("version", Integer, nullable=False),
    Column("created", String, nullable=False),
    Column("last_modified", String, nullable=False),
    Column("document", Text, nullable=False),
    Index("accounts_in_order", "resource_type", "number"),
    sqlite_autoincrement=True,
)
"""One row a resource (User, Group or SyncReport). ``user_name``, ``external_id``: the form in which scim2-models
compares a value (a user name without case), null where the resource has none. ``document``: the resource as JSON,
without ``id`` and ``meta``. ``created``, ``last_modified``: ISO 8601 with time zone."""

roles = Table(
    "roles",
    metadata,
    Column("account", ForeignKey("accounts.number", ondelete="CASCADE"), primary_key=True),
    Column("value", _KEY, primary_key=True),
    Index("roles_by_value", "value", "account"),
)
"""The values of ``roles``, in the form in which they are compared, once an account."""


def open_database(database: str | Path) -> Engine:
    """The engine of an SQLite file, or of a database URL of SQLAlchemy, with its tables."""
    url = str(database) if "://" in str(database) else f"sqlite:///{database}"
    engine = create_engine(
        url,
        connect_args={"timeout": 30} if url.startswith("sqlite") else {},
        pool_pre_ping=True,  # a database server that was restarted gets new connections
        hide_parameters=True,  # errors quote no account
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    metadata.create_all(engine)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # Without isolation_level=None the driver starts transactions by itself, and savepoints do not hold.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: waits for another process's write instead of failing when a read turns into a write.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
