"""Deliveries are found by their keys, also where statistics say that there are none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from hub.runtime import Hub
from hub.store.database import Connection, Database
from hub.store.deliveries import Change, OrderKey, change, hide_shown, promote, promote_stranded
from tests.support.statistics import rows_read

ROWS = 10_000
LANE = 2


async def test_a_report_reads_its_own_deliveries_after_a_campaign_nobody_has_counted(hub: Hub, project_id: int) -> None:
    """The campaign before has been purged, that was counted; the one of now has come since."""
    await hub.db.execute("ALTER TABLE deliveries SET (autovacuum_enabled = off)")
    await claimed(hub, project_id, ROWS)
    last = await claimed(hub, project_id, 1)
    await hub.db.execute("DELETE FROM deliveries WHERE delivery_id <> $1", *last)
    await hub.db.execute("VACUUM ANALYZE deliveries")
    ids = (await claimed(hub, project_id, ROWS))[:300]
    before = await rows_read(hub.db)
    async with hub.db.acquire() as conn:
        assert await hide_shown(conn, ids=ids) == []  # nobody has dealt with any
        assert await change(conn, [_sent(delivery_id) for delivery_id in ids]) == set(ids)
    assert await rows_read(hub.db) - before < ROWS / 10


async def test_what_comes_next_is_found_beside_a_campaign_nobody_has_counted(hub: Hub, project_id: int) -> None:
    """Statistics are of a quiet hour; by now everybody has one that is decided on later, and one that is queued."""
    await hub.db.execute("ALTER TABLE deliveries SET (autovacuum_enabled = off)")
    await claimed(hub, project_id, 1)
    await hub.db.execute("VACUUM ANALYZE deliveries")
    keys = [OrderKey(person_id, "web_push", LANE) for person_id in range(1, 301)]
    async with one_connection(hub) as one:

        async def work(conn: Connection) -> str:
            await promote(conn, keys)
            # Which of two indexes costs less is a matter of a hundredth, and changes; which needs no sorting does not.
            return str(await conn.fetchval("SHOW enable_sort"))

        for _ in range(10):  # planned for any values from the sixth time on
            assert await one.transaction(work) == "off"
        await insert(hub, project_id, ROWS, "waiting")
        await insert(hub, project_id, ROWS, "queued")
        before = await rows_read(one)
        await one.transaction(work)
        assert await rows_read(one) - before < ROWS / 5
    due = await hub.db.fetch("SELECT person_id FROM deliveries WHERE state = 'due'")
    assert {row["person_id"] for row in due} == {key.person_id for key in keys}


async def test_who_is_stranded_is_found_key_by_key(hub: Hub, project_id: int) -> None:
    await insert(hub, project_id, ROWS, "queued")
    async with one_connection(hub) as one:
        for scan in ("indexscan", "indexonlyscan"):  # a planner that likes neither
            await one.execute(f"SET enable_{scan} = off")
        before = await rows_read(one)
        freed, walked_to = await promote_stranded(one, limit=300)
        assert (freed, walked_to.person_id) == (300, 300)
        assert await rows_read(one) - before < ROWS / 5


@asynccontextmanager
async def one_connection(hub: Hub) -> AsyncIterator[Database]:
    """A database of one connection, which keeps its plans and its settings."""
    one = await Database.connect(hub.settings.database_url.get_secret_value(), size=1)
    try:
        yield one
    finally:
        await one.close()


async def claimed(hub: Hub, project_id: int, number: int) -> list[UUID]:
    """So many pushes that show and that a worker has claimed."""
    return await insert(hub, project_id, number, "claimed", attempts=2)


async def insert(hub: Hub, project_id: int, number: int, state: str, *, attempts: int = 0) -> list[UUID]:
    """So many deliveries, each of another person."""
    rows = await hub.db.fetch(
        "INSERT INTO deliveries (delivery_id, person_id, notification_id, project_id, category, line, step, channel, "
        "condition, after_seconds, following, lane, position, state, attempts, dispatched_at, due_at, history, shown) "
        "SELECT gen_random_uuid(), n, gen_random_uuid(), $1, 'news', 0, 0, 'web_push', 'always', 0, '[]', $3, n, "
        "$4, $5, now(), now(), '[]', true FROM generate_series(1, $2) AS n RETURNING delivery_id",
        project_id,
        number,
        LANE,
        state,
        attempts,
    )
    return [row["delivery_id"] for row in rows]


def _sent(delivery_id: UUID) -> Change:
    return Change(delivery_id, "claimed", 2, "sent", "accepted", None, 2, 0, "web_push", "always", 0, finished=True)
