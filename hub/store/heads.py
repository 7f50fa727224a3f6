"""Inbox heads under lock: where a person's next revision is taken.

Whoever changes an inbox locks its head first (`lock_heads`), then reads and writes items in later statements, then
saves the head, all in one transaction. Lock order of the whole hub: idempotency → notification → heads → items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hub.model.counts import Counts
from hub.model.cursor import Cursor
from hub.model.person import Person
from hub.model.routing import Addressee
from hub.model.times import truncate
from hub.store.arrays import array, names
from hub.store.database import Connection
from hub.store.people import addressee
from hub.store.sql import load
from hub.store.together import Write

_SQL = load("heads")
LOCK_BY_ID, LOCK_BY_USER = (_SQL["lock"].replace("{named}", _SQL[name]) for name in ("named_by_id", "named_by_user"))


class LockedHead(msgspec.Struct):
    """A head that this transaction holds. `now` is the database's clock when the last of its statement was locked."""

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
    return _locked(await conn.fetch(LOCK_BY_ID, array(sorted(set(person_ids)))))


async def lock_heads_of(conn: Connection, keys: Collection[tuple[int, str]]) -> dict[int, LockedHead] | None:
    """As `lock_heads`, by (project_id, user), each once: one round trip instead of that of finding them and another.

    None, and nothing is locked, where one has no inbox yet or has named a delegate. Who is deleted while this waits is
    missing from the answer.
    """
    if not keys:
        return {}
    projects, users = array(project_id for project_id, _ in keys), names([user for _, user in keys])
    rows = await conn.fetch(LOCK_BY_USER, projects, users, len(keys))
    return _locked(rows) if rows else None


def _locked(rows: Sequence[Any]) -> dict[int, LockedHead]:
    if not rows:
        return {}
    now = truncate(max(row["now"] for row in rows))  # one for all, so that what is made of it is made once
    return {row["person_id"]: _head(now, *row) for row in rows if row["rev"] is not None}


def _head(
    now: datetime,
    person_id: int,
    project_id: int,
    user: str,
    locale: str | None,
    timezone: str | None,
    preferences: str | None,
    email: str | None,
    phone: str | None,
    push: bool,
    epoch: int,
    rev: int,
    unseen: int,
    unread: int,
    total: int,
    broadcast_upto: int,
    broadcast_seq: int,
    _locked_at: datetime,
) -> LockedHead:
    """The head of a locked row, by its columns' places: by name it took as long as reading it."""
    return LockedHead(
        Person(person_id, project_id, user),
        locale,
        addressee(preferences, timezone, bool(email), bool(phone), push, ()),
        epoch,
        rev,
        Counts(unseen, unread, total),
        broadcast_upto,
        max(broadcast_seq, broadcast_upto),
        now,
    )


def save_heads(changed: Sequence[LockedHead]) -> Write:
    """Writes back what changed."""
    values = (
        array([head.person.person_id for head in changed]),
        array([head.rev for head in changed]),
        array([head.counts.unseen for head in changed]),
        array([head.counts.unread for head in changed]),
        array([head.counts.total for head in changed]),
        array([head.broadcast_upto for head in changed]),
    )
    return Write(_SQL["save_heads"], values)
