"""API keys. Only their SHA-256 is stored: 256 random bits need no slow hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from hub.store.database import Database
from hub.store.ids import uuid7
from hub.store.sql import load

_SQL = load("keys")
PREFIX = "hk_"
HINT_CHARACTERS = 8  # shown in lists: the prefix and 30 of 256 bits


class KeyRow(NamedTuple):
    """One key, without the key. `categories` None: every category."""

    key_id: UUID
    project_id: int
    project_name: str
    project_timezone: str
    name: str | None
    hint: str
    scopes: frozenset[str]
    categories: frozenset[str] | None
    rate_per_second: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def _row(record: asyncpg.Record) -> KeyRow:
    categories = record["categories"]
    return KeyRow(
        record["key_id"],
        record["project_id"],
        record["project_name"],
        record["project_timezone"],
        record["name"],
        record["hint"],
        frozenset(record["scopes"]),
        None if categories is None else frozenset(categories),
        record["rate_per_second"],
        record["created_at"],
        record["expires_at"],
        record["revoked_at"],
    )


def new_key() -> str:
    """`hk_` and 43 base64url characters: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8")).digest()


async def find_key(db: Database, digest: bytes) -> KeyRow | None:
    """The working key with that SHA-256: neither revoked nor expired."""
    record = await db.fetchrow(_SQL["find_by_hash"], digest)
    return None if record is None else _row(record)


async def create_key(
    db: Database,
    project_id: int,
    *,
    scopes: Sequence[str],
    categories: Sequence[str] | None = None,
    name: str | None = None,
    rate_per_second: int | None = None,
    expires_at: datetime | None = None,
    key: str | None = None,
) -> tuple[UUID, str]:
    """Stores a new key; its id and the key itself, which is shown this once.

    Args:
        key: A fixed key (`hk_dev`) instead of a random one; storing it again changes nothing.
    """
    secret = key or new_key()
    key_id = uuid7()
    await db.execute(
        _SQL["create_key"],
        key_id,
        project_id,
        name,
        hash_key(secret),
        secret[:HINT_CHARACTERS],
        list(scopes),
        None if categories is None else list(categories),
        rate_per_second,
        expires_at,
    )
    return key_id, secret


async def list_keys(db: Database, project_id: int | None = None) -> list[KeyRow]:
    """All keys of a project (or of all), oldest first, revoked ones too."""
    return [_row(record) for record in await db.fetch(_SQL["list_keys"], project_id)]


async def revoke_key(db: Database, key_id: UUID) -> int | None:
    """Revokes a key for good; its project, or None when there is none. Revoking again is harmless."""
    record = await db.fetchrow(_SQL["revoke_key"], key_id)
    return None if record is None else int(record["project_id"])
