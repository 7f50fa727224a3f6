"""Notifications, broadcasts, and what people are told beside a recipient's id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from hub.model.notification import PERSON_FIELDS, Actor, Notification, from_request
from hub.store.database import Connection, Database
from hub.store.sql import load
from hub.store.together import Write

_SQL = load("notifications")


class PendingBroadcast(NamedTuple):
    """A broadcast that some inbox may lack. It is for people up to `people_upto`: later ones came after it."""

    seq: int
    notification_id: UUID
    people_upto: int


def insert_notifications(
    rows: Sequence[tuple[Notification, int | None]], skipped: Mapping[UUID, dict[str, str]]
) -> Write:
    """Stores notifications with their number of recipients (None while a job counts them).

    Args:
        skipped: By notification: channels that nobody gets it by, each with why.
    """
    notifications = [notification for notification, _ in rows]
    values = (
        [n.notification_id for n in notifications],
        [n.project_id for n in notifications],
        [n.category for n in notifications],
        [n.priority for n in notifications],
        [n.request for n in notifications],
        [n.send_at for n in notifications],
        [n.send_local for n in notifications],
        [n.expires_at for n in notifications],
        [n.request.get("cancellation_key") for n in notifications],
        [bool(n.request.get("sandbox")) for n in notifications],
        [recipients for _, recipients in rows],
        [n.created_at for n in notifications],
        [skipped.get(n.notification_id) or None for n in notifications],
    )
    return Write(_SQL["insert_notifications"], values)


def to_notification(row: Mapping[str, Any] | asyncpg.Record) -> Notification:
    """The notification in a whole row, without its actor's name (see `resolve_actors`)."""
    notification = from_request(row["notification_id"], row["project_id"], row["created_at"], row["request"])
    notification.excluded_users = frozenset(row["excluded_users"] or ())
    return notification


async def resolve_actors(conn: Connection, notifications: Iterable[Notification]) -> None:
    """Gives actors the name and picture that are stored for them; no query when there is no actor."""
    acted = [n for n in notifications if n.actor is not None]
    if not acted:
        return
    keys = {(n.project_id, n.actor.id) for n in acted if n.actor}
    rows = await conn.fetch(_SQL["find_actors"], [p for p, _ in keys], [u for _, u in keys])
    known = {(r["project_id"], r["user_id"]): Actor(r["user_id"], r["name"], r["avatar_url"]) for r in rows}
    for notification in acted:
        assert notification.actor is not None
        found = known.get((notification.project_id, notification.actor.id))
        notification.actor = found or notification.actor


async def update_people(conn: Connection, told: Mapping[int, Mapping[str, Any]]) -> None:
    """Stores what requests say about their recipients beside the id; what is stored already is not written again."""
    people = list(told.items())
    if not people:
        return
    await conn.execute(_SQL["lock_people"], [person_id for person_id, _ in people])
    columns = [[fields.get(name) for _, fields in people] for name in PERSON_FIELDS]
    await conn.execute(_SQL["update_people"], [person_id for person_id, _ in people], *columns)


async def get_notification(db: Database, project_id: int, notification_id: UUID) -> asyncpg.Record | None:
    """One notification of this project, or None."""
    return await db.fetchrow(_SQL["get_notification"], project_id, notification_id)


async def list_notifications(
    db: Database,
    project_id: int,
    *,
    category: str | None = None,
    user: str | None = None,
    since: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[asyncpg.Record]:
    """Notifications of this project, newest first; `before` is the last id of the page before."""
    return await db.fetch(_SQL["list_notifications"], project_id, category, user, since, before, limit)


async def read_many(conn: Connection, ids: Iterable[UUID]) -> dict[UUID, Notification]:
    """These notifications as they were accepted, with their actors' names."""
    rows = await conn.fetch(_SQL["read_many"], list(ids))
    found = {row["notification_id"]: to_notification(row) for row in rows}
    await resolve_actors(conn, found.values())
    return found


async def share_notification(conn: Connection, notification_id: UUID) -> asyncpg.Record | None:
    """The row, held so that a cancellation waits for this transaction."""
    return await conn.fetchrow(_SQL["share_notification"], notification_id)


async def lock_notification(conn: Connection, project_id: int, notification_id: UUID) -> asyncpg.Record | None:
    """The row of this project, held alone: fan-out in progress has finished its chunk."""
    return await conn.fetchrow(_SQL["lock_notification"], project_id, notification_id)


async def ids_of_cancellation_key(conn: Connection, project_id: int, key: str) -> list[UUID]:
    rows = await conn.fetch(_SQL["ids_of_cancellation_key"], project_id, key)
    return [row["notification_id"] for row in rows]


async def set_cancelled(conn: Connection, notification_id: UUID) -> None:
    await conn.execute(_SQL["set_cancelled"], notification_id)


async def exclude_users(conn: Connection, notification_id: UUID, users: Sequence[str]) -> None:
    """Withdraws a notification for these people only, also from fan-out that has not reached them."""
    await conn.execute(_SQL["exclude_users"], notification_id, list(users))


async def set_recipients(conn: Connection, notification_id: UUID, recipients: int) -> None:
    await conn.execute(_SQL["set_recipients"], notification_id, recipients)


async def insert_broadcast(conn: Connection, project_id: int, notification_id: UUID) -> int:
    """Makes a notification a broadcast; takes the project's next number and holds its row until the commit."""
    return int(await conn.fetchval(_SQL["insert_broadcast"], project_id, notification_id))


async def pending_broadcasts(
    conn: Connection, project_id: int, after: Iterable[int], limit: int
) -> dict[int, list[PendingBroadcast]]:
    """For each position, at most `limit` broadcasts above it that are neither cancelled nor expired, oldest first."""
    found: dict[int, list[PendingBroadcast]] = {upto: [] for upto in after}
    for row in await conn.fetch(_SQL["pending_broadcasts"], project_id, list(found), limit):
        found[row["upto"]].append(PendingBroadcast(row["broadcast_seq"], row["notification_id"], row["people_upto"]))
    return found


async def share_live(conn: Connection, ids: Iterable[UUID]) -> dict[UUID, Notification]:
    """Those of these notifications that are neither cancelled nor expired, held so that a cancellation waits."""
    rows = await conn.fetch(_SQL["share_live"], list(ids))
    return {row["notification_id"]: to_notification(row) for row in rows}


async def count_recipients(db: Database, notification_id: UUID) -> None:
    """Counts whom a broadcast is for, once it is out: reads all people of the project, under no lock."""
    await db.execute(_SQL["count_recipients"], notification_id)
