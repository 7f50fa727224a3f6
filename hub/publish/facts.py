"""What bears on stored deliveries right now: rows, rules, presence, gathered for decisions.

Everything is read from the store anew, a fixed number of statements for a batch, and presence from Redis in one round
trip. Redis may be away: then presence is unknown, and what asks for it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from hub.model.decide import UNASKED, CapState, ItemState, Presence, Send, Situation
from hub.model.ladder import Line
from hub.model.policy import Step
from hub.model.routing import Addressee, Climbed, Order, Rules, climb, situation
from hub.store import suppressions
from hub.store.database import GONE, Connection
from hub.store.deliveries import delete_orphans, line_of, read_facts
from hub.store.people import addressee_of
from hub.store.rules import RulesKey, read_rules

if TYPE_CHECKING:
    from hub.runtime import Hub

log = structlog.get_logger("hub.facts")

PRESENCE_SECONDS = 0.5  # that a batch waits for Redis, with its rows held; then presence is unknown


class Known(msgspec.Struct):
    """One delivery and all that bears on it. `row` is `read_facts`'; `now` the database's clock when it was read."""

    row: Any
    rules: Rules
    person: Addressee
    order: Order
    item: ItemState | None
    presence: Presence
    now: datetime

    @property
    def line(self) -> Line:
        return line_of(self.row)

    @property
    def exempt(self) -> bool:
        """Whether neither caps nor digests bear on it: what must arrive, and what closes another delivery."""
        return self.order.critical or self.rules.policy.required or self.row["kind"] != "step"

    @property
    def gathered(self) -> bool:
        """Whether it stands for a digest that has closed."""
        return self.row["gathered"] is not None

    def climb(self, line: Line | None = None, *, cap: CapState | None = None) -> Climbed:
        """Goes up its line (or the rest of it) from here; see hub.model.routing.

        A withdrawal always goes: whatever speaks against a push by now, one that shows must be closed.
        """
        if self.row["kind"] == "withdrawal":
            return Climbed([], 0, Send())

        def look(step: Step, next_at: datetime | None) -> Situation:
            return situation(
                step,
                self.order,
                self.rules,
                self.person,
                self.now,
                item=self.item,
                presence=self.presence,
                next_at=next_at,
                cap=cap,
            )

        return climb(self.line if line is None else line, look, self.order.dispatched_at, self.now)


async def read_known(hub: Hub, conn: Connection, ids: Sequence[UUID]) -> list[Known]:
    """These deliveries in the order in which they are to go; those of people who are gone are removed."""
    rows = await read_facts(conn, ids)
    if len(rows) < len(ids):
        await delete_orphans(conn, ids)
    keys = [RulesKey(row["project_id"], row["category"], row["tenant"]) for row in rows]
    configured = await read_rules(conn, keys)
    asking = {
        (row["project_id"], row["user_id"])
        for row in rows
        if any(step.condition.asks_presence for step in line_of(row))
    }
    presences = await _presences(hub, sorted(asking))
    return [
        Known(
            row,
            hub.rulebook.rules(configured[key], sandbox=bool(row["sandbox"]), test=row["test"]),
            addressee_of(row, suppressed),
            Order(
                row["dispatched_at"],
                row["lane"] == 0,
                row["expires_at"],
                cancelled=bool(row["cancelled"]) or not row["known"],
            ),
            _item(row),
            presences.get((row["project_id"], row["user_id"]), UNASKED),
            row["now"],
        )
        for row, key, suppressed in zip(rows, keys, await suppressions.of_people(conn, rows), strict=True)
    ]


async def read_readable(hub: Hub, conn: Connection, ids: Sequence[UUID]) -> list[Known]:
    """As `read_known`, without those that cannot be read: of a newer release, or broken; nobody waits for them."""
    try:
        return await read_known(hub, conn, ids)
    except GONE:
        raise
    except Exception:
        if len(ids) == 1:
            log.exception("delivery.unreadable", delivery=str(ids[0]))
            return []
    return [known for one in ids for known in await read_readable(hub, conn, [one])]


async def _presences(hub: Hub, people: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Presence]:
    if not people:
        return {}
    found = await hub.presences(people, timeout_seconds=PRESENCE_SECONDS)
    return {
        person: Presence(presence.state, presence.grace_until) for person, presence in zip(people, found, strict=True)
    }


def _item(row: Any) -> ItemState | None:
    """None when it is not in the inbox; a digest speaks for many items, so that no one of them makes it pointless."""
    if not row["stored"] or row["gathered"] is not None:
        return None
    return ItemState(
        row["seen_at"],
        row["read_at"],
        shelved=row["shelved"],
        removed=row["removed_at"] is not None,
        delivered=bool(row["acknowledged"]),
    )
