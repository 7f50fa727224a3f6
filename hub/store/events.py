"""Events: what people and providers did with what was delivered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from hub.store.database import Connection, Database
from hub.store.ids import uuid7
from hub.store.sql import load

_SQL = load("events")
KEEP_DAYS = 92  # three whole months can be counted


class Event(msgspec.Struct, frozen=True):
    """One thing that somebody did.

    Attributes:
        event: `sent`, `opened`, `clicked`, `shown`, `bounced`, `complained`, `unsubscribed`, `seen`, `read` …
        delivery_id: None in the app.
        automated: By a scanner or a privacy proxy.
        at: None: now, by the database's clock.
        link: Of a click: which link of the message, from 0.
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
    link: int | None = None

    @classmethod
    def about(cls, row: Any, event: str, **more: Any) -> Event:
        """What happened to a delivery; `row` says whose it is, of what, and by which channel. `more` are fields."""
        names = ("project_id", "person_id", "notification_id", "delivery_id", "category", "channel", "provider")
        return cls(event_id=uuid7(), event=event, **{**{name: row[name] for name in names}, **more})


async def insert(conn: Connection, events: Sequence[Event]) -> set[UUID]:
    """Stores events, one statement; which of them are new.

    Each counts once for a delivery, its event, its link, and whether a person did it, whoever else stores it just now.
    """
    if not events:
        return set()
    names = Event.__struct_fields__
    columns = [[getattr(event, name) for event in events] for name in names]
    return {row["event_id"] for row in await conn.fetch(_SQL["insert_events"], *columns)}


async def record_sent(conn: Connection, deliveries: Iterable[UUID]) -> None:
    """Stores `sent` for these deliveries, which a provider has taken; in the transaction that settles them."""
    if taken := list(deliveries):
        await conn.execute(_SQL["record_sent"], taken)


async def sent_messages(conn: Connection, deliveries: Sequence[tuple[UUID, int]]) -> dict[UUID, asyncpg.Record]:
    """What is known of deliveries, each with its person; those of people who are gone are missing.

    The people stay until the transaction ends, so that no event outlives its person.
    """
    rows = await conn.fetch(_SQL["sent_messages"], [d for d, _ in deliveries], [p for _, p in deliveries])
    return {row["delivery_id"]: row for row in rows}


async def count_events(
    db: Database,
    project_id: int,
    since: datetime,
    until: datetime,
    *,
    category: str | None = None,
    channel: str | None = None,
    provider: str | None = None,
    categories: Sequence[str] | None = None,
    by_day: bool = True,
    limit: int,
) -> list[asyncpg.Record]:
    """Counts from `since` until before `until`; `categories`: only of these, for keys that may see no others."""
    return await db.fetch(
        _SQL["count_events"], project_id, since, until, category, channel, provider, categories, by_day, limit
    )


async def delete_of_person(conn: Connection, person_id: int) -> None:
    """Removes everything that a person did. Call after head and deliveries are gone, so that nothing new can come."""
    await conn.execute(_SQL["delete_of_person"], person_id)


async def purge(db: Database, limit: int) -> int:
    """Deletes events older than KEEP_DAYS; how many."""
    oldest = int((datetime.now(UTC) - timedelta(days=KEEP_DAYS)).timestamp() * 1000)
    return int((await db.execute(_SQL["purge"], UUID(int=oldest << 80), limit)).split()[-1])
