"""Broadcasts: one stored row, pulled into an inbox by whoever takes its head first.

Accepting one costs a row. A connected person's gateway pulls at once; everybody else's inbox pulls when it is next
opened, read, marked or written. So a broadcast costs O(connected), never O(registered).

Somebody who was away for a thousand broadcasts must not make a transaction of a thousand items out of a publish to
them: one transaction pulls about BUDGET and leaves the rest pending; `pull_broadcasts` goes on until none is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hub.publish.deliver import Outside, Recipient, deliver
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store.heads import LockedHead
from hub.store.notifications import pending_broadcasts, resolve_actors, share_live

if TYPE_CHECKING:
    from hub.runtime import Hub

CHUNK = 500  # people per transaction: locks are held for tens of milliseconds
BUDGET = 1_000  # items that one transaction pulls; at least one for everybody


async def lock_current(writer: InboxWriter, person_ids: Iterable[int]) -> list[LockedHead]:
    """Locks heads and gives what is pending for them, within BUDGET, its revisions first. The way to take a head."""
    heads = await writer.lock(person_ids)
    behind: defaultdict[int, list[LockedHead]] = defaultdict(list)
    for head in heads:
        if head.broadcast_upto < head.broadcast_seq:
            behind[head.person.project_id].append(head)
    for project_id, people in behind.items():
        await _pull(writer, project_id, people)
    return heads


async def _pull(writer: InboxWriter, project_id: int, heads: Sequence[LockedHead]) -> None:
    limit = max(1, BUDGET // len(heads))
    pending = await pending_broadcasts(writer.conn, project_id, {head.broadcast_upto for head in heads}, limit)
    wanted = {broadcast.notification_id for rows in pending.values() for broadcast in rows}
    notifications = await share_live(writer.conn, wanted) if wanted else {}
    await resolve_actors(writer.conn, notifications.values())
    recipients: list[Recipient] = []
    for head in heads:
        rows = pending[head.broadcast_upto]
        recipients += [
            Recipient(notifications[broadcast.notification_id], head.person.person_id)
            for broadcast in rows
            if broadcast.notification_id in notifications and head.person.person_id <= broadcast.people_upto
        ]
        last = rows[-1].seq if rows else 0
        head.broadcast_upto = last if len(rows) == limit else max(last, head.broadcast_seq)
        head.changed = True
    if recipients:
        await deliver(writer, recipients, repeated=True, outside=Outside.NOBODY)
        await writer.flush()  # what comes next may read these items, mark or collapse them


async def pull_broadcasts(hub: Hub, person_ids: Sequence[int]) -> None:
    """Gives pending broadcasts of these people their revisions, and announces them. Cancelling it loses nothing."""
    ordered = sorted(person_ids)
    for start in range(0, len(ordered), CHUNK):
        behind = ordered[start : start + CHUNK]
        while behind:

            async def work(writer: InboxWriter, chunk: list[int] = behind) -> list[int]:
                heads = await lock_current(writer, chunk)
                return [head.person.person_id for head in heads if head.broadcast_upto < head.broadcast_seq]

            behind = await change_inboxes(hub, work)
