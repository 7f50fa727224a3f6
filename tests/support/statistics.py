"""What Postgres has counted, and who waits for whom there."""

from __future__ import annotations

import asyncio

from hub.store.database import Database


async def rows_read(db: Database, table: str = "deliveries") -> int:
    """How many rows of a table have been read so far."""
    for _ in range(2):  # what a statement read is told when it has ended
        await db.execute("SELECT pg_stat_force_next_flush()")
    row = await db.fetchrow(
        "SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relname = $1", table
    )
    assert row is not None
    return int(row["read"])


async def somebody_waits(db: Database) -> None:
    """Returns once somebody waits for a lock, which nobody announces; within 30 s."""
    async with asyncio.timeout(30):
        while not await db.fetch("SELECT FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
