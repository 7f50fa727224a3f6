"""Deliveries are found by their keys, also where statistics say that there are none."""

from __future__ import annotations

from uuid import UUID

from hub.runtime import Hub
from hub.store.deliveries import Change, change, hide_shown
from tests.support.statistics import rows_read

ROWS = 10_000


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


async def claimed(hub: Hub, project_id: int, number: int) -> list[UUID]:
    """So many pushes that show and that a worker has claimed."""
    rows = await hub.db.fetch(
        "INSERT INTO deliveries (delivery_id, person_id, notification_id, project_id, category, line, step, channel, "
        "condition, after_seconds, following, lane, position, state, attempts, dispatched_at, due_at, history, shown) "
        "SELECT gen_random_uuid(), n, gen_random_uuid(), $1, 'news', 0, 0, 'web_push', 'always', 0, '[]', 2, n, "
        "'claimed', 2, now(), now(), '[]', true FROM generate_series(1, $2) AS n RETURNING delivery_id",
        project_id,
        number,
    )
    return [row["delivery_id"] for row in rows]


def _sent(delivery_id: UUID) -> Change:
    return Change(delivery_id, "claimed", 2, "sent", "accepted", None, 2, 0, "web_push", "always", 0, finished=True)
