"""One loop of a worker: runs a step, again at once while there is work, else after a pause or when woken.

A step that fails is logged and tried again after a growing pause; the loop itself ends only by `stop()`. Steps are
transactions, so ending between or within them loses nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter, Histogram
from redis.exceptions import RedisError

from hub.store.database import GONE

log = structlog.get_logger("hub.worker")

STEPS = Counter("hub_worker_steps_total", "Steps of worker loops, by result", ["loop", "result"])
STEP_SECONDS = Histogram("hub_worker_step_seconds", "Duration of one step that found work", ["loop"])
FIRST_PAUSE_SECONDS = 0.5  # after one failure; doubled with every further one in a row
MAX_PAUSE_SECONDS = 5.0  # between failed tries: what waited for a server is done seconds after it is back


def pause_after(failures: int) -> float:
    """Seconds until the next try after so many failures in a row, before jitter: doubling, to MAX_PAUSE_SECONDS."""
    return min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 8))


class Loop:
    """Calls `step` until stopped. `step` returns whether it found work."""

    def __init__(self, name: str, step: Callable[[], Awaitable[bool]], pause_seconds: float) -> None:
        self.name = name
        self._step = step
        self._pause = pause_seconds
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """There may be work now."""
        self._wake.set()

    def stop(self) -> None:
        """Ends the loop after the step under way."""
        self._stopped.set()
        self._wake.set()

    async def run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            if not await self._once():
                await self._rest()

    async def _once(self) -> bool:
        started = asyncio.get_running_loop().time()
        try:
            found = await self._step()
        except (*GONE, RedisError) as error:
            self._failed("away", error)
            return False
        except Exception as error:
            log.exception("worker.step_failed", loop=self.name)
            self._failed("failed", error)
            return False
        self._failures = 0
        STEPS.labels(self.name, "work" if found else "idle").inc()
        if found:
            STEP_SECONDS.labels(self.name).observe(asyncio.get_running_loop().time() - started)
        return found

    def _failed(self, result: str, error: Exception) -> None:
        self._failures += 1
        STEPS.labels(self.name, result).inc()
        log.warning("worker.will_retry", loop=self.name, failures=self._failures, error=repr(error))

    async def _rest(self) -> None:
        ended = self._wake
        pause = self._pause
        if self._failures:
            ended = self._stopped  # a thousand wake-ups a second must not hammer a server that is coming up
            pause = pause_after(self._failures)
        try:
            async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # nor many workers all at once
                await ended.wait()
        except TimeoutError:
            pass
