"""Caps at work: what a delivery counts against, and whether there is room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
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

LOOK_AGAIN = timedelta(seconds=1)
OVER_ALL = ""  # the scope of a project's cap


def caps_of(rules: Rules) -> dict[str, Cap]:
    """The caps that a delivery under these rules counts against, by scope: its category's, the project's over all."""
    found = {rules.policy.category: rules.policy.cap, OVER_ALL: rules.cap}
    return {scope: cap for scope, cap in found.items() if cap is not None}


def bounds_of(rules: Rules) -> tuple[Bound, ...]:
    """The same as what Redis counts."""
    return tuple(Bound(scope, cap.limit, cap.per) for scope, cap in caps_of(rules).items())


def cap_state(rules: Rules, scope: str, free_at: datetime) -> CapState:
    """What a full cap means for a decision."""
    layer = Layer.PROJECT if scope == OVER_ALL else Layer.CATEGORY
    return CapState(free_at, caps_of(rules)[scope].overflow, layer)


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
    return [None if full is None else _state(k, *full) for k, full in zip(known, found, strict=True)]


def _state(known: Known, scope: str, free_at: datetime) -> CapState:
    """Never free before the next look: Redis's clock may be behind the database's, and then it would be the past."""
    return cap_state(known.rules, scope, max(free_at, known.now + LOOK_AGAIN))


async def release(hub: Hub, known: Sequence[Known]) -> None:
    """Takes back what was counted for deliveries that were not sent; without Redis it ends with its window."""
    asks = [CapAsk(k.row["delivery_id"], k.row["person_id"], bounds) for k in known if (bounds := bounds_of(k.rules))]
    if not asks:
        return
    try:
        await caps.release(hub.redis, hub.installation, asks)
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("caps.not_released", deliveries=len(asks), error=repr(error))
