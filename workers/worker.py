"""The worker role: what happens without anybody asking.

| loop     | does                                                        | at the latest after |
|----------|-------------------------------------------------------------|---------------------|
| jobs     | fan-out and large cancellations, chunk by chunk             | 1 s, or a wake-up   |
| settle   | expiry and the end of snoozes                               | 1 s                 |
| outbox   | announces again what was left behind                        | 1 s                 |
| upkeep   | purges old keys, tombstones, jobs                           | 60 s                |

Any number of workers may run: claims skip what others hold, and every step is one transaction.
"""

from __future__ import annotations

import asyncio
import secrets

import structlog

from hub.bus.announce import fleet_channel
from hub.bus.subscribe import Subscriber
from hub.publish.inbox import settle_due
from hub.publish.jobs import LeaseLost, run_chunk
from hub.publish.reannounce import reannounce
from hub.runtime import Hub
from hub.store import idempotency, jobs, retention
from workers.loop import Loop

log = structlog.get_logger("hub.worker")

JOB_LOOPS = 2  # chunks under way at once per worker: one waits for Postgres while the other computes
SETTLE_PEOPLE = 200
PURGE_ROWS = 1_000


class Worker:
    """Runs all loops until `stop()`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.jobs = [Loop("jobs", self._job, 1.0) for _ in range(JOB_LOOPS)]
        self.loops = [
            *self.jobs,
            Loop("settle", self._settle, 1.0),
            Loop("outbox", self._outbox, 1.0),
            Loop("upkeep", self._upkeep, 60.0),
        ]
        self._subscriber = Subscriber(
            hub.settings.redis_url.get_secret_value(),
            control=f"{fleet_channel(hub.installation)}:{secrets.token_hex(8)}",
            publish=hub.redis.publish,
            on_message=lambda _name, _payload: self.wake(),
            on_gap=self.wake,
            probe_seconds=hub.settings.probe_seconds,
        )

    async def run(self) -> None:
        """Returns after `stop()`, when every step under way has ended. Cancelling is safe: transactions roll back."""
        self._subscriber.start()
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(), name="worker-listen")
                loops = [group.create_task(loop.run(), name=f"worker-{loop.name}") for loop in self.loops]
                await asyncio.wait(loops)
                listening.cancel()
        finally:
            await self._subscriber.close()

    async def _listen(self) -> None:
        """Wake-ups only save the rest of a poll's second: while Redis is away the loops poll."""
        await self._subscriber.subscribe(fleet_channel(self._hub.installation).encode("ascii"))

    def stop(self) -> None:
        for loop in self.loops:
            loop.stop()

    def wake(self) -> None:
        """A job is due."""
        for loop in self.jobs:
            loop.wake()

    async def _job(self) -> bool:
        job = await jobs.claim(self._hub.db)
        if job is None:
            return False
        try:
            await run_chunk(self._hub, job)
        except LeaseLost:
            log.info("job.lease_lost", job=str(job.job_id), notification=str(job.notification_id))
        except Exception as error:
            # The job itself waits before its next try; the loop goes on with the others. When the database is away this
            # raises too, and the loop waits.
            await jobs.failed(self._hub.db, job, repr(error))
            log.exception(
                "job.failed", job=str(job.job_id), notification=str(job.notification_id), attempts=job.attempts + 1
            )
        return True

    async def _settle(self) -> bool:
        return await settle_due(self._hub, SETTLE_PEOPLE) > 0

    async def _outbox(self) -> bool:
        return await reannounce(self._hub) > 0

    async def _upkeep(self) -> bool:
        async with self._hub.db.acquire() as conn:
            keys = await idempotency.purge(conn, PURGE_ROWS)
        people = await retention.purge_people(self._hub.db)
        finished = await retention.purge_jobs(self._hub.db, PURGE_ROWS)
        deleted = await retention.purge_deleted_people(self._hub.db, PURGE_ROWS)
        return PURGE_ROWS in (keys, finished, deleted) or people > 0
