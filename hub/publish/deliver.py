"""Delivering into inboxes: the one place where items are made.

Publishing, fan-out jobs and broadcasts all come here with (notification, person) pairs inside an open transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from hub.model.counts import Counts
from hub.model.item import NEW, count, render_new
from hub.model.notification import Notification
from hub.model.reader import Reader
from hub.publish.writer import InboxWriter
from hub.store.heads import LockedHead
from hub.store.ids import uuid7
from hub.store.items import (
    NewItem,
    Reached,
    Removal,
    find_collapsible,
    find_delivered,
    find_duplicates,
    insert_items,
    remove_items,
)
from hub.store.templates import readers

log = structlog.get_logger("hub.deliver")


class Recipient(NamedTuple):
    """One notification for one person.

    Attributes:
        delegate: The user to whom this person's outside deliveries go instead.
        instead_of: The user whose delegate this person is; what was said for that user is shown.
    """

    notification: Notification
    person_id: int
    delegate: str | None = None
    instead_of: str | None = None


class Outside(Enum):
    """Whose outside deliveries a call plans."""

    NOBODY = auto()  # a broadcast that is pulled: a job plans them
    NEW = auto()  # those who get the notification now
    ALL = auto()  # also those who hold it already; what is planned already stays as it is


class Delivered(NamedTuple):
    """`recipients` were not reached by this notification before; `items` were written (no duplicates, no excluded)."""

    recipients: int
    items: int


async def deliver(
    writer: InboxWriter, recipients: Sequence[Recipient], *, repeated: bool, outside: Outside = Outside.NEW
) -> Delivered:
    """Gives each recipient the item at its revision, and plans what leaves the app. Written when the writer flushes.

    Args:
        recipients: In the order in which they take revisions. People without an inbox (deleted meanwhile) are skipped.
        repeated: Whether some may have been reached before (jobs, broadcasts): those are left out.
    """
    await writer.lock([recipient.person_id for recipient in recipients])
    known: dict[tuple[UUID, int], Reached] = {}
    if repeated:
        known = await find_delivered(
            writer.conn,
            {recipient.notification.notification_id for recipient in recipients},
            {recipient.person_id for recipient in recipients},
        )
    held, fresh = list[tuple[Recipient, Reached]](), list[Recipient]()
    for recipient in recipients:
        if recipient.person_id in writer.heads:
            reached = known.get((recipient.notification.notification_id, recipient.person_id))
            if reached is None:
                fresh.append(recipient)
            else:
                held.append((recipient, reached))
    await writer.templates.attach(writer.conn, {id(r.notification): r.notification for r in recipients}.values())
    batch = _Batch(writer)
    await batch.prepare(fresh)
    dispatch = writer.dispatcher
    await dispatch.prepare(
        writer.conn, list({r.notification.notification_id: r.notification for r in recipients}.values())
    )
    for recipient in fresh:
        notification, head = recipient.notification, writer.heads[recipient.person_id]
        if head.person.user in notification.excluded_users or batch.repeats(notification, head):
            continue
        stored = dispatch.in_app(notification, head)
        if stored:
            batch.add(recipient, head)
        if outside is not Outside.NOBODY:
            dispatch.plan(notification, head, stored=stored, delegate=recipient.delegate)
    if outside is Outside.ALL:
        for recipient, reached in held:
            notification, head = recipient.notification, writer.heads[recipient.person_id]
            if not reached.planned and head.person.user not in notification.excluded_users:
                dispatch.plan(notification, head, stored=reached.stored, delegate=recipient.delegate)
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
        self._readers: dict[int, Reader] = {}
        self.written = 0

    async def prepare(self, recipients: Sequence[Recipient]) -> None:
        """Reads what dedupe and collapse keys refer to (the heads are locked, so it stays true), and whom templates are
        rendered for.
        """
        reading = {r.person_id for r in recipients if r.notification.pins}
        if reading:
            self._readers = await readers(self._writer.conn, reading)
        dedupe = {(r.person_id, key) for r in recipients if (key := r.notification.request.get("dedupe_key"))}
        collapse = {(r.person_id, key) for r in recipients if (key := r.notification.request.get("collapse_key"))}
        if dedupe:
            self._duplicates = await find_duplicates(self._writer.conn, dedupe)
        if collapse:
            row: Any
            for row in await find_collapsible(self._writer.conn, collapse):
                key = (row["person_id"], row["collapse_key"])
                self._collapsible.setdefault(key, []).append((row["item_id"], count(row)))

    def repeats(self, notification: Notification, head: LockedHead) -> bool:
        """Whether this is the same event again for this person; from here on it would be."""
        dedupe_key = notification.request.get("dedupe_key")
        if not dedupe_key:
            return False
        key = (head.person.person_id, dedupe_key)
        if key in self._duplicates:
            return True
        self._duplicates.add(key)
        return False

    def add(self, recipient: Recipient, head: LockedHead) -> None:
        notification, person_id = recipient.notification, recipient.person_id
        rev = head.next_rev()
        user, reader = recipient.instead_of or head.person.user, self._readers.get(person_id)
        item = notification.item(uuid7(), rev, user, head.locale, head.now, reader)
        if notification.template_error is not None:
            log.warning(
                "template.failed",
                notification=str(notification.notification_id),
                error=str(notification.template_error),
            )
            notification.template_error = None
        gone: list[str] = []
        collapse_key = notification.request.get("collapse_key")
        if collapse_key:
            key = (person_id, collapse_key)
            for item_id, counted in self._collapsible.pop(key, ()):
                head.counts -= counted
                gone.append(str(item_id))
                self._remove(head, item_id)
            self._collapsible[key] = [(item.item_id, NEW)]
        head.counts += NEW
        self._new[item.item_id] = NewItem(person_id, item)
        self._writer.item(head, render_new(item), gone)
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
        if self._new:
            self._writer.later(insert_items(list(self._new.values())))
        await remove_items(self._writer.conn, self._removals)
