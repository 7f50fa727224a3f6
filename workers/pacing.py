"""Pacing: places for messages whose provider, project or person has a pace; others pass without a word to Redis.

Messages that come together ask together, one round trip for all of them. While Redis is away each worker keeps the pace
by itself, so that all together go as many times as fast.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from redis.exceptions import RedisError

from hub.bus.client import Bus
from hub.bus.paces import PaceAsk
from hub.bus.paces import reserve as reserve_shared
from hub.bus.tasks import end
from hub.model.pace import MAX_HOLD_SECONDS, Pace, Place, reserve

log = structlog.get_logger("hub.pacing")

ANSWER_SECONDS = 0.25  # that a message waits for Redis: no longer than bulk waits for its place
AWAY_SECONDS = 1.0  # between tries while Redis is away
MANY_MOMENTS = 10_000  # past which those that have passed are forgotten


class Pacer:
    """The paces of one worker's route. `close()` may be called twice."""

    def __init__(self, redis: Bus | None, installation: str, clock: Callable[[], float] = time.time) -> None:
        """`redis`: None keeps the pace of this worker alone. `clock` tells unix seconds."""
        self._redis = redis
        self._installation = installation
        self._clock = clock
        self._moments: dict[str, float] = {}
        self._lines: dict[str, float] = {}  # when the last that found no room asks again
        self._waiting: list[tuple[PaceAsk, asyncio.Future[Place]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._away_until = 0.0

    async def place(self, paces: Sequence[Pace], patience: float) -> Place:
        """A place in all of these paces within `patience` seconds.

        One that is not `taken` says after how many seconds to ask again: all that find no room are spread over as
        long as the pace needs for them, as far as this worker knows, and over MAX_HOLD_SECONDS at most.
        """
        place = await self._reserve(PaceAsk(tuple(paces), patience))
        if place.taken:
            return place
        now = self._clock()
        distance = next(pace.distance for pace in paces if pace.key == place.key)
        key = place.key or ""
        moment = max(now + place.wait, self._lines.get(key, 0.0) + distance)
        moment = min(moment, now + MAX_HOLD_SECONDS)
        self._lines[key] = moment
        _forget(self._lines, now)
        return place._replace(wait=moment - now)

    async def _reserve(self, ask: PaceAsk) -> Place:
        if self._redis is None or 0 < self._away_until - self._clock() <= AWAY_SECONDS:
            return self._alone(ask)
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(self._redis), name="pacing")
        await asyncio.wait({future}, timeout=ANSWER_SECONDS)
        if future.done():
            return future.result()
        future.cancel()
        self._away(TimeoutError())
        return self._alone(ask)

    async def _ask(self, redis: Bus) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                places = await reserve_shared(redis, self._installation, [ask for ask, _ in batch])
            except (RedisError, OSError, TimeoutError) as error:
                self._away(error)
                places = [self._alone(ask) for ask, _ in batch]
            for (_, future), place in zip(batch, places, strict=True):
                if not future.done():
                    future.set_result(place)

    def _away(self, error: Exception) -> None:
        now = self._clock()
        if not 0 < self._away_until - now <= AWAY_SECONDS:
            log.warning("pacing.unshared", error=repr(error))
        self._away_until = now + AWAY_SECONDS

    def _alone(self, ask: PaceAsk) -> Place:
        now = self._clock()
        _forget(self._moments, now)
        return reserve(self._moments, ask.paces, ask.patience, now)

    async def close(self) -> None:
        if self._asking is not None:
            await end(self._asking)


def _forget(moments: dict[str, float], now: float) -> None:
    if len(moments) > MANY_MOMENTS:
        for key in [key for key, moment in moments.items() if moment <= now]:
            del moments[key]
