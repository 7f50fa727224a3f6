"""One transaction that changes inboxes: locks heads, takes revisions, collects what is announced after the commit.

    lock() → (read, decide) → item() / update() / removed() / changes() → finish() → COMMIT → announce
                              later(), which flush() or finish() carry out together

Dying before COMMIT leaves nothing; dying after it leaves the outbox row, and any worker announces from that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from hub.bus import announce
from hub.model import frames
from hub.model.item import ItemRow, render
from hub.publish.dispatch import Dispatcher
from hub.publish.rulebook import Rulebook
from hub.publish.templatebook import Templatebook
from hub.store import deliveries, outbox
from hub.store.database import Connection
from hub.store.heads import LockedHead, lock_heads, lock_heads_of, save_heads
from hub.store.ids import uuid7
from hub.store.together import Write, write_together

if TYPE_CHECKING:
    from hub.runtime import Hub

T = TypeVar("T")


class Announcements(NamedTuple):
    """What one committed transaction has to tell: PUBLISH pairs, and the outbox row to delete afterwards."""

    outbox_id: UUID
    messages: list[tuple[str, bytes]]


class InboxWriter:
    """The inbox side of one open transaction."""

    def __init__(self, conn: Connection, installation: str, rulebook: Rulebook, templates: Templatebook) -> None:
        self.conn = conn
        self.templates = templates
        self.heads: dict[int, LockedHead] = {}
        self.dispatcher = Dispatcher(rulebook)
        self._installation = installation
        self._messages: list[tuple[str, bytes]] = []
        self._later: list[Write] = []

    async def lock(self, person_ids: Iterable[int]) -> list[LockedHead]:
        """Heads of these people, locked; those without an inbox are left out."""
        wanted = list(dict.fromkeys(person_ids))
        new = [person_id for person_id in wanted if person_id not in self.heads]
        if new:
            self.heads.update(await lock_heads(self.conn, new))
        return [self.heads[person_id] for person_id in wanted if person_id in self.heads]

    async def lock_users(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], LockedHead] | None:
        """Heads of users by (project_id, user), where all can be locked at once (`lock_heads_of`); before any other."""
        found = await lock_heads_of(self.conn, keys)
        if found is None:
            return None
        self.heads.update(found)
        return {(head.person.project_id, head.person.user): head for head in found.values()}

    def later(self, write: Write) -> None:
        """Carries out a write together with others, before the transaction ends; until then nothing may need it."""
        self._later.append(write)

    async def flush(self) -> None:
        """Carries out what was left for later: something will read it."""
        later, self._later = self._later, []
        await write_together(self.conn, later)

    def _tell(self, head: LockedHead, kind: str, cursor: str, frame: bytes) -> None:
        person = head.person
        name = announce.channel(self._installation, person.project_id, person.user)
        self._messages.append((name, announce.pack(kind, head.rev, cursor, frame)))

    def item(self, head: LockedHead, body: bytes, removed: Sequence[str] = ()) -> None:
        """Tells of a new or changed item at the head's revision."""
        cursor = head.cursor
        self._tell(head, announce.ITEM, cursor, frames.item(head.rev, cursor, body, head.counts, removed))

    def update(self, head: LockedHead, scope: dict[str, Any], fields: dict[str, Any]) -> None:
        """Tells of marks at the head's revision."""
        cursor = head.cursor
        self._tell(head, announce.UPDATE, cursor, frames.update(head.rev, cursor, scope, fields, head.counts))

    def removed(self, head: LockedHead, ids: Sequence[str]) -> None:
        """Tells of items that went at the head's revision."""
        cursor = head.cursor
        self._tell(head, announce.REMOVED, cursor, frames.removed(head.rev, cursor, ids, head.counts))

    def changes(self, head: LockedHead, items: Sequence[ItemRow], removed: Sequence[str] = ()) -> None:
        """Tells of several items that changed in one revision; of more than a frame holds, that the store be read."""
        bodies: list[bytes] = []
        size = 0
        for row in items:
            bodies.append(render(row))
            size += len(bodies[-1])
            if size > announce.FRAME_LIMIT_BYTES:
                self.sync(head)
                return
        cursor = head.cursor
        frame = frames.changes(head.rev - 1, head.rev, cursor, items=bodies, removed=removed, counts=head.counts)
        self._tell(head, announce.CHANGES, cursor, frame)

    def sync(self, head: LockedHead) -> None:
        """Tells that the head moved, and that what changed is in the store."""
        self._tell(head, announce.SYNC, head.cursor, b"")

    async def finish(self) -> Announcements | None:
        """Writes what was left for later, heads, outbox and deliveries; call last in the transaction.

        None when there is nothing to tell.
        """
        if self.dispatcher.due:
            self._messages.append((announce.fleet_channel(self._installation), announce.DELIVERIES))
        told = Announcements(uuid7(), self._messages) if self._messages else None
        changed = [head for head in self.heads.values() if head.changed]
        if changed:
            self.later(save_heads(changed))
            if told is not None:
                self.later(outbox.insert(told.outbox_id, [[head.person.person_id, head.rev] for head in changed]))
        planned = self.dispatcher.rows
        if planned:
            self.later(deliveries.insert_deliveries(planned))
        await self.flush()
        await deliveries.tell(self.conn, planned)
        return told


async def change_inboxes(hub: Hub, work: Callable[[InboxWriter], Awaitable[T]]) -> T:
    """Runs `work` in a transaction, commits, and hands its announcements on.

    `work` may run again after a deadlock. When this returns the change is durable; its announcement follows within
    milliseconds, or from the outbox.
    """

    async def run(conn: Connection) -> tuple[T, Announcements | None]:
        writer = InboxWriter(conn, hub.installation, hub.rulebook, hub.templates)
        result = await work(writer)
        return result, await writer.finish()

    result, told = await hub.db.transaction(run)
    if told is not None:
        hub.announcing.put(told)
    return result
