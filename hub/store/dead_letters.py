"""Dead letters: deliveries that were given up; sent again, or given up for good.

Both lock what they take, so that of two calls at once each has its own, and leave what died since the first of a row of
calls began: however fast letters die again, the row ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from hub.model.delivery import Event, State, move
from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("dead_letters")

Verb: TypeAlias = Literal["replay", "purge"]
_AFTER: Final[dict[Verb, State]] = {
    "replay": move(State.DEAD, Event.REPLAYED),
    "purge": move(State.DEAD, Event.PURGED),
}


class Choice(NamedTuple):
    """Which dead letters; what is None chooses nothing away. `since` and `until` are of the dispatch."""

    project_id: int
    ids: Sequence[UUID] | None = None
    channel: str | None = None
    category: str | None = None
    user: str | None = None
    reason: str | None = None
    provider: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    categories: Sequence[str] | None = None


async def begin(db: Database) -> datetime:
    """The moment before which what is dead now has died."""
    row = await db.fetchrow(_SQL["began"])
    assert row is not None
    began: datetime = row[0]
    return began


async def settle_dead(
    conn: Connection, verb: Verb, choice: Choice, died_before: datetime, after: UUID | None, limit: int
) -> list[UUID]:
    """Replays or purges the next dead letters of a choice, in the order of their ids; which they were."""
    rows = await conn.fetch(_SQL["lock"], *choice, died_before, after, limit, verb == "replay")
    ids = [row["delivery_id"] for row in rows]
    if ids:
        await conn.execute(_SQL[verb], ids, _AFTER[verb].value)
    return ids
