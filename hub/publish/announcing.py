"""Announcing after the commit: one queue per process, emptied in batches.

Batches keep the order of commits of this process, share a Redis pipeline, and delete their outbox rows in one
statement. A batch that Redis does not accept is dropped here: its outbox rows stay, and a worker repeats them.
"""

from __future__ import annotations

import asyncio
from collections import deque

import structlog
from prometheus_client import Counter
from redis.exceptions import RedisError

from hub.bus.announce import Announcer
from hub.publish.writer import Announcements
from hub.store import outbox
from hub.store.database import GONE, Database

log = structlog.get_logger("hub.announce")

ANNOUNCED = Counter("hub_announcements_total", "Announcements handed to Redis, by result", ["result"])
BATCH_MESSAGES = 500  # per pipeline: 93,000/s measured in pipelines of 100, no gain past a few hundred
QUEUE_LIMIT = 50_000  # announcements; past it the outbox alone carries them


class AnnounceQueue:
    """Owned by the runtime: `start()` makes its one task, `close()` empties the queue and ends it."""

    def __init__(self, announcer: Announcer, db: Database) -> None:
        self._announcer = announcer
        self._db = db
        self._queue: deque[Announcements] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="announce")

    def put(self, told: Announcements) -> None:
        """Queues what a committed transaction has to tell. Never blocks, never fails."""
        if len(self._queue) >= QUEUE_LIMIT:
            ANNOUNCED.labels("left_to_outbox").inc(len(told.messages))
            return
        self._queue.append(told)
        self._wake.set()

    async def _run(self) -> None:
        while not (self._closing and not self._queue):
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._send(self._take())

    def _take(self) -> list[Announcements]:
        batch: list[Announcements] = []
        size = 0
        while self._queue and size < BATCH_MESSAGES:
            batch.append(self._queue.popleft())
            size += len(batch[-1].messages)
        return batch

    async def _send(self, batch: list[Announcements]) -> None:
        messages = [message for told in batch for message in told.messages]
        try:
            await self._announcer.publish(messages)
        except (RedisError, OSError, TimeoutError) as error:
            dropped = len(batch) + len(self._queue)
            self._queue.clear()
            ANNOUNCED.labels("left_to_outbox").inc(len(messages))
            log.warning("announce.left_to_outbox", error=repr(error), groups=dropped)
            return
        ANNOUNCED.labels("accepted").inc(len(messages))
        try:
            async with self._db.acquire() as conn:
                await outbox.delete(conn, [told.outbox_id for told in batch])
        except GONE as error:
            log.warning("announce.outbox_not_deleted", error=repr(error))

    async def close(self) -> None:
        """Sends what is queued, at most 5 s, and ends the task. May be called twice."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            _, pending = await asyncio.wait({self._task}, timeout=5)
            for task in pending:
                task.cancel()
