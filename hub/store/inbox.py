"""Reading inboxes: snapshots, changes, pages, heads.

Every read is keyed by `person_id`, which a caller gets only from a verified token or an API key's project, so that
ownership is in every query. Each is one SQL statement and therefore one snapshot: a page's items, counts and revision
belong together.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from hub.exceptions import Invalid, Unauthenticated
from hub.model import frames
from hub.model.counts import Counts
from hub.model.cursor import Cursor
from hub.model.item import render
from hub.store.arrays import array, names
from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("inbox")
_PAGE_CURSOR = struct.Struct(">?Q")
MAX_BEHIND = 1_000  # contract: more changes than this are not replayed but reset
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
_LIVE = "archived_at IS NULL AND snoozed_until IS NULL"
_STATUSES = {
    "all": _LIVE,
    "unread": f"read_at IS NULL AND {_LIVE}",
    "unseen": f"seen_at IS NULL AND read_at IS NULL AND {_LIVE}",  # no mark reads what it does not see: the same index
    "archived": "archived_at IS NOT NULL",
    "snoozed": "snoozed_until IS NOT NULL AND archived_at IS NULL",
}
STATUSES = tuple(_STATUSES)
_FILTERS = ("category = ${}::text", "${}::text = ANY(tags)", "tenant = ${}::text")


class HeadState(NamedTuple):
    """Where a person's inbox stands. `epoch` is the effective one, as in cursors."""

    person_id: int
    epoch: int
    rev: int
    counts: Counts
    delivered_rev: int
    floor_rev: int
    pending_broadcasts: bool
    tokens_revoked_at: datetime | None

    @property
    def cursor(self) -> str:
        return Cursor(self.person_id, self.epoch, self.rev).encode()

    def voids(self, issued_at: float) -> bool:
        """Whether the person's tokens of that Unix time were revoked since."""
        return self.tokens_revoked_at is not None and issued_at < self.tokens_revoked_at.timestamp()


class InboxQuery(NamedTuple):
    """One page of a list: newest first, pinned before. `cursor` is a `next_cursor` of the same query."""

    status: str = "all"
    category: str | None = None
    tag: str | None = None
    tenant: str | None = None
    limit: int = 50
    cursor: str | None = None


class InboxPage(NamedTuple):
    head: HeadState
    items: list[bytes]
    next_cursor: str | None


class Position(NamedTuple):
    """How far a run of `changes` pages has read; a page may end in the middle of a revision."""

    item_rev: int
    item_id: UUID


class ChangesPage(NamedTuple):
    """What happened after `since`, complete up to `rev`; `counts` belong to `rev` when `more` is false."""

    since: int
    rev: int
    cursor: str
    items: list[bytes]
    updates: list[bytes]
    removed: list[str]
    more: bool
    counts: Counts
    position: Position
    head: HeadState

    def frame(self) -> bytes:
        """The `changes` frame of this page."""
        return frames.changes(
            self.since,
            self.rev,
            self.cursor,
            updates=self.updates,
            items=self.items,
            removed=self.removed,
            more=self.more,
            counts=None if self.more else self.counts,
        )


def head_of(row: Any, rev: str = "head_rev") -> HeadState:
    return HeadState(
        row["person_id"],
        row["epoch"],
        row[rev],
        Counts(row["unseen"], row["unread"], row["total"]),
        row["delivered_rev"],
        row["floor_rev"],
        row["pending_broadcasts"],
        row["tokens_revoked_at"],
    )


