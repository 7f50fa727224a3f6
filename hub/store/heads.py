"""Inbox heads under lock: where a person's next revision is taken.

Whoever changes an inbox locks its head first (`lock_heads`), then reads and writes items in later statements, then
saves the head, all in one transaction. Lock order of the whole hub: idempotency → notification → heads → items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from hub.model.counts import Counts
from hub.model.cursor import Cursor
from hub.model.person import Person
from hub.model.routing import Addressee
from hub.model.times import truncate
from hub.store.database import Connection
from hub.store.people import addressee_of
from hub.store.sql import load

_SQL = load("heads")


class LockedHead(msgspec.Struct):
    """A head that this transaction holds. `now` is the database's clock when it was locked."""

    person: Person
    locale: str | None
    addressee: Addressee
    epoch: int
    rev: int
    counts: Counts
    broadcast_upto: int
    broadcast_seq: int
    now: datetime
    changed: bool = False

    def next_rev(self) -> int:
        """Takes the person's next revision."""
        self.rev += 1
        self.changed = True
        return self.rev

    @property
    def cursor(self) -> str:
        return Cursor(self.person.person_id, self.epoch, self.rev).encode()


async def lock_heads(conn: Connection, person_ids: Iterable[int]) -> dict[int, LockedHead]:
    """Locks heads in key order until the transaction ends; people without one are missing from the answer."""
    rows = await conn.fetch(_SQL["lock_heads"], sorted(set(person_ids)))
    return {
        row["person_id"]: LockedHead(
            Person(row["person_id"], row["project_id"], row["user_id"]),
            row["locale"],
            addressee_of(row),
            row["epoch"],
            row["rev"],
            Counts(row["unseen"], row["unread"], row["total"]),
            row["broadcast_upto"],
            max(row["broadcast_seq"], row["broadcast_upto"]),
            truncate(row["now"]),
        )
        for row in rows
    }


async def save_heads(conn: Connection, heads: Iterable[LockedHead]) -> None:
    """Writes back what changed, one statement."""
    changed: Sequence[LockedHead] = [head for head in heads if head.changed]
    if not changed:
        return
    await conn.execute(
        _SQL["save_heads"],
        [head.person.person_id for head in changed],
        [head.rev for head in changed],
        [head.counts.unseen for head in changed],
        [head.counts.unread for head in changed],
        [head.counts.total for head in changed],
        [head.broadcast_upto for head in changed],
    )
