"""What was counted against caps, as deliveries have it: the truth that Redis is filled from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from hub.store.database import Connection
from hub.store.sql import load

_SQL = load("caps")


async def counted(
    conn: Connection, wanted: Sequence[tuple[int, str, timedelta]]
) -> dict[tuple[int, str], list[tuple[UUID, datetime]]]:
    """By (person_id, scope): deliveries that were counted within each window, one statement for all."""
    rows = await conn.fetch(
        _SQL["counted"],
        [person_id for person_id, _, _ in wanted],
        [scope for _, scope, _ in wanted],
        [per.total_seconds() for _, _, per in wanted],
    )
    found: dict[tuple[int, str], list[tuple[UUID, datetime]]] = {}
    for row in rows:
        found.setdefault((row["person_id"], row["scope"]), []).append((row["delivery_id"], row["counted_at"]))
    return found
