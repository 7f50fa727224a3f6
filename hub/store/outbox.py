"""The outbox: what was committed but perhaps not announced.

A row is written in the transaction of the change and deleted once Redis has accepted the announcements. Rows older than
OVERDUE_SECONDS belong to a process that died, or to a Redis that was away; any worker announces their people again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from hub.store.database import Connection
from hub.store.sql import load
from hub.store.together import Write

_SQL = load("outbox")
OVERDUE_SECONDS = 2.0  # design.md: "any worker re-announces rows older than 2 s"


def insert(outbox_id: UUID, changes: Sequence[Sequence[int]]) -> Write:
    """Records `[person_id, rev]` pairs that this transaction will announce."""
    return Write(_SQL["insert_outbox"], (outbox_id, changes))


async def delete(conn: Connection, outbox_ids: Iterable[UUID]) -> None:
    await conn.execute(_SQL["delete_outbox"], list(outbox_ids))


async def overdue(conn: Connection, limit: int) -> list[asyncpg.Record]:
    """Overdue rows, locked until the transaction ends; rows locked by another worker are passed over."""
    return await conn.fetch(_SQL["overdue"], OVERDUE_SECONDS, limit)


async def heads_to_announce(conn: Connection, person_ids: Iterable[int]) -> list[asyncpg.Record]:
    """Where the inboxes of these people stand, with what is needed to name their channel."""
    return await conn.fetch(_SQL["heads_to_announce"], list(person_ids))


async def age(conn: Connection) -> Any:
    """Rows waiting, and the age of the oldest in seconds."""
    return await conn.fetchrow(_SQL["outbox_age"])
