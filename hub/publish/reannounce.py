"""Announcing again what a dead process or an absent Redis left behind in the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.bus import announce
from hub.model.cursor import Cursor
from hub.store import outbox
from hub.store.database import Connection

if TYPE_CHECKING:
    from hub.runtime import Hub


async def reannounce(hub: Hub, limit: int = 200) -> int:
    """Tells the gateways of overdue outbox rows to read the store for their people; how many rows.

    The rows are held while Redis is told and deleted in the same transaction, so of several workers one does it, and
    dying in between repeats it.

    Raises:
        redis.RedisError, OSError: Redis is away; the rows stay.
    """

    async def work(conn: Connection) -> int:
        rows = await outbox.overdue(conn, limit)
        people = {person_id for row in rows for person_id, _ in row["changes"]}
        heads = await outbox.heads_to_announce(conn, people) if people else []
        await hub.announcer.publish(
            [
                (
                    announce.channel(hub.installation, head["project_id"], head["user_id"]),
                    announce.pack(
                        announce.SYNC,
                        head["rev"],
                        Cursor(head["person_id"], head["epoch"], head["rev"]).encode(),
                        b"",
                    ),
                )
                for head in heads
            ]
        )
        await outbox.delete(conn, [row["outbox_id"] for row in rows])
        return len(rows)

    return await hub.db.transaction(work)
