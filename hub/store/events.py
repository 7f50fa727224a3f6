"""Events: what people and providers did with what was delivered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from hub.store.database import Connection
from hub.store.sql import load

_SQL = load("events")


class Event(msgspec.Struct, frozen=True):
    """One thing that somebody did.

    Attributes:
        event: `opened`, `clicked`, `shown`, `bounced`, `complained`, `unsubscribed`, `seen`, `read` …
        delivery_id: None in the app.
        automated: By a scanner or a privacy proxy.
        at: None: now, by the database's clock.
    """

    event_id: UUID
    project_id: int
    person_id: int
    notification_id: UUID | None
    delivery_id: UUID | None
    category: str
    channel: str
    event: str
    provider: str | None = None
    automated: bool = False
    detail: dict[str, Any] | None = None
    at: datetime | None = None


async def insert(conn: Connection, events: Sequence[Event]) -> None:
    """Stores events, one statement."""
    if events:
        names = Event.__struct_fields__
        await conn.execute(_SQL["insert_events"], *[[getattr(event, name) for event in events] for name in names])
