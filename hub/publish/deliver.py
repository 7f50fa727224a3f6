"""Delivering into inboxes: the one place where items are made.

Publishing, fan-out jobs and broadcasts all come here with (notification, person) pairs inside an open transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from hub.model.counts import Counts
from hub.model.item import count, render
from hub.model.notification import Notification
from hub.publish.writer import InboxWriter
from hub.store.heads import LockedHead
from hub.store.items import (
    NewItem,
    Removal,
    find_collapsible,
    find_delivered,
    find_duplicates,
    insert_items,
    remove_items,
)


class Delivery(NamedTuple):
    """One notification for one person."""

    notification: Notification
    person_id: int


class Delivered(NamedTuple):
    """`recipients` were not reached by this notification before; `items` were written (no duplicates, no excluded)."""

    recipients: int
    items: int


async def deliver(writer: InboxWriter, deliveries: Sequence[Delivery], *, repeated: bool) -> Delivered:
    """Gives each delivery its revision and item.

    Args:
        deliveries: In the order in which they take revisions. People without an inbox (deleted meanwhile) are skipped.
        repeated: Whether some may have been delivered before (jobs, broadcasts): those are left out.
    """
    await writer.lock([delivery.person_id for delivery in deliveries])
    known = set[tuple[UUID, int]]()
    if repeated:
        known = await find_delivered(
            writer.conn,
            {delivery.notification.notification_id for delivery in deliveries},
            {delivery.person_id for delivery in deliveries},
        )
    fresh = [
        delivery
        for delivery in deliveries
        if delivery.person_id in writer.heads
        and (delivery.notification.notification_id, delivery.person_id) not in known
    ]
    batch = _Batch(writer)
    await batch.prepare(fresh)
    for notification, person_id in fresh:
        head = writer.heads[person_id]
        if notification.in_app and head.person.user not in notification.excluded_users:
            batch.add(notification, head)
    await batch.write()
    return Delivered(len(fresh), batch.written)


class _Batch:
    """Items of one `deliver` call: new ones may collapse stored ones, and each other."""

    def __init__(self, writer: InboxWriter) -> None:
        self._writer = writer
        self._new: dict[UUID, NewItem] = {}
        self._removals: list[Removal] = []
        self._duplicates: set[tuple[int, str]] = set()
        self._collapsible: dict[tuple[int, str], list[tuple[UUID, Counts]]] = {}
        self.written = 0

    async def prepare(self, deliveries: Sequence[Delivery]) -> None:
        """Reads what dedupe and collapse keys refer to; the heads are locked, so it stays true."""
        dedupe = {(d.person_id, key) for d in deliveries if (key := d.notification.request.get("dedupe_key"))}
        collapse = {(d.person_id, key) for d in deliveries if (key := d.notification.request.get("collapse_key"))}
        if dedupe:
            self._duplicates = await find_duplicates(self._writer.conn, dedupe)
        if collapse:
            row: Any
            for row in await find_collapsible(self._writer.conn, collapse):
                key = (row["person_id"], row["collapse_key"])
                self._collapsible.setdefault(key, []).append((row["item_id"], count(row)))

    def add(self, notification: Notification, head: LockedHead) -> None:
        person_id = head.person.person_id
        dedupe_key = notification.request.get("dedupe_key")
        if dedupe_key:
            if (person_id, dedupe_key) in self._duplicates:
                return
            self._duplicates.add((person_id, dedupe_key))
        rev = head.next_rev()
        item = notification.item(uuid7(), rev, head.person.user, head.locale, head.now)
        gone: list[str] = []
        collapse_key = notification.request.get("collapse_key")
        if collapse_key:
            key = (person_id, collapse_key)
            for item_id, counted in self._collapsible.pop(key, ()):
                head.counts -= counted
                gone.append(str(item_id))
                self._remove(head, item_id)
            self._collapsible[key] = [(item.item_id, count(item))]
        head.counts += count(item)
        self._new[item.item_id] = NewItem(person_id, item)
        self._writer.item(head, render(item), gone)
        self.written += 1

    def _remove(self, head: LockedHead, item_id: UUID) -> None:
        new = self._new.get(item_id)
        if new is None:
            self._removals.append(Removal(head.person.person_id, item_id, head.rev, head.now))
        else:
            # seq stays: it is the revision that created the item; rev says when it went.
            new.item.rev = head.rev
            self._new[item_id] = new._replace(removed_at=head.now)

    async def write(self) -> None:
        await insert_items(self._writer.conn, list(self._new.values()))
        await remove_items(self._writer.conn, self._removals)
