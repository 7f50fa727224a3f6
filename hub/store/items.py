"""Writing inbox items under a locked head."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from hub.model.item import Item
from hub.model.mark import Mark
from hub.store.arrays import SEPARATOR, array
from hub.store.database import Connection
from hub.store.sql import load
from hub.store.together import Write

_SQL = load("items")


class NewItem(NamedTuple):
    """An item to insert; `removed_at` when a later one of the same transaction already collapsed it."""

    person_id: int
    item: Item
    removed_at: datetime | None = None


class Removal(NamedTuple):
    """An item that becomes a tombstone at the person's revision `rev`."""

    person_id: int
    item_id: UUID
    rev: int
    at: datetime


class BulkEffect(NamedTuple):
    """What a mark by filter will do: items it changes, and how many of those count as unseen, unread, live."""

    changed: int
    unseen: int
    unread: int
    live: int


def insert_items(rows: Sequence[NewItem]) -> Write:
    """Inserts all rows. What a notification says is sent once for all who are told the same."""
    alike: defaultdict[tuple[UUID, str, datetime, datetime | None], list[NewItem]] = defaultdict(list)
    for row in rows:
        item = row.item
        alike[item.notification_id, item.content, item.created_at, row.removed_at].append(row)
    items = [same[0].item for same in alike.values()]
    values = (
        [array([row.person_id for row in same]) for same in alike.values()],
        [array([row.item.item_id for row in same]) for same in alike.values()],
        [array([row.item.seq for row in same]) for same in alike.values()],
        [array([row.item.rev for row in same]) for same in alike.values()],
        [item.notification_id for item in items],
        [item.category for item in items],
        [SEPARATOR.join(item.tags) or None for item in items],
        [item.tenant for item in items],
        [item.collapse_key for item in items],
        [item.dedupe_key for item in items],
        ["" if same[0].removed_at else same[0].item.content for same in alike.values()],
        [item.created_at for item in items],
        [item.expires_at for item in items],
        [same[0].removed_at for same in alike.values()],
    )
    return Write(_SQL["insert_items"], values)


async def find_duplicates(conn: Connection, keys: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Which (person_id, dedupe_key) had an item, or a delivery outside the app, within 24 hours."""
    pairs = list(keys)
    rows = await conn.fetch(_SQL["find_duplicates"], [p for p, _ in pairs], [k for _, k in pairs])
    return {(row["person_id"], row["dedupe_key"]) for row in rows}


class Reached(NamedTuple):
    """How a notification reached somebody: with an item (or its tombstone), with deliveries outside the app."""

    stored: bool
    planned: bool


async def find_delivered(
    conn: Connection, notifications: Iterable[UUID], people: Iterable[int]
) -> dict[tuple[UUID, int], Reached]:
    """Which (notification_id, person_id) were reached already, and how."""
    rows = await conn.fetch(_SQL["find_delivered"], list(notifications), list(people))
    return {(row["notification_id"], row["person_id"]): Reached(row["stored"], row["planned"]) for row in rows}


async def find_collapsible(conn: Connection, keys: Iterable[tuple[int, str]]) -> list[asyncpg.Record]:
    """Older unread items of each (person_id, collapse_key)."""
    pairs = list(keys)
    return await conn.fetch(_SQL["find_collapsible"], [p for p, _ in pairs], [k for _, k in pairs])


def to_item(row: Any) -> Item:
    """A mutable item of a whole row."""
    return Item(**{name: row[name] for name in Item.__struct_fields__})


async def read_by_ids(conn: Connection, person_id: int, ids: Iterable[UUID]) -> list[Item]:
    """Items of this person among `ids`, oldest first; tombstones are not there."""
    return [to_item(row) for row in await conn.fetch(_SQL["read_by_ids"], person_id, list(ids))]


async def save_items(
    conn: Connection, person_id: int, rev: int, items: Sequence[Item], *, engaged: bool = True
) -> None:
    """Writes the state of changed items, all at one revision.

    Args:
        engaged: Whether it was in the app that the person saw, read or clicked: then that is an event.
    """
    await conn.execute(
        _SQL["save_items"],
        person_id,
        rev,
        [item.item_id for item in items],
        [item.seen_at for item in items],
        [item.read_at for item in items],
        [item.clicked_at for item in items],
        [item.archived_at for item in items],
        [item.pinned_at for item in items],
        [item.snoozed_until for item in items],
        engaged,
    )


async def remove_items(conn: Connection, removals: Sequence[Removal]) -> None:
    """Turns items into tombstones, all in one statement."""
    if not removals:
        return
    await conn.execute(
        _SQL["remove_items"],
        [removal.person_id for removal in removals],
        [removal.item_id for removal in removals],
        [removal.rev for removal in removals],
        [removal.at for removal in removals],
    )


async def due_people(conn: Connection, limit: int) -> list[int]:
    """People with items whose expiry or end of snooze has come."""
    return [row["person_id"] for row in await conn.fetch(_SQL["due_people"], limit)]


async def due_items(conn: Connection, person_ids: Iterable[int], now: datetime, whole: int) -> list[tuple[int, Item]]:
    """Expired and waking items of people whose heads are locked; content only of a person's first `whole` + 1."""
    rows = await conn.fetch(_SQL["due_items"], list(person_ids), now, whole + 1)
    return [(row["person_id"], to_item(row)) for row in rows]


async def live_of_notification(conn: Connection, notification_id: UUID, after: int, limit: int) -> list[int]:
    """The next people, in key order, who hold an item of this notification or wait for a delivery of it."""
    rows = await conn.fetch(_SQL["live_of_notification"], notification_id, after, limit)
    return [row["person_id"] for row in rows]


async def items_of_notification(
    conn: Connection, notifications: Iterable[UUID], people: Iterable[int]
) -> list[asyncpg.Record]:
    """Items of these notifications that these people hold."""
    return await conn.fetch(_SQL["items_of_notification"], list(notifications), list(people))


async def bulk_effect(conn: Connection, person_id: int, mark: Mark, upto: int) -> BulkEffect:
    """What a mark by filter will change; the head is locked, so it stays true until `apply_bulk`."""
    row = await conn.fetchrow(
        _SQL["bulk_effect"], person_id, upto, mark.category, mark.tag, str(mark.action), mark.until
    )
    assert row is not None
    return BulkEffect(*row)


async def apply_bulk(
    conn: Connection, person_id: int, mark: Mark, upto: int, rev: int, now: datetime, body: bytes
) -> None:
    """Carries out a mark by filter and logs it under its revision."""
    await conn.execute(
        _SQL["bulk_apply"], person_id, upto, mark.category, mark.tag, str(mark.action), mark.until, rev, now
    )
    await conn.execute(_SQL["insert_bulk_mark"], person_id, rev, body.decode("utf-8"))


async def read_by_filter(conn: Connection, person_id: int, mark: Mark, upto: int, whole: int) -> list[Item]:
    """Items that a mark by filter changes, oldest first, for actions that change items one by one.

    Content comes only with the first `whole` + 1: an inbox of 100,000 items does not fit a process's memory, and more
    than `whole` are not told one by one.
    """
    rows = await conn.fetch(
        _SQL["read_by_filter"], person_id, upto, mark.category, mark.tag, str(mark.action), whole + 1
    )
    return [to_item(row) for row in rows]
