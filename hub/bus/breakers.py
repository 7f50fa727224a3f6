"""Breakers over all workers: values in Redis that are replaced by compare-and-set.

    hub:{installation}:breaker:{channel}:{provider}   string   a hub.model.breaker.Breaker, as a JSON array

What a breaker becomes is decided by whoever changes it, from the value it read (hub/model/breaker.py); Redis only makes
sure that nobody else changed it meanwhile. A value that is not there, or that this release cannot read, is a closed
breaker that knows nothing: losing Redis costs a few failed attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from hub.bus.client import Bus, checked
from hub.model.breaker import FRESH, Breaker

_TRIES = 5  # against other workers who change the same one at that moment
_KEEP_MILLISECONDS = 3_600_000  # longer than any is open, or rests

# KEYS: one. ARGV: what was read ('' for nothing), what it becomes, how long it is kept. Answers what is stored then.
_SWAP = """
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then
    return held
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
"""

Change: TypeAlias = Callable[[Breaker], Breaker]
_decoder = msgspec.json.Decoder(Breaker)
_encode = msgspec.json.encode


class BreakerStore:
    """The breakers of one channel. Any number of workers may use it at once."""

    def __init__(self, redis: Bus, installation: str, channel: str) -> None:
        self._redis = redis
        self._prefix = f"hub:{installation}:breaker:{channel}:"

    async def exchange(self, changes: Mapping[str, Change]) -> dict[str, Breaker]:
        """Changes these providers' breakers; what they are then. Two round trips, more when others change them too.

        A breaker that changes under our hands _TRIES times is left as it is, and its change is lost.

        Raises:
            redis.RedisError, OSError, TimeoutError: some may have been changed.
        """
        names = list(changes)
        keys = [self._prefix + name for name in names]
        read = checked(await self._redis.each([(key, ("GET", key)) for key in keys]))
        held: dict[str, bytes] = {name: value or b"" for name, value in zip(names, read, strict=True)}
        found: dict[str, Breaker] = {}
        for _ in range(_TRIES):
            wanted: dict[str, bytes] = {}
            for name in names:
                before = _read(held[name])
                found[name] = changes[name](before)
                if found[name] != before:
                    wanted[name] = _encode(found[name])
            if not wanted:
                break
            stored = await self._swap(held, wanted)
            names = [name for name in wanted if stored[name] != wanted[name]]
            held.update(stored)
            found |= {name: _read(stored[name]) for name in names}
            if not names:
                break
        return found

    async def _swap(self, held: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> dict[str, bytes]:
        swaps = [
            (key := self._prefix + name, ("EVAL", _SWAP, 1, key, held[name], value, _KEEP_MILLISECONDS))
            for name, value in wanted.items()
        ]
        return dict(zip(wanted, checked(await self._redis.each(swaps)), strict=True))


def _read(value: bytes) -> Breaker:
    try:
        return _decoder.decode(value) if value else FRESH
    except msgspec.DecodeError:
        return FRESH
