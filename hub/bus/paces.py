"""Paces over all workers: when the next message of each may leave.

    hub:{installation}:pace:{{channel}}:{key}   string   unix seconds: when the next one may leave; gone when it is past

The script is hub.model.pace.reserve, with Redis's clock: places are taken in all paces of a message, or in none. A
message's paces are all of its channel; the braces that stay, around it, put them into one slot of a cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from hub.bus.client import Bus, Command, checked
from hub.model.pace import MAX_PATIENCE_SECONDS, Pace, Place

# KEYS: one a pace. ARGV: how long it may wait, then the distance of each, in seconds. Answers the wait in microseconds,
# and which pace has no room; 0: it has its places.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local ahead = math.max(tonumber(ARGV[1]), LONGEST) + 0.001
local starts, latest = {}, 1
for i, key in ipairs(KEYS) do
    starts[i] = math.max(now, tonumber(redis.call('GET', key) or '0'))
    if starts[i] - now > ahead + tonumber(ARGV[i + 1]) then
        starts[i] = now
    end
    if starts[i] > starts[latest] then
        latest = i
    end
end
local wait = starts[latest] - now
if wait > tonumber(ARGV[1]) then
    return {math.ceil(wait * 1000000), latest}
end
for i, key in ipairs(KEYS) do
    local moment = starts[i] + tonumber(ARGV[i + 1])
    redis.call('SET', key, string.format('%.6f', moment), 'PX', math.ceil((moment - now) * 1000))
end
return {math.ceil(wait * 1000000), 0}
""".replace("LONGEST", f"{MAX_PATIENCE_SECONDS:g}")

_SHA = hashlib.sha1(_SCRIPT.encode("utf-8")).hexdigest()  # noqa: S324  # how Redis names scripts


class PaceAsk(NamedTuple):
    """One message that asks for its place in every one of its paces, within `patience` seconds."""

    paces: tuple[Pace, ...]
    patience: float


async def reserve(redis: Bus, installation: str, asks: Sequence[PaceAsk]) -> list[Place]:
    """Places for these messages, in order; one round trip.

    Raises:
        redis.RedisError, OSError, TimeoutError: some may have got places.
    """
    commands: list[Command] = []
    for ask in asks:
        keys = [_key(installation, pace) for pace in ask.paces]
        distances = [f"{pace.distance:.6f}" for pace in ask.paces]
        commands.append((keys[0], ("EVALSHA", _SHA, len(keys), *keys, f"{ask.patience:.6f}", *distances)))
    # Loaded every time, ahead of its uses: no restart of Redis can come between.
    replies = checked(await redis.each(commands, first=("SCRIPT LOAD", _SCRIPT)))
    return [
        Place(wait / 1_000_000, full == 0, ask.paces[full - 1].key if full else None)
        for ask, (wait, full) in zip(asks, replies, strict=True)
    ]


def _key(installation: str, pace: Pace) -> str:
    channel, _, name = pace.key.partition(":")
    return f"hub:{installation}:pace:{{{channel}}}:{name}"
