"""Who is gone: the people of dead gateways, and those whose grace has passed. Keys are described in presence.py.

    a gateway's lease ends ──reap_dead_gateways──┐
    a connection ends, or turns idle ────────────┴─> leaving ──take_absent──> decide ──forget_absent──> gone from here

Both steps are for workers; any number may run them at once, and each may die anywhere. What is reaped moves in scripts
that happen as a whole. What is taken stays until it is forgotten, so whoever dies between repeats the decision: it has
to be one that may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from hub.bus.client import AWAY, Bus, checked
from hub.bus.presence import GRACE_LEAST_SHARE, living, prefix_of, prefixes

log = structlog.get_logger("hub.presence")

REAP_PEOPLE = 200  # per script, during which Redis does nothing else: 1.5 ms (November 2026)
TAKE_PEOPLE = 500  # presences are read, and decisions made, for so many at once

# KEYS: lease, people of the incarnation, gateways, leaving. ARGV: incarnation, the prefix of people's hashes, how many
# people, seconds of grace, the least share of it. Answers how many people it moved, and how many are left.
#
# Each person is moved in an order that loses nobody, should Redis stop in the middle: leaving, entries, set. The script
# is seeded alike every time, so each batch of people has the same graces: spread all the same.
_REAP = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    return {0, 0}
end
local incarnation, present = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local moved = 0
for _, person in ipairs(redis.call('SRANDMEMBER', KEYS[2], ARGV[3])) do
    local entries = redis.call('HGETALL', present .. person)
    local dead, active = {}, false
    for i = 1, #entries, 2 do
        if string.sub(entries[i], 1, #incarnation) == incarnation then
            dead[#dead + 1] = entries[i]
        elseif entries[i + 1] == 'active' then
            active = true
        end
    end
    if #dead > 0 then
        if not active then
            local share = ARGV[5] + (1 - ARGV[5]) * math.random()
            redis.call('ZADD', KEYS[4], now + ARGV[4] * share, person)
        end
        redis.call('HDEL', present .. person, unpack(dead))
        moved = moved + 1
    end
    redis.call('SREM', KEYS[2], person)
end
local left = redis.call('SCARD', KEYS[2])
if left == 0 then
    redis.call('SREM', KEYS[3], incarnation)
end
return {moved, left}
"""

# KEYS: leaving. ARGV: how many. Answers person and score, in turn, of those whose grace has passed by its clock.
_TAKE = """
local time = redis.call('TIME')
local now = string.format('%.6f', time[1] + time[2] / 1000000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
"""

# KEYS: leaving. ARGV: person and score as it was read, in turn.
_FORGET = """
for i = 1, #ARGV, 2 do
    local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if score and tonumber(score) == tonumber(ARGV[i + 1]) then
        redis.call('ZREM', KEYS[1], ARGV[i])
    end
end
"""


async def reap_dead_gateways(redis: Bus, installation: str, grace_seconds: float) -> int:
    """Moves the people of gateways whose lease has ended to `leaving`; how many.

    Who is active on another gateway is not leaving, only their dead entries go: if that gateway is dead too, its turn
    comes. A gateway that lives after all (it was stopped, or Redis was) notices with its next refresh that its lease
    had gone, and writes everybody again.

    Cancelling is safe, and so is any number of workers at once: people move REAP_PEOPLE at a time, and a gateway is
    forgotten when none of its people is left.

    Args:
        grace_seconds: From now until they are absent; up to a fifth less, at random.

    Raises:
        redis.RedisError, OSError: Redis does not answer; of a cluster, no part does: otherwise those that do are done.
            What was moved has been moved.
    """
    total = 0
    parts = prefixes(redis, installation)
    errors: list[Exception] = []
    for prefix in parts:
        try:
            total += await _reap_part(redis, prefix, grace_seconds)
        except AWAY as error:
            errors.append(error)
    if len(errors) == len(parts):
        raise errors[0]
    if errors:
        log.warning("presence.parts_away", parts=len(errors), error=repr(errors[0]))
    return total


async def _reap_part(redis: Bus, prefix: str, grace_seconds: float) -> int:
    key = f"{prefix}:gateways"
    (found,) = checked(await redis.each([(key, ("SMEMBERS", key))]))
    gateways = sorted(name.decode("ascii") for name in found)
    alive = await living(redis, prefix, gateways)
    total = 0
    for gateway in (gateway for gateway in gateways if gateway not in alive):
        moved, left = await reap_batch(redis, prefix, gateway, grace_seconds)
        total += moved
        while left:
            moved, left = await reap_batch(redis, prefix, gateway, grace_seconds)
            total += moved
        log.info("presence.reaped", gateway=gateway)
    return total


async def reap_batch(redis: Bus, prefix: str, gateway: str, grace_seconds: float) -> tuple[int, int]:
    """Up to REAP_PEOPLE of one gateway's people in one part, unless its lease lives there.

    How many it moved, and how many are left.
    """
    keys = (f"{prefix}:lease:{gateway}", f"{prefix}:people:{gateway}", f"{prefix}:gateways", f"{prefix}:leaving")
    arguments = (gateway, f"{prefix}:present:", REAP_PEOPLE, grace_seconds, GRACE_LEAST_SHARE)
    ((moved, left),) = checked(await redis.each([(keys[0], ("EVAL", _REAP, len(keys), *keys, *arguments))]))
    return moved, left


async def take_absent(redis: Bus, installation: str, limit: int = TAKE_PEOPLE) -> list[tuple[str, float]]:
    """People whose grace has passed, longest ago first, each with the score to forget them by; nothing is removed.

    `parse_person_key` says who they are. Where they are by now `read_presences` says: some have come back. Forget them
    once it is certain that what waited for them will be decided again, also if their presence is unknown by then.

    Raises:
        redis.RedisError, OSError: Redis does not answer. Of a cluster, no part does: those that do are taken from.
    """
    keys = [f"{prefix}:leaving" for prefix in prefixes(redis, installation)]
    replies = await redis.each([(key, ("EVAL", _TAKE, 1, key, limit)) for key in keys])
    if all(isinstance(reply, Exception) for reply in replies):
        checked(replies)
    taken = [
        (person.decode("ascii"), float(score))
        for reply in replies
        if not isinstance(reply, Exception)
        for person, score in zip(reply[::2], reply[1::2], strict=True)
    ]
    return sorted(taken, key=lambda pair: pair[1])[:limit]


async def forget_absent(redis: Bus, installation: str, taken: Iterable[tuple[str, float]]) -> None:
    """Removes each of `taken` whose score is the one that was read: who left once more meanwhile stays.

    Raises:
        redis.RedisError, OSError: Redis does not answer; they will be taken again.
    """
    parts: dict[str, list[Any]] = {}
    for person, score in taken:
        parts.setdefault(f"{prefix_of(redis, installation, person)}:leaving", []).extend((person, score))
    checked(await redis.each([(key, ("EVAL", _FORGET, 1, key, *pairs)) for key, pairs in parts.items()]))
