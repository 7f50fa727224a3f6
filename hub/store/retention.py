"""What is kept for how long: tombstones and bulk marks for as long as a cursor must live, finished jobs for a week,
names of deleted people for as long as their tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.store.database import Connection, Database
from hub.store.heads import lock_heads
from hub.store.sql import load

_SQL = load("retention")
CURSOR_DAYS = 30  # contract: "A cursor … lives at least 30 days"
JOB_DAYS = 7
DELETED_HOURS = 25  # a client token lives for 24 h, and clocks may differ by a minute


async def purge_people(db: Database, limit: int = 200) -> int:
    """Purges old tombstones and bulk marks of up to `limit` people each, raising their floors; how many people."""

    async def work(conn: Connection) -> int:
        people: set[int] = set()
        for name in ("find_old", "find_old_marks"):
            people |= {row["person_id"] for row in await conn.fetch(_SQL[name], CURSOR_DAYS, limit)}
        await _purge(conn, sorted(people))
        return len(people)

    return await db.transaction(work)


async def _purge(conn: Connection, people: Sequence[int]) -> None:
    if people:
        await lock_heads(conn, people)
        await conn.execute(_SQL["purge"], list(people), CURSOR_DAYS)


async def purge_jobs(db: Database, limit: int = 1_000) -> int:
    """Deletes jobs that ended more than JOB_DAYS ago; how many."""
    return int((await db.execute(_SQL["purge_jobs"], JOB_DAYS, limit)).split()[-1])


async def purge_deleted_people(db: Database, limit: int = 1_000) -> int:
    """Forgets the names of people deleted so long ago that no token of theirs can be valid; how many."""
    return int((await db.execute(_SQL["purge_deleted_people"], DELETED_HOURS, limit)).split()[-1])
