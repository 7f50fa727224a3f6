"""Cancelling: withdraws items and whatever has not left.

The notification's row is locked alone, so a fan-out chunk under way has finished and the next one sees the mark. What
is in inboxes then goes in the same transaction, or, past INLINE_ITEMS, by a job in chunks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from hub.exceptions import NotFound
from hub.model.item import count
from hub.model.notification import LANES
from hub.publish.broadcast import lock_current
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store import items, jobs, notifications
from hub.store.inbox import ensure_people

if TYPE_CHECKING:
    from hub.runtime import Hub

INLINE_ITEMS = 500  # one chunk: locks are held for tens of milliseconds


async def cancel_notification(
    hub: Hub, project_id: int, notification_id: UUID, users: Sequence[str] | None = None
) -> int | None:
    """Withdraws a notification, for everybody or for `users` only. Cancelling again is harmless and answers 0.

    Returns:
        How many people it was withdrawn for, or None while a job does it.

    Raises:
        NotFound: no such notification in this project.
    """

    async def work(writer: InboxWriter) -> int | None:
        row = await notifications.lock_notification(writer.conn, project_id, notification_id)
        if row is None:
            raise NotFound(f"There is no notification {notification_id}.")
        if users is not None:
            return await _cancel_for(writer, project_id, notification_id, users)
        if row["cancelled_at"] is not None:
            return 0
        await notifications.set_cancelled(writer.conn, notification_id)
        waiting = await jobs.cancel_fanout(writer.conn, notification_id)
        people = await items.live_of_notification(writer.conn, notification_id, 0, INLINE_ITEMS + 1)
        if len(people) > INLINE_ITEMS:
            job = jobs.NewJob(uuid7(), project_id, notification_id, "cancel", LANES[row["priority"]], None)
            await jobs.insert_jobs(writer.conn, [job])
            return None
        withdrawn = await withdraw(writer, [notification_id], people)
        if not waiting:
            return withdrawn
        notification = notifications.to_notification(row)
        if notification.topics or notification.everyone:
            return None
        return len(notification.users.keys() - notification.excluded_users)

    cancelled = await change_inboxes(hub, work)
    if cancelled is None:
        await hub.wake_workers()
    return cancelled


async def cancel_by_key(hub: Hub, project_id: int, key: str, users: Sequence[str] | None = None) -> int | None:
    """Withdraws every notification of a cancellation key; the sum, or None while a job does some of it."""
    async with hub.db.acquire() as conn:
        ids = await notifications.ids_of_cancellation_key(conn, project_id, key)
    total: int | None = 0
    for notification_id in ids:
        cancelled = await cancel_notification(hub, project_id, notification_id, users)
        total = None if total is None or cancelled is None else total + cancelled
    return total


async def _cancel_for(writer: InboxWriter, project_id: int, notification_id: UUID, users: Sequence[str]) -> int:
    await notifications.exclude_users(writer.conn, notification_id, users)
    found = await ensure_people(writer.conn, [(project_id, user) for user in dict.fromkeys(users)])
    return await withdraw(writer, [notification_id], [row["person_id"] for row in found.values()])


async def withdraw(writer: InboxWriter, notification_ids: Sequence[UUID], people: Sequence[int]) -> int:
    """Makes tombstones of what these people hold of these notifications; one revision a person. How many people."""
    heads = {head.person.person_id: head for head in await lock_current(writer, people)}
    held: defaultdict[int, list[UUID]] = defaultdict(list)
    for row in await items.items_of_notification(writer.conn, notification_ids, list(heads)):
        heads[row["person_id"]].counts -= count(row)
        held[row["person_id"]].append(row["item_id"])
    removals: list[items.Removal] = []
    for person_id, ids in held.items():
        head = heads[person_id]
        rev = head.next_rev()
        removals += [items.Removal(person_id, item_id, rev, head.now) for item_id in ids]
        writer.removed(head, [str(item_id) for item_id in ids])
    await items.remove_items(writer.conn, removals)
    return len(held)
