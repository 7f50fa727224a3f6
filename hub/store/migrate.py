"""Brings a database to the schema of this release: numbered SQL files, each applied once, in order.

A file `migrations/NNNN_name.sql` runs in one transaction together with its row in `schema_migrations`, so it is there
completely or not at all. Every such transaction first takes one advisory lock and only then reads what is applied:
any number of processes may start at once, they take turns and find nothing left to do. The lock belongs to the
transaction, not the session, so it can neither leak nor get lost behind a pooler that hands out a connection per
transaction.

A file that was applied never changes: its SHA-256 is kept, and another one stops the start. Versions in the database
that this release does not know are left alone: during a deploy the last release runs on the next one's schema.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import asyncpg

from hub.exceptions import MigrationError, Unreachable
from hub.store.database import GONE, describe
from hub.store.sql import load

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from hub.store.database import Connection

# Any constant does, as long as nothing else in this database uses it: "hub" and "migr" in ASCII.
_LOCK = 0x6875626D696772

# How long a file may wait for a table lock, in seconds. While it waits, everything behind it waits too; giving up and
# being started again costs less than a stalled hub.
_LOCK_TIMEOUT_SECONDS = 10

# How long to wait for one connection, in seconds. The server may be starting.
_CONNECT_TIMEOUT_SECONDS = 10

_SQL = load("schema_migrations")
_FILE_NAME = re.compile(r"(?P<version>[0-9]{4})_(?P<name>[a-z0-9_]+)\.sql")

FIRST_PROJECT = "default"
"""The project that an empty database starts with."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `checksum` is the SHA-256 of its text with Unix line ends, in hexadecimal."""

    version: int
    name: str
    sql: str
    checksum: str

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.name}"


def load_migrations(folder: Traversable | None = None) -> list[Migration]:
    """The files of a folder (this release's by default), by version.

    Raises:
        MigrationError: Two files have one version, or a name is not NNNN_name.sql.
    """
    found: dict[int, Migration] = {}
    for entry in (folder or files("hub.store") / "migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise MigrationError(f"{entry.name} is not a migration's name: it looks like 0007_add_topics.sql.")
        text = entry.read_text(encoding="utf-8").replace("\r\n", "\n")
        version = int(match["version"])
        migration = Migration(version, match["name"], text, hashlib.sha256(text.encode()).hexdigest())
        if version in found:
            raise MigrationError(f"Two migrations have the number {version:04d}: {found[version]} and {migration}.")
        found[version] = migration
    return [found[version] for version in sorted(found)]


async def migrate(url: str, migrations: list[Migration] | None = None) -> list[str]:
    """Apply what is pending and return its names, in order; an empty list when the database was up to date.

    The first file applied to an empty database creates the project `default` in the same transaction. Safe to run in
    any number of processes at once, and to cancel: a file that did not commit left nothing behind.

    Raises:
        Unreachable: The database does not answer.
        MigrationError: An applied file has changed since, a file failed, or it waited too long for a table lock.
    """
    known = load_migrations() if migrations is None else migrations
    conn = await _connect(url)
    try:
        applied = []
        while (migration := await _apply_next(conn, known)) is not None:
            applied.append(str(migration))
        return applied
    except GONE as error:
        raise Unreachable(
            f"Postgres at {describe(url)} went away during the migration: {type(error).__name__}: {error}"
        ) from error
    finally:
        await conn.close(timeout=5)


async def pending(conn: Connection, migrations: list[Migration] | None = None) -> list[str]:
    """Names of the files that this database still lacks, in order.

    Raises:
        MigrationError: An applied file has changed since.
    """
    known = load_migrations() if migrations is None else migrations
    there = await conn.fetchval(_SQL["table_exists"], "schema_migrations")
    return [str(migration) for migration in _missing(known, await _read_applied(conn) if there else {})]


async def _connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    try:
        return await asyncpg.connect(
            url,
            timeout=_CONNECT_TIMEOUT_SECONDS,
            statement_cache_size=0,  # a pooler in transaction mode does not keep prepared statements
            server_settings={"application_name": "hub migrate"},
        )
    except (*GONE, asyncpg.PostgresError, ValueError) as error:
        raise Unreachable(
            f"Postgres at {describe(url)} does not answer: {type(error).__name__}: {error}. "
            "Check HUB_DATABASE_URL and that the server runs."
        ) from error


async def _apply_next(conn: asyncpg.Connection[asyncpg.Record], known: list[Migration]) -> Migration | None:
    async with conn.transaction(isolation="read_committed"):  # after the lock, see what its last owner committed
        await conn.execute("SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = warning")
        await conn.execute(_SQL["lock"], _LOCK)
        await conn.execute(_SQL["create_table"])
        applied = await _read_applied(conn)
        missing = _missing(known, applied)
        if not missing:
            return None
        migration = missing[0]
        await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS * 1000:.0f}ms'")
        try:
            await conn.execute(migration.sql)
        except asyncpg.LockNotAvailableError as error:
            raise MigrationError(
                f"{migration} waited {_LOCK_TIMEOUT_SECONDS} s for a table that others use; nothing was changed. "
                "Run `hub migrate` again when it is quieter."
            ) from error
        except GONE:
            raise
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{migration} failed and was rolled back: {error}") from error
        await conn.execute(_SQL["record_applied"], migration.version, migration.name, migration.checksum)
        if not applied:
            await _create_first_project(conn)
        return migration


async def _create_first_project(conn: asyncpg.Connection[asyncpg.Record]) -> None:
    if await conn.fetchval(_SQL["table_exists"], "projects"):
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        await conn.execute(_SQL["create_first_project"], FIRST_PROJECT, secret)


async def _read_applied(conn: Connection) -> dict[int, tuple[str, str]]:
    rows = await conn.fetch(_SQL["read_applied"])
    return {row["version"]: (row["name"], row["checksum"]) for row in rows}


def _missing(known: list[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    for migration in known:
        name, checksum = applied.get(migration.version, (migration.name, migration.checksum))
        if checksum != migration.checksum:
            raise MigrationError(
                f"Migration {migration} is not the file that was applied to this database as "
                f"{migration.version:04d}_{name} (SHA-256 {checksum[:12]}…, now {migration.checksum[:12]}…). "
                "An applied file never changes: restore it and put the change into a new one."
            )
    return [migration for migration in known if migration.version not in applied]
