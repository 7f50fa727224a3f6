"""Announcing again what a dead process or an absent Redis left behind in the outbox."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hub.bus import announce
from hub.model.cursor import Cursor
from hub.store import outbox
from hub.store.database import Connection

if TYPE_CHECKING:
    from hub.runtime import Hub

MAX_PEOPLE = 2_000  # at once: some 50 ms of a Redis pipeline


async def reannounce(hub: Hub, limit: int = 200) -> int:
    """Tells the gateways of overdue outbox rows to read the store for their people; how many rows.

    The rows are held while Redis is told and deleted in the same transaction, so of several workers one does it, and
    dying in between repeats it.

    Raises:
        redis.RedisError, OSError: Redis is away; the rows stay. Where only a part of a cluster is, those of its people
            stay.
    """

    async def work(conn: Connection) -> int:
        rows, people = _portion(await outbox.overdue(conn, limit))
        if not rows:
            return 0
        heads = await outbox.heads_to_announce(conn, people)
        refused = await hub.announcer.publish(
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
        missed = {heads[place]["person_id"] for place in refused}
        told = [row for row in rows if missed.isdisjoint(person_id for person_id, _ in row["changes"])]
        await outbox.delete(conn, [row["outbox_id"] for row in told])
        return len(told)

    return await hub.db.transaction(work)


def _portion(rows: Iterable[Any]) -> tuple[list[Any], set[int]]:
    """The first rows, and their people, until there are MAX_PEOPLE: what Redis takes while the rows are held."""
    taken: list[Any] = []
    people: set[int] = set()
    for row in rows:
        if len(people) >= MAX_PEOPLE:
            break
        taken.append(row)
        people.update(person_id for person_id, _ in row["changes"])
    return taken, people
