"""What happened to a notification, as far as stored facts tell."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from hub.store.database import Database
from hub.store.sql import load

_SQL = load("timeline")


class Event(NamedTuple):
    """One entry. `user` is '' where it is about the whole notification."""

    at: datetime
    user: str
    event: str
    reason: str | None


async def read_timeline(
    db: Database, project_id: int, notification_id: UUID, *, after: tuple[datetime, str, str] | None, limit: int
) -> list[Event]:
    """Entries by time, from the one after `after` (its at, user and event) on; costs as much as it has recipients."""
    at, user, event = after or (None, None, None)
    rows = await db.fetch(_SQL["read_timeline"], project_id, notification_id, at, user, event, limit)
    return [Event(*row) for row in rows]
