"""Deciding again what waited for people to leave: once they have been gone for the grace, or their gateway has died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.bus.presence import parse_person_key
from hub.bus.reaper import forget_absent, reap_dead_gateways, take_absent
from hub.store import deliveries

if TYPE_CHECKING:
    from hub.runtime import Hub

ABSENT_PEOPLE = 500  # a batch; one statement decides what all of them have waiting


async def decide_absent(hub: Hub) -> int:
    """Lets what waits for people whose grace has passed be decided again; how many people.

    They are forgotten only after the commit: dying in between repeats it, and that is harmless.

    Raises:
        redis.RedisError, OSError, TimeoutError: Redis is away; presence is unknown then, and everything waits.
    """
    grace = hub.settings.presence_grace_seconds
    await reap_dead_gateways(hub.redis, hub.installation, grace)
    taken = await take_absent(hub.redis, hub.installation, ABSENT_PEOPLE)
    if not taken:
        return 0
    await deliveries.decide_again(hub.db, [parse_person_key(key) for key, _ in taken])
    await forget_absent(hub.redis, hub.installation, taken)
    return len(taken)