async def ensure_people(conn: Connection, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    """Rows of people by (project_id, user), person and head made where missing.

    Safe when two transactions make the same person: rows are taken in key order, the later one waits and reads.
    """
    wanted = set(keys)
    while True:
        rows = await find_people(conn, keys)
        missing = wanted - rows.keys()
        if not missing:
            break
        # Again from the start: who was there and is deleted meanwhile is in neither answer.
        await conn.execute(_SQL["ensure_people"], [p for p, _ in missing], [u for _, u in missing])
    headless = [row["person_id"] for row in rows.values() if not row["has_head"]]
    if headless:
        await ensure_heads(conn, headless)
    return rows


async def find_people(conn: Connection, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    """Rows of people by (project_id, user), of those who are stored."""
    if not keys:
        return {}
    rows = await conn.fetch(_SQL["find_people"], array(p for p, _ in keys), names([user for _, user in keys]))
    return {(row["project_id"], row["user_id"]): row for row in rows}


async def ensure_heads(conn: Connection, person_ids: Sequence[int]) -> None:
    """Gives stored people an inbox where they have none yet."""
    await conn.execute(_SQL["ensure_heads"], sorted(person_ids))


async def open_inbox(db: Database, project_id: int, user: str, *, token_issued_at: float = float("inf")) -> HeadState:
    """The head of a user's inbox, made where missing: whoever connects can be reached by broadcasts.

    Args:
        token_issued_at: Unix time, where a client's token asks.

    Raises:
        Unauthenticated: the token is void. Nothing is made: the deleted do not come back by a token of before.
    """

    async def work(conn: Connection) -> HeadState:
        row = (await ensure_people(conn, [(project_id, user)]))[project_id, user]
        head = await conn.fetchrow(_SQL["read_heads"], [row["person_id"]])
        if head is None:
            raise asyncpg.SerializationError("the person was deleted between two statements")
        found = head_of(head, "rev")
        if found.voids(token_issued_at):
            raise Unauthenticated("The token is refused: it was revoked.", code="token_revoked")
        return found

    return await db.transaction(work)


async def find_heads(db: Database, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], HeadState]:
    """Heads by (project_id, user), of those who have an inbox already."""
    if not keys:
        return {}
    rows = await db.fetch(_SQL["find_heads"], array(p for p, _ in keys), names([user for _, user in keys]))
    return {(row["project_id"], row["user_id"]): head_of(row, "rev") for row in rows}


async def read_heads(db: Database, person_ids: Sequence[int]) -> dict[int, HeadState]:
    """Heads by person; who has none (deleted meanwhile) is missing from the answer."""
    rows = await db.fetch(_SQL["read_heads"], list(person_ids))
    return {row["person_id"]: head_of(row, "rev") for row in rows}


async def read_page(db: Database, person_id: int, query: InboxQuery) -> InboxPage | None:
    """As `read_pages`, of one person; None when the person has no inbox."""
    return (await read_pages(db, [person_id], query)).get(person_id)


async def read_pages(db: Database, person_ids: Sequence[int], query: InboxQuery) -> dict[int, InboxPage]:
    """A page of the list of each person, head and rows from one snapshot. Who has no inbox is missing.

    Raises:
        Invalid: the cursor is none of ours.
    """
    statement, values = page_statement(person_ids, query)
    rows = await db.fetch(statement, *values)
    return {
        person_id: _page(list(found), query.limit)
        for person_id, found in groupby(rows, key=lambda row: row["person_id"])
    }


def _page(rows: Sequence[Any], limit: int) -> InboxPage:
    """The page in rows of one person, of which there is one more where the list goes on."""
    found = [row for row in rows if row["item_id"] is not None]
    page = found[:limit]
    following = None
    if len(found) > len(page):
        last = page[-1]
        following = page_cursor(pinned=last["pinned_at"] is not None, seq=last["seq"])
    return InboxPage(head_of(rows[0]), [render(row) for row in page], following)


def page_cursor(*, pinned: bool, seq: int) -> str:
    """The cursor of the page after this item."""
    return urlsafe_b64encode(_PAGE_CURSOR.pack(pinned, seq)).decode("ascii")


def _decode_page_cursor(text: str | None) -> tuple[bool, int] | None:
    if text is None:
        return None
    try:
        pinned, seq = _PAGE_CURSOR.unpack(urlsafe_b64decode(text.encode("ascii")))
        if seq >= 2**63:
            raise ValueError
    except (ValueError, struct.error):
        raise Invalid.field(
            "cursor", "invalid_cursor", "is not a cursor of this list; start again without it"
        ) from None
    return pinned, seq


def page_statement(person_ids: Sequence[int], query: InboxQuery) -> tuple[str, list[Any]]:
    """The SQL that reads one page and one row more of each person, and its values.

    Raises:
        Invalid: the cursor is none of ours.
    """
    after = _decode_page_cursor(query.cursor)
    filters = (query.category, query.tag, query.tenant)
    values = [list(person_ids), query.limit + 1, *(value for value in filters if value is not None), *(after or ())]
    return _page_sql(query.status, tuple(value is not None for value in filters), after is not None), values


@cache
def _page_sql(status: str, filtered: tuple[bool, ...], after: bool) -> str:
    conditions, place = [_STATUSES[status]], 3
    for condition, wanted in zip(_FILTERS, filtered, strict=True):
        if wanted:
            conditions.append(condition.format(place))
            place += 1
    if after:
        conditions.append(f"((pinned_at IS NOT NULL), seq) < (${place}::boolean, ${place + 1}::bigint)")
    # All are found with as many as the head counts: then the search ends, and does not go on through what was seen.
    limit = "LEAST($2::bigint, h.unseen)" if status == "unseen" else "$2::bigint"
    return _SQL["read_page"].replace("{where}", " AND ".join(conditions)).replace("{limit}", limit)


async def read_item(db: Database, person_id: int, item_id: UUID) -> bytes | None:
    """One item of this person, or None: not there, or not theirs."""
    row = await db.fetchrow(_SQL["read_item"], person_id, item_id)
    return None if row is None else render(row)


async def read_changes(
    db: Database, person_id: int, cursor: Cursor, after: Position | None = None, limit: int = 200
) -> ChangesPage | None:
    """The page of changes after `cursor`, or None: discard everything and start from a snapshot.

    Args:
        cursor: What the client holds completely; of a run of pages, the cursor of the page before.
        after: `position` of the page before. Without it the run starts at the cursor's revision.
        limit: Rows of items and tombstones a page.
    """
    start = after or Position(cursor.rev, LAST_ID)
    rows = await db.fetch(_SQL["read_changes"], person_id, start.item_rev, start.item_id, cursor.rev, limit + 1)
    if not rows:
        return None
    head = head_of(rows[0])
    if (
        cursor.person_id != person_id
        or cursor.epoch != head.epoch
        or cursor.rev > head.rev
        or cursor.rev < head.floor_rev
        or (after is None and head.rev - cursor.rev > MAX_BEHIND)
    ):
        return None
    found = [row for row in rows if row["item_id"] is not None]
    page = found[:limit]
    more = len(found) > len(page)
    rev = head.rev
    position = Position(head.rev, LAST_ID)
    if more:
        last, following = page[-1], found[limit]
        # Everything below the next row's revision is on this page or an earlier one; that revision itself may be split.
        rev = max(cursor.rev, following["item_rev"] - 1)
        position = Position(last["item_rev"], last["item_id"])
    marks = zip(rows[0]["mark_revs"] or (), rows[0]["marks"] or (), strict=True)
    return ChangesPage(
        since=cursor.rev,
        rev=rev,
        cursor=Cursor(person_id, head.epoch, rev).encode(),
        items=[render(row) for row in page if row["removed_at"] is None],
        updates=[body.encode("utf-8") for mark_rev, body in marks if mark_rev <= rev],
        removed=[str(row["item_id"]) for row in page if row["removed_at"] is not None],
        more=more,
        counts=head.counts,
        position=position,
        head=head,
    )


def nothing_since(head: HeadState) -> ChangesPage:
    """The page of changes after the head itself: none."""
    return ChangesPage(
        since=head.rev,
        rev=head.rev,
        cursor=head.cursor,
        items=[],
        updates=[],
        removed=[],
        more=False,
        counts=head.counts,
        position=Position(head.rev, LAST_ID),
        head=head,
    )


async def record_delivered(db: Database, revs: Mapping[int, int]) -> None:
    """Moves `delivered_rev` forward, clamped to the head; one statement for all people, in key order."""
    values = list(revs), list(revs.values())
    await db.transaction(lambda conn: conn.execute(_SQL["record_delivered"], *values))
