"""One sender per channel: claims what is due for its free slots, sends it, reports what came of it.

Claims and reports are batched; sends run side by side, each for itself, so that a slow one holds up nobody but its own
slot. What a worker that dies had claimed is due again after its lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from hub.bus.tasks import end
from hub.model.message import Message
from hub.model.outcome import Attempt, Failed, Rejected
from hub.publish.compose import compose
from hub.publish.facts import Known
from hub.publish.settle import claim, report
from hub.runtime import Hub
from hub.store.database import GONE
from workers.route import Route

log = structlog.get_logger("hub.sender")

SLOTS = 200  # messages of a channel under way at once per worker; with 100 a mail cost a fifth more CPU (November 2026)
CLOSE_SECONDS = 5.0  # that a worker that is told to stop waits for what is under way; the rest is left to its lease
REPORT_RETRY_SECONDS = 1.0  # while the database is away: what was sent must be told before the lease is over


class Sender:
    """A worker loop's step: `step()` claims; sends and reports go on beside it. `close()` may be called twice."""

    def __init__(self, hub: Hub, channel: str, route: Route, sandbox: Route, on_free: Callable[[], None]) -> None:
        """`sandbox` takes what is a trial; `on_free` is called when slots came free."""
        self._hub = hub
        self._channel = channel
        self._route = route
        self._sandbox = sandbox
        self._on_free = on_free
        self._sending: set[asyncio.Task[None]] = set()
        self._done: list[tuple[Known, Attempt]] = []
        self._reporting: asyncio.Task[None] | None = None

    async def step(self) -> bool:
        """Fills the free slots; whether there was something to be done."""
        free = SLOTS - len(self._sending) - len(self._done)
        if free <= 0:
            return False  # a report wakes the loop
        taken, going = await claim(self._hub, self._channel, free)
        if going:
            await self._start(going)
        return taken > 0

    async def _start(self, going: list[Known]) -> None:
        """Sends these; one whose message cannot be made fails alone."""
        try:
            async with self._hub.db.acquire() as conn:
                messages = await compose(self._hub, conn, going)
        except GONE:
            raise
        except Exception as error:
            if len(going) > 1:
                for known in going:
                    await self._start([known])
            else:
                log.exception("message.broken", delivery=str(going[0].row["delivery_id"]))
                self._end(going[0], Attempt(Failed(f"the message cannot be made: {type(error).__name__}")))
            return
        for known, message in zip(going, messages, strict=True):
            if isinstance(message, Rejected):
                self._end(known, Attempt(message))
                continue
            task = asyncio.create_task(self._send(known, message))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, known: Known, message: Message) -> None:
        trial = known.rules.everyone_reachable and not self._tried_for_real(known, message)
        route = self._sandbox if trial else self._route
        self._end(known, await route.send(message))

    def _tried_for_real(self, known: Known, message: Message) -> bool:
        """In `hub dev`: who set a channel up, and has an address there, wants to see what arrives."""
        dev = known.row["project_id"] == self._hub.dev_project_id and not known.row["sandbox"]
        return dev and self._channel in self._hub.settings.channels and message.reachable

    def _end(self, known: Known, attempt: Attempt) -> None:
        self._done.append((known, attempt))
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.create_task(self._report(), name=f"report-{self._channel}")

    async def _report(self) -> None:
        while self._done:
            batch, self._done = self._done, []
            try:
                await report(self._hub, batch)
            except GONE as error:
                log.warning("report.will_retry", channel=self._channel, deliveries=len(batch), error=repr(error))
                self._done = [*batch, *self._done]
                await asyncio.sleep(REPORT_RETRY_SECONDS)
                continue
            except Exception:
                log.exception("report.batch_failed", channel=self._channel, deliveries=len(batch))
                await self._report_alone(batch)
            self._on_free()

    async def _report_alone(self, batch: list[tuple[Known, Attempt]]) -> None:
        """Reports one by one, because one of them fails; that one is left to its lease."""
        for one in batch:
            try:
                await report(self._hub, [one])
            except GONE:
                self._done.append(one)
            except Exception:
                log.exception("report.failed", delivery=str(one[0].row["delivery_id"]))

    async def settled(self) -> int:
        """Returns when what is under way now has been reported; how many messages."""
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
