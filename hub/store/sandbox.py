"""What would have been sent: the table that the sandbox channel writes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from hub.store.database import Database
from hub.store.sql import load

_SQL = load("sandbox")
KEEP_DAYS = 7


class SandboxMessage(NamedTuple):
    """One message; `message` as the channel got it."""

    delivery_id: UUID
    project_id: int
    person_id: int
    channel: str
    message: dict[str, Any]


async def write(db: Database, messages: Sequence[SandboxMessage]) -> None:
    """Stores messages in order, each once; one that comes again is counted."""
    await db.execute(_SQL["write"], *[list(column) for column in zip(*messages, strict=True)])


async def list_messages(
    db: Database,
    project_id: int,
    *,
    channel: str | None = None,
    category: str | None = None,
    user: str | None = None,
    before: int | None = None,
    limit: int = 50,
    categories: Sequence[str] | None = None,
) -> list[asyncpg.Record]:
    """Messages of this project, newest first; `categories`: only of these, for keys that may see no others."""
    return await db.fetch(_SQL["list_messages"], project_id, channel, category, user, before, limit, categories)


async def get_message(
    db: Database, project_id: int, delivery_id: UUID, *, categories: Sequence[str] | None = None
) -> asyncpg.Record | None:
    """One message of this project, with everything that was rendered for it."""
    return await db.fetchrow(_SQL["get_message"], project_id, delivery_id, categories)


async def purge(db: Database, limit: int) -> int:
    """Deletes what is older than KEEP_DAYS; how many."""
    return int((await db.execute(_SQL["purge"], KEEP_DAYS, limit)).split()[-1])
