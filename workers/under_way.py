"""What a sender has under way: sends that run side by side, and what came of them, reported in batches.

A slow send holds up nobody but its own slot. What a worker that dies had under way is due again after its lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import structlog

from hub.bus.tasks import end
from hub.store.database import GONE

log = structlog.get_logger("hub.sender")

CLOSE_SECONDS = 5.0  # that a worker that is told to stop waits for what is under way; the rest is left to its lease
REPORT_RETRY_SECONDS = 1.0  # while the database is away: what was sent must be told before the lease is over

T = TypeVar("T")


class UnderWay(Generic[T]):
    """Owner: a sender. `close()` may be called twice.

    Args:
        name: Of what is sent, for logs.
        report: Stores a batch of outcomes; durable when it returns.
        on_free: Called when slots came free.
    """

    def __init__(
        self, name: str, report: Callable[[Sequence[T]], Awaitable[None]], on_free: Callable[[], None]
    ) -> None:
        self._name = name
        self._report = report
        self._on_free = on_free
        self._sending: set[asyncio.Task[None]] = set()
        self._done: list[T] = []
        self._reporting: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Slots that are taken: until what came of a send is reported."""
        return len(self._sending) + len(self._done)

    def start(self, send: Coroutine[Any, Any, T]) -> None:
        """Runs a send, whose result is its outcome; it raises nothing."""
        task = asyncio.create_task(self._run(send))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _run(self, send: Coroutine[Any, Any, T]) -> None:
        self.end(await send)

    def end(self, outcome: T) -> None:
        """Has an outcome reported."""
        self._done.append(outcome)
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.create_task(self._tell(), name=f"report-{self._name}")

    async def _tell(self) -> None:
        while self._done:
            batch, self._done = self._done, []
            try:
                await self._report(batch)
            except GONE as error:
                log.warning("report.will_retry", of=self._name, outcomes=len(batch), error=repr(error))
                self._done = [*batch, *self._done]
                await asyncio.sleep(REPORT_RETRY_SECONDS)
                continue
            except Exception:
                log.exception("report.batch_failed", of=self._name, outcomes=len(batch))
                await self._tell_alone(batch)
            self._on_free()

    async def _tell_alone(self, batch: Sequence[T]) -> None:
        """One by one, because one of them fails; that one is left to its lease."""
        for one in batch:
            try:
                await self._report([one])
            except GONE:
                self._done.append(one)
            except Exception:
                log.exception("report.failed", of=self._name)

    async def settled(self) -> int:
        """Returns when what is under way now has been reported; how many sends."""
        sending = tuple(self._sending)
        if sending:
            await asyncio.wait(sending)
        if self._reporting is not None:
            await asyncio.wait({self._reporting})
        return len(sending)

    async def close(self) -> None:
        """Lets what is under way finish for CLOSE_SECONDS and reports it."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=CLOSE_SECONDS)
        for task in tuple(self._sending):
            await end(task)
        if self._reporting is not None:
            await asyncio.wait({self._reporting}, timeout=CLOSE_SECONDS)
            await end(self._reporting)
