"""Cancelling: withdraws items and whatever has not left.

In two transactions, because whoever pulls a broadcast holds heads when it comes to the notification: first the
notification's row alone is locked and marked, so that what is under way has finished and nothing new begins. Then what
is in inboxes goes, at once, or, past INLINE_ITEMS, by a job in chunks. The job is stored with the mark in either case:
it finishes what a process that died in between has left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from hub.exceptions import NotFound
from hub.model.item import count
from hub.model.notification import LANES
from hub.publish.broadcast import lock_current
from hub.publish.withdraw import withdraw_shown
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store import deliveries, items, jobs, notifications
from hub.store.database import Connection
from hub.store.ids import uuid7
from hub.store.inbox import find_people

if TYPE_CHECKING:
    from hub.runtime import Hub

INLINE_NOTIFICATIONS = 50  # of a cancellation key; of the others the items are withdrawn by jobs
INLINE_ITEMS = 500  # one chunk: locks are held for tens of milliseconds
LEFT_SECONDS = 15.0  # after which a worker takes the inboxes of a cancellation whose process died


class _Mark(NamedTuple):
    """What marking a notification as cancelled found: who holds it, the job for that, and how many it was meant for."""

    people: list[int]
    job: jobs.NewJob | None = None
    planned: int | None = 0


async def cancel_notification(
    hub: Hub, project_id: int, notification_id: UUID, users: Sequence[str] | None = None
) -> int | None:
    """Withdraws a notification, for everybody or for `users` only. Cancelling again is harmless and answers 0.

    Returns:
        How many people it was withdrawn for; None while a job does it, and for broadcasts.

    Raises:
        NotFound: no such notification in this project.
    """
    if users is not None:
        return await _cancel_for(hub, project_id, notification_id, users)
    found = await hub.db.transaction(lambda conn: _mark(conn, project_id, notification_id))
    if found.job is None:
        return found.planned
    job = found.job
    if len(found.people) > INLINE_ITEMS:
        await hub.wake_workers()
        return None

    async def work(writer: InboxWriter) -> int:
        withdrawn = await withdraw(writer, [notification_id], found.people)
        await jobs.finish(writer.conn, job.job_id)
        return withdrawn

    withdrawn = await change_inboxes(hub, work)
    return withdrawn if found.planned == 0 else found.planned


async def _mark(conn: Connection, project_id: int, notification_id: UUID, *, inline: bool = True) -> _Mark:
    row = await notifications.lock_notification(conn, project_id, notification_id)
    if row is None:
        raise NotFound(f"There is no notification {notification_id}.")
    if row["cancelled_at"] is not None:
        return _Mark([])
    await notifications.set_cancelled(conn, notification_id)
    notification = notifications.to_notification(row)
    # Whose inbox never pulled a broadcast is spared it without being counted.
    planned: int | None = None if notification.everyone else 0
    if await jobs.cancel_fanout(conn, notification_id):
        everybody = bool(notification.topics) or notification.everyone
        planned = None if everybody else len(notification.users.keys() - notification.excluded_users)
    people = await items.live_of_notification(conn, notification_id, 0, INLINE_ITEMS + 1)
    if not people:
        return _Mark([], None, planned)
    at_once = not inline or len(people) > INLINE_ITEMS
    due_at = None if at_once else datetime.now(UTC) + timedelta(seconds=LEFT_SECONDS)
    job = jobs.NewJob(uuid7(), project_id, notification_id, "cancel", LANES[row["priority"]], due_at)
    await jobs.insert_jobs(conn, [job])
    return _Mark(people, job, planned)


async def cancel_by_key(hub: Hub, project_id: int, key: str, users: Sequence[str] | None = None) -> int | None:
    """Withdraws every notification of a cancellation key; the sum, or None while a job does some of it."""
    async with hub.db.acquire() as conn:
        ids = await notifications.ids_of_cancellation_key(conn, project_id, key)
    total: int | None = 0
    inline = ids if users is not None else ids[:INLINE_NOTIFICATIONS]
    for notification_id in inline:
        cancelled = await cancel_notification(hub, project_id, notification_id, users)
        total = None if total is None or cancelled is None else total + cancelled
    rest = ids[len(inline) :]
    for start in range(0, len(rest), INLINE_NOTIFICATIONS):
        await hub.db.transaction(partial(_mark_many, project_id, rest[start : start + INLINE_NOTIFICATIONS]))
    if not rest:
        return total
    await hub.wake_workers()
    return None


async def _mark_many(project_id: int, ids: Sequence[UUID], conn: Connection) -> None:
    for notification_id in ids:  # in the order of ids, as everybody takes notifications
        await _mark(conn, project_id, notification_id, inline=False)


async def _cancel_for(hub: Hub, project_id: int, notification_id: UUID, users: Sequence[str]) -> int:
    """For some only; later fan-out leaves them out. A process that dies in between has answered nobody."""

    async def exclude(conn: Connection) -> list[int]:
        if await notifications.lock_notification(conn, project_id, notification_id) is None:
            raise NotFound(f"There is no notification {notification_id}.")
        await notifications.exclude_users(conn, notification_id, users)
        found = await find_people(conn, [(project_id, user) for user in dict.fromkeys(users)])
        return [row["person_id"] for row in found.values()]

    people = await hub.db.transaction(exclude)
    return await change_inboxes(hub, lambda writer: withdraw(writer, [notification_id], people))


async def withdraw(writer: InboxWriter, notification_ids: Sequence[UUID], people: Sequence[int]) -> int:
    """Makes tombstones of what these people hold of these notifications and cancels what has not left.

    One revision for each person who held something.

    Returns:
        How many people it was withdrawn from, be it only an e-mail that waited.
    """
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
    waited = await deliveries.cancel(writer.conn, notification_ids, people)
    await withdraw_shown(writer, held)
    return len(held.keys() | waited)
