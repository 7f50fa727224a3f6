"""Announcing after the commit: one queue per process, emptied in batches.

Batches keep the order of commits of this process and share a Redis pipeline. Their outbox rows are deleted beside the
next batches, in one statement for all that were announced meanwhile: the next announcement does not wait for Postgres.
A batch that Redis does not accept is dropped here: its outbox rows stay, and a worker repeats them. Where a part of a
cluster is away, those of its people are dropped, and all others go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from uuid import UUID

import structlog
from prometheus_client import Counter

from hub.bus.announce import Announcer
from hub.bus.tasks import end
from hub.publish.writer import Announcements
from hub.store import outbox
from hub.store.database import Database

log = structlog.get_logger("hub.announce")

ANNOUNCED = Counter("hub_announcements_total", "Announcements handed to Redis, by result", ["result"])
BATCH_MESSAGES = 500  # per pipeline: 93,000/s measured in pipelines of 100, no gain past a few hundred
QUEUE_MESSAGES = 50_000  # waiting for a slow Redis: a second's worth; past either the outbox alone carries them
QUEUE_BYTES = 64 * 1024 * 1024
CLOSE_SECONDS = 5.0


class AnnounceQueue:
    """Owned by the runtime: `start()` makes its one task, `close()` empties the queue and ends it."""

    def __init__(self, announcer: Announcer, db: Database) -> None:
        self._announcer = announcer
        self._db = db
        self._queue: deque[Announcements] = deque()
        self._messages = 0
        self._bytes = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._announced: list[UUID] = []  # rows of the outbox that may go
        self._deleting: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="announce")

    def put(self, told: Announcements) -> None:
        """Queues what a committed transaction has to tell. Never blocks, never fails."""
        if self._messages >= QUEUE_MESSAGES or self._bytes >= QUEUE_BYTES:
            ANNOUNCED.labels("left_to_outbox").inc(len(told.messages))
            return
        self._queue.append(told)
        self._count(told, 1)
        self._wake.set()

    def _count(self, told: Announcements, sign: int) -> None:
        self._messages += sign * len(told.messages)
        self._bytes += sign * sum(len(payload) for _, payload in told.messages)

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
            self._count(batch[-1], -1)
            size += len(batch[-1].messages)
        return batch

    async def _send(self, batch: list[Announcements]) -> None:
        """Never raises: whatever goes wrong, the outbox has it, and the next batch must be tried."""
        messages = [message for told in batch for message in told.messages]
        try:
            refused = set(await self._announcer.publish(messages))
        except Exception as error:
            log.warning("announce.left_to_outbox", error=repr(error), groups=len(batch) + len(self._queue))
            ANNOUNCED.labels("left_to_outbox").inc(len(messages) + self._messages)
            self._queue.clear()
            self._messages = self._bytes = 0
            return
        ANNOUNCED.labels("accepted").inc(len(messages) - len(refused))
        if refused:
            log.warning("announce.left_to_outbox", messages=len(refused))
            ANNOUNCED.labels("left_to_outbox").inc(len(refused))
            batch = _accepted(batch, refused)
        self._announced.extend(told.outbox_id for told in batch)
        if self._deleting is None or self._deleting.done():
            self._deleting = asyncio.create_task(self._delete(), name="announced")

    async def _delete(self) -> None:
        while self._announced:
            rows, self._announced = self._announced, []
            try:
                async with self._db.acquire() as conn:
                    await outbox.delete(conn, rows)
            except Exception as error:  # a worker announces them once more
                log.warning("announce.outbox_not_deleted", error=repr(error))

    async def close(self) -> None:
        """Sends what is queued and ends, each at most CLOSE_SECONDS, announcing and deleting. May be called twice."""
        self._closing = True
        self._wake.set()
        await _finish(self._task)  # first: it may begin another deletion
        await _finish(self._deleting)


async def _finish(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        await end(task)


def _accepted(batch: list[Announcements], refused: set[int]) -> list[Announcements]:
    """Those of which every message was accepted; `refused` are the places of the others among all messages."""
    accepted, place = [], 0
    for told in batch:
        places = range(place, place + len(told.messages))
        place = places.stop
        if refused.isdisjoint(places):
            accepted.append(told)
    return accepted
