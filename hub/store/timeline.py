"""What happened to a notification, as far as stored facts tell."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

from hub.store.database import Database
from hub.store.sql import load

_SQL = load("timeline")

Position: TypeAlias = "tuple[datetime, str, str, int, str]"


class Event(NamedTuple):
    """One entry.

    Attributes:
        user: '' where it is about the whole notification; `channel` likewise.
        place: Orders what happened to a user at one time, by the ladder; with the fields before and `event` it names
            the entry.
        actor: Who did it: backend, dispatch, worker, person.
    """

    at: datetime
    user: str
    channel: str
    place: int
    event: str
    reason: str | None
    detail: str | None
    actor: str | None

    @property
    def position(self) -> Position:
        return (self.at, self.user, self.channel, self.place, self.event)


async def read_timeline(
    db: Database, project_id: int, notification_id: UUID, *, after: Position | None, limit: int
) -> list[Event]:
    """Entries by time, from the one after the position `after` on; costs as much as it has recipients."""
    position = after or (None,) * 5
    rows = await db.fetch(_SQL["read_timeline"], project_id, notification_id, *position, limit)
    return [Event(*row) for row in rows]
