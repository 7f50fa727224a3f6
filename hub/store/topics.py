"""Topics and who subscribes to them. A topic exists from its first subscriber on."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from hub.store.database import Connection, Database
from hub.store.inbox import ensure_people
from hub.store.sql import load

_SQL = load("topics")


def _count(status: str) -> int:
    """Of rows, from the server's status line."""
    return int(status.split()[-1])


async def add_subscribers(conn: Connection, project_id: int, topic: str, users: Sequence[str]) -> int:
    """Subscribes users, storing topic and people where missing; how many were not subscribed before."""
    people = await ensure_people(conn, [(project_id, user) for user in dict.fromkeys(users)])
    await conn.execute(_SQL["ensure_topic"], project_id, topic)
    topic_id = await conn.fetchval(_SQL["find_topic"], project_id, topic)
    return _count(await conn.execute(_SQL["add_subscribers"], topic_id, [row["person_id"] for row in people.values()]))


async def find_topic(db: Database, project_id: int, topic: str) -> int | None:
    """Its id, or None."""
    record = await db.fetchrow(_SQL["find_topic"], project_id, topic)
    return None if record is None else int(record["topic_id"])


async def remove_subscribers(conn: Connection, project_id: int, topic: str, users: Sequence[str]) -> int:
    """Unsubscribes users; how many were subscribed. Unknown users and topics change nothing."""
    topic_id = await conn.fetchval(_SQL["find_topic"], project_id, topic)
    if topic_id is None:
        return 0
    return _count(await conn.execute(_SQL["remove_subscribers"], topic_id, project_id, list(users)))


async def list_topics(db: Database, project_id: int, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Topics by name, from the one after `after` on."""
    return await db.fetch(_SQL["list_topics"], project_id, after, limit)


async def list_subscribers(db: Database, topic_id: int, *, after: int, limit: int) -> list[asyncpg.Record]:
    """Subscribers in the order they were stored as people, from the one after `after` on."""
    return await db.fetch(_SQL["list_subscribers"], topic_id, after, limit)


async def list_topics_of(
    db: Database, project_id: int, user: str, *, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """What a user subscribes to, by topic."""
    return await db.fetch(_SQL["list_topics_of"], project_id, user, after, limit)
