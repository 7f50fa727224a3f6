"""Large inboxes: a page reads a page, whatever lies behind it; and the scale benchmark seeds what the hub writes."""

from __future__ import annotations

import asyncpg
import pytest

from benchmarks.report import Progress
from benchmarks.scale.plans import Statement, explain
from benchmarks.scale.reading import ordinary
from benchmarks.scale.seed import CHECK, Sizes, seed, user_of
from hub.model.cursor import Cursor
from hub.runtime import Hub
from hub.store.inbox import STATUSES, InboxQuery, open_inbox, page_cursor, page_statement, read_changes, read_page

SIZES = Sizes(people=2_000, items=12_000, largest=3_000)
BUFFERS = 150  # 51 rows that lie on as many pages, the way to them, and as much again


@pytest.fixture
async def conn(hub: Hub, database_url: str) -> asyncpg.Connection[asyncpg.Record]:
    """A connection to a database with one large inbox and many small ones."""
    connection = await asyncpg.connect(database_url)
    await seed(connection, SIZES, Progress())
    return connection


async def test_large_inboxes(hub: Hub, project_id: int, conn: asyncpg.Connection[asyncpg.Record]) -> None:
    """One test, because seeding takes a second."""
    try:
        await _seeded_is_what_the_hub_writes(hub, project_id, conn)
        await _a_page_reads_a_page(hub, project_id, conn)
    finally:
        await conn.close()


async def _seeded_is_what_the_hub_writes(hub: Hub, project_id: int, conn: asyncpg.Connection[asyncpg.Record]) -> None:
    everybody = [row[0] for row in await conn.fetch("SELECT person_id FROM people")]
    check = await conn.fetchrow(CHECK, everybody)
    assert check is not None
    assert dict(check) == {"people": 2_000, "miscounted": 0, "holes": 0, "items": 12_000}
    for user in (user_of(0), *await ordinary(conn, SIZES.people, 5, seed=1)):
        head = await open_inbox(hub.db, project_id, user)
        found = {status: await _walk(hub, head.person_id, status) for status in STATUSES}
        assert (len(found["unseen"]), len(found["unread"]), len(found["all"])) == head.counts
        start = max(0, head.rev - 40)
        page = await read_changes(hub.db, head.person_id, Cursor(head.person_id, head.epoch, start))
        assert page is not None
        assert (page.since, page.rev, page.more, page.counts) == (start, head.rev, False, head.counts)


async def _walk(hub: Hub, person_id: int, status: str) -> list[bytes]:
    items: list[bytes] = []
    cursor = None
    while True:
        page = await read_page(hub.db, person_id, InboxQuery(status, limit=100, cursor=cursor))
        assert page is not None
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


async def _a_page_reads_a_page(hub: Hub, project_id: int, conn: asyncpg.Connection[asyncpg.Record]) -> None:
    head = await open_inbox(hub.db, project_id, user_of(0))
    deep = page_cursor(pinned=False, seq=head.rev // 2)
    queries = [InboxQuery(status) for status in STATUSES] + [InboxQuery(cursor=deep), InboxQuery(category="mentions")]
    wanted = [Statement(str(query), *page_statement([head.person_id], query)) for query in queries]
    for plan in await explain(conn, wanted):
        limit = BUFFERS if "mentions" not in plan.what else 3 * BUFFERS  # one in three is of that category
        assert plan.buffers <= limit, "\n".join([plan.what, *plan.lines])
