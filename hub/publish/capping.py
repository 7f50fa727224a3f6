"""Caps at work: what a delivery counts against, and whether there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from hub.bus import caps
from hub.bus.caps import Bound, CapAsk
from hub.model.decide import CapState
from hub.model.policy import Cap
from hub.model.preferences import Layer
from hub.model.routing import Rules
from hub.store.caps import counted
from hub.store.database import Connection

if TYPE_CHECKING:
    from hub.publish.facts import Known
    from hub.runtime import Hub

log = structlog.get_logger("hub.caps")

OVER_ALL = ""  # the scope of a project's cap


def bounds_of(rules: Rules) -> tuple[Bound, ...]:
    """The caps that a delivery under these rules counts against: its category's, and the project's over all."""
    found: list[tuple[str, Cap | None]] = [(rules.policy.category, rules.policy.cap), (OVER_ALL, rules.cap)]
    return tuple(Bound(scope, cap.limit, cap.per) for scope, cap in found if cap is not None)


def cap_state(rules: Rules, full: caps.CapFull) -> CapState:
    """What a full cap means for a decision."""
    over_all = full.scope == OVER_ALL
    cap = rules.cap if over_all else rules.policy.cap
    assert cap is not None, "only what bounds can be full"
    return CapState(full.free_at, cap.overflow, Layer.PROJECT if over_all else Layer.CATEGORY)


async def reserve(hub: Hub, conn: Connection, known: Sequence[Known]) -> list[CapState | None] | None:
    """Counts each delivery against its caps, in order; for each the cap that was full, and then it is not counted.

    None when Redis does not answer: not known, and what is not known is not sent.
    """
    asks = [CapAsk(k.row["delivery_id"], k.row["person_id"], bounds_of(k.rules)) for k in known]
    try:
        found = await caps.reserve(hub.redis, hub.installation, asks, lambda wanted: counted(conn, wanted))
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("caps.unknown", deliveries=len(asks), error=repr(error))
        return None
    return [None if full is None else cap_state(k.rules, full) for k, full in zip(known, found, strict=True)]


async def release(hub: Hub, known: Sequence[Known]) -> None:
    """Takes back what was counted for deliveries that were not sent; without Redis it ends with its window."""
    asks = [CapAsk(k.row["delivery_id"], k.row["person_id"], bounds) for k in known if (bounds := bounds_of(k.rules))]
    if not asks:
        return
    try:
        await caps.release(hub.redis, hub.installation, asks)
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("caps.not_released", deliveries=len(asks), error=repr(error))
