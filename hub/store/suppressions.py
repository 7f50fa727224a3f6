"""Suppressions: addresses that nothing is sent to any more, and why.

A bounce or a complaint puts an address here, or a backend does; only a backend takes it out again.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import asyncpg

from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("suppressions")

Cause: TypeAlias = Literal["bounced", "complained", "unsubscribed", "manual"]
CAUSES: tuple[Cause, ...] = ("bounced", "complained", "unsubscribed", "manual")
CHANNELS = ("email", "sms")


async def add(
    conn: Connection | Database, project_id: int, channel: str, address: str, cause: Cause, detail: str | None = None
) -> bool:
    """Suppresses an address; whether it was not yet."""
    return (await conn.execute(_SQL["add"], project_id, channel, address, cause, detail)).endswith("1")


async def put(db: Database, project_id: int, channel: str, address: str, cause: Cause) -> asyncpg.Record:
    """Suppresses an address for this cause, whatever it was for before; the row."""
    row = await db.fetchrow(_SQL["put"], project_id, channel, address, cause)
    assert row is not None, "it was just written"
    return row


async def remove(db: Database, project_id: int, channel: str, address: str) -> bool:
    """Lets an address be written to again; whether it was suppressed."""
    return (await db.execute(_SQL["remove"], project_id, channel, address)).endswith("1")


async def list_suppressions(
    db: Database,
    project_id: int,
    *,
    channel: str | None = None,
    cause: str | None = None,
    address: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> list[asyncpg.Record]:
    """By channel and address, from the one after `after` on."""
    return await db.fetch(
        _SQL["list_suppressions"], project_id, channel, cause, address, *(after or (None, None)), limit
    )
