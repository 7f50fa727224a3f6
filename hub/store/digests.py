"""Digests: who may join, who has joined, who closes. Their rules are hub.model.digest's.

Joining locks the open digest; closing takes the same lock, so that whoever joins is in it or opens the next one, and a
digest is closed by one transaction: a worker that dies in it has closed nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("digests")
KEEP_DAYS = 7  # closed ones explain nothing that the deliveries do not


class DigestKey(NamedTuple):
    """What is gathered together."""

    person_id: int
    channel: str
    category: str
    key: str


class OpenDigest(msgspec.Struct):
    """One that may be joined; `members` ever joined it."""

    digest_id: UUID
    opened_at: datetime
    closes_at: datetime
    members: int


class NewDigest(NamedTuple):
    """One to open."""

    digest_id: UUID
    key: DigestKey
    project_id: int
    opened_at: datetime
    closes_at: datetime


def _columns(keys: Sequence[DigestKey]) -> list[list[object]]:
    return [[key[n] for key in keys] for n in range(4)]


async def lock_open(conn: Connection, keys: Iterable[DigestKey]) -> dict[DigestKey, OpenDigest]:
    """The open digests of these keys, held until the transaction ends."""
    rows = await conn.fetch(_SQL["lock_open"], *_columns(list(keys)))
    return {
        DigestKey(row["person_id"], row["channel"], row["category"], row["key"]): OpenDigest(
            row["digest_id"], row["opened_at"], row["closes_at"], row["members"]
        )
        for row in rows
    }


async def peek_open(conn: Connection, keys: Iterable[DigestKey]) -> dict[DigestKey, datetime]:
    """When the open digests of these keys close; nothing is held."""
    rows = await conn.fetch(_SQL["peek_open"], *_columns(list(keys)))
    return {DigestKey(row["person_id"], row["channel"], row["category"], row["key"]): row["closes_at"] for row in rows}


async def open_digests(conn: Connection, new: Sequence[NewDigest]) -> set[UUID]:
    """Opens digests; which of them. The others were opened by somebody else meanwhile."""
    rows = await conn.fetch(
        _SQL["open"],
        [digest.digest_id for digest in new],
        [digest.key.person_id for digest in new],
        [digest.project_id for digest in new],
        [digest.key.category for digest in new],
        [digest.key.channel for digest in new],
        [digest.key.key for digest in new],
        [digest.opened_at for digest in new],
        [digest.closes_at for digest in new],
    )
    return {row["digest_id"] for row in rows}


async def join(conn: Connection, joined: Sequence[OpenDigest]) -> None:
    """Stores when digests close now, and how many have joined."""
    await conn.execute(
        _SQL["join"],
        [digest.digest_id for digest in joined],
        [digest.closes_at for digest in joined],
        [digest.members for digest in joined],
    )


async def lock_closing(conn: Connection) -> asyncpg.Record | None:
    """A digest whose time has come, held by this transaction alone; None: there is none."""
    return await conn.fetchrow(_SQL["lock_closing"])


async def lock_members(conn: Connection, digest_id: UUID) -> list[UUID]:
    """The deliveries that wait in it, oldest first, held."""
    return [row["delivery_id"] for row in await conn.fetch(_SQL["lock_members"], digest_id)]


async def put_off(conn: Connection, digest_id: UUID, closes_at: datetime) -> None:
    await conn.execute(_SQL["put_off"], digest_id, closes_at)


async def close(conn: Connection, digest_id: UUID) -> None:
    await conn.execute(_SQL["close"], digest_id)


async def purge(db: Database, limit: int) -> int:
    """Deletes digests that closed more than KEEP_DAYS ago; how many."""
    return int((await db.execute(_SQL["purge"], KEEP_DAYS, limit)).split()[-1])
