"""Broadcasts: one stored row, pulled into an inbox by whoever takes its head first.

Accepting one costs a row. A connected person's gateway pulls at once; everybody else's inbox pulls when it is next
opened, read, marked or written. So a broadcast costs O(connected), never O(registered).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hub.publish.deliver import Delivery, deliver
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store.heads import LockedHead
from hub.store.notifications import pending_broadcasts, resolve_actors, to_notification

if TYPE_CHECKING:
    from hub.runtime import Hub

CHUNK = 500  # people per transaction: locks are held for tens of milliseconds


async def lock_current(writer: InboxWriter, person_ids: Iterable[int]) -> list[LockedHead]:
    """Locks heads and gives what is pending for them its revisions first. The way to take a head."""
    heads = await writer.lock(person_ids)
    behind: defaultdict[int, list[LockedHead]] = defaultdict(list)
    for head in heads:
        if head.broadcast_upto < head.broadcast_seq:
            behind[head.person.project_id].append(head)
    for project_id, people in behind.items():
        await _pull(writer, project_id, people)
    return heads


async def _pull(writer: InboxWriter, project_id: int, heads: Sequence[LockedHead]) -> None:
    rows = await pending_broadcasts(writer.conn, project_id, min(head.broadcast_upto for head in heads))
    notifications = {row["broadcast_seq"]: to_notification(row) for row in rows}
    await resolve_actors(writer.conn, notifications.values())
    deliveries = [
        Delivery(notification, head.person.person_id)
        for head in heads
        for seq, notification in notifications.items()
        if head.broadcast_upto < seq <= head.broadcast_seq
    ]
    for head in heads:
        head.broadcast_upto = head.broadcast_seq
        head.changed = True
    if deliveries:
        await deliver(writer, deliveries, repeated=True)


async def pull_broadcasts(hub: Hub, person_ids: Sequence[int]) -> None:
    """Gives pending broadcasts of these people their revisions, and announces them. Cancelling it loses nothing."""
    for start in range(0, len(person_ids), CHUNK):
        chunk = sorted(person_ids)[start : start + CHUNK]

        async def work(writer: InboxWriter, chunk: list[int] = chunk) -> None:
            await lock_current(writer, chunk)

        await change_inboxes(hub, work)
