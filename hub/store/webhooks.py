"""Webhooks: endpoints of backends, and the messages to them, which wait in a table, are claimed, and are settled.

Messages are written in the transaction in which something happens: of deliveries here, of events by a trigger
(0008_webhooks.sql). So none is missed, and none tells of what was rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from hub.model.webhook import DELIVERY_EVENTS, FAILING_FOR, RETRY_FOR
from hub.store.database import Connection, Database
from hub.store.ids import uuid7
from hub.store.sql import load

_SQL = load("webhooks")
TOLD_STATES = frozenset(event.removeprefix("delivery.") for event in DELIVERY_EVENTS)
KEEP_DAYS = 30  # messages, whatever became of them: as deliveries are kept
MAX_ENDPOINTS = 10  # of a project
REPLAY_BATCH = 1_000


async def tell_of_deliveries(conn: Connection, states: Mapping[UUID, str]) -> None:
    """Tells endpoints what became of these deliveries, changed in this transaction to these states.

    Two statements; only the first, which reads the endpoints alone, where nobody wants to hear of it.
    """
    ids = [delivery_id for delivery_id, state in states.items() if state in TOLD_STATES]
    kinds = {f"delivery.{states[delivery_id]}" for delivery_id in ids}
    if ids and await conn.fetchval(_SQL["wanted"], list(kinds)):
        await conn.execute(_SQL["tell_of_deliveries"], ids, [uuid7() for _ in ids], RETRY_FOR.total_seconds())


async def create(
    conn: Connection,
    project_id: int,
    *,
    url: str,
    events: Sequence[str],
    description: str | None,
    secret: str,
    enabled: bool,
) -> asyncpg.Record | None:
    """Stores an endpoint; None: the project has MAX_ENDPOINTS."""
    await conn.execute(_SQL["lock_project"], project_id)
    if await conn.fetchval(_SQL["count_endpoints"], project_id) >= MAX_ENDPOINTS:
        return None
    return await conn.fetchrow(
        _SQL["insert_endpoint"], uuid7(), project_id, url, list(events), description, secret, enabled
    )


async def list_endpoints(db: Database, project_id: int) -> list[asyncpg.Record]:
    """A project's endpoints, oldest first: never more than MAX_ENDPOINTS."""
    return await db.fetch(_SQL["list_endpoints"], project_id)


async def get_endpoint(db: Database, project_id: int, endpoint_id: UUID) -> asyncpg.Record | None:
    return await db.fetchrow(_SQL["get_endpoint"], project_id, endpoint_id)


async def lock_endpoint(conn: Connection, project_id: int, endpoint_id: UUID) -> asyncpg.Record | None:
    """An endpoint, held until the transaction ends."""
    return await conn.fetchrow(_SQL["lock_endpoint"], project_id, endpoint_id)


async def update(
    conn: Connection,
    endpoint_id: UUID,
    *,
    url: str,
    events: Sequence[str],
    description: str | None,
    enabled: bool,
    mended: bool,
) -> asyncpg.Record:
    """Changes a held endpoint. `mended`: what failed so far does not count any more."""
    row = await conn.fetchrow(_SQL["update_endpoint"], endpoint_id, url, list(events), description, enabled, mended)
    assert row is not None, "it is held"
    return row


async def rotate(
    conn: Connection, project_id: int, endpoint_id: UUID, secret: str, overlap_seconds: float
) -> asyncpg.Record | None:
    """Gives an endpoint a new secret; the one before signs too for a while."""
    return await conn.fetchrow(_SQL["rotate_secret"], project_id, endpoint_id, secret, overlap_seconds)


async def delete(db: Database, project_id: int, endpoint_id: UUID) -> bool:
    """Deletes an endpoint; nothing more is sent there. Its messages follow bit by bit."""
    return (await db.execute(_SQL["delete_endpoint"], project_id, endpoint_id)) != "DELETE 0"


async def insert_message(conn: Connection, endpoint_id: UUID, kind: str, data: dict[str, Any]) -> UUID:
    """Stores one message for one endpoint, whatever it asks for; its id."""
    message_id = uuid7()
    await conn.execute(_SQL["insert_message"], endpoint_id, message_id, kind, data, RETRY_FOR.total_seconds())
    return message_id


async def list_messages(
    db: Database, endpoint_id: UUID, *, state: str | None, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Messages to an endpoint, newest first."""
    return await db.fetch(_SQL["list_messages"], endpoint_id, state, before, limit)


async def start_replay(conn: Connection, endpoint_id: UUID, since: datetime) -> int:
    """Has everything since then sent to a held endpoint again; how many messages."""
    return int(await conn.fetchval(_SQL["start_replay"], endpoint_id, since))


async def replay_some(db: Database) -> bool:
    """Takes up the next REPLAY_BATCH messages of one replay under way; whether there was one."""

    async def work(conn: Connection) -> bool:
        row = await conn.fetchrow(_SQL["lock_replay"])
        if row is None:
            return False
        came_to = await conn.fetchval(
            _SQL["replay"],
            row["endpoint_id"],
            row["replay_since"],
            row["replay_after"],
            row["replay_upto"],
            REPLAY_BATCH,
            RETRY_FOR.total_seconds(),
        )
        await conn.execute(_SQL["advance_replay"], row["endpoint_id"], came_to)
        return True

    return await db.transaction(work)


async def claim(
    db: Database, free: int, *, per_endpoint: int, per_project: int, lease_seconds: float
) -> list[asyncpg.Record]:
    """Takes up to `free` due messages for this worker, each with its endpoint's URL and secrets.

    Durable when it returns: what a worker that dies had claimed is due again after the lease, its attempt counted.
    """
    return await db.fetch(_SQL["claim"], free, per_endpoint, lease_seconds, per_project)


class Settled(NamedTuple):
    """What became of one attempt. `history` is ready JSON: a list of one entry."""

    position: int
    attempts: int
    state: str
    due_at: datetime | None
    history: str


class EndpointHealth(NamedTuple):
    """What attempts say about their endpoint. `pause_seconds`: for how long it is left alone."""

    endpoint_id: UUID
    ok: bool
    gone: bool
    pause_seconds: float | None


async def settle(conn: Connection, settled: Sequence[Settled], health: Sequence[EndpointHealth]) -> list[UUID]:
    """Writes what became of attempts; which endpoints are switched off now."""
    await conn.execute(_SQL["settle"], *[list(column) for column in zip(*settled, strict=True)])
    columns = [list(column) for column in zip(*health, strict=True)]
    rows = await conn.fetch(_SQL["settle_endpoints"], *columns, FAILING_FOR.total_seconds())
    return [row["endpoint_id"] for row in rows if not row["enabled"]]


async def recover(db: Database, limit: int = 500) -> int:
    """Makes due again what workers that went away had claimed; how many."""
    return _count(await db.execute(_SQL["recover"], limit))


async def give_up(db: Database, limit: int) -> int:
    """Ends messages whose time is over; how many."""
    return _count(await db.execute(_SQL["give_up"], limit))


async def purge(db: Database, limit: int) -> int:
    """Deletes messages older than KEEP_DAYS, and those of endpoints that are gone; how many."""
    old = _count(await db.execute(_SQL["purge"], KEEP_DAYS, limit))
    return max(old, _count(await db.execute(_SQL["purge_of_gone"], limit)))


def _count(status: str) -> int:
    return int(status.split()[-1])
