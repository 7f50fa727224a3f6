"""One sender per channel: claims what is due for its free slots, sends it, reports what came of it.

Claims and reports are batched, sends run side by side (workers/under_way.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from hub.model.message import Message
from hub.model.outcome import Attempt, Failed, Rejected
from hub.publish.compose import compose
from hub.publish.facts import Known
from hub.publish.settle import claim, report
from hub.runtime import Hub
from hub.store.database import GONE
from workers.route import Route
from workers.under_way import UnderWay

log = structlog.get_logger("hub.sender")

SLOTS = 200  # messages of a channel under way at once per worker; with 100 a mail cost a fifth more CPU (November 2026)


class Sender:
    """A worker loop's step: `step()` claims; sends and reports go on beside it. `close()` may be called twice."""

    def __init__(self, hub: Hub, channel: str, route: Route, sandbox: Route, on_free: Callable[[], None]) -> None:
        """`sandbox` takes what is a trial; `on_free` is called when slots came free."""
        self._hub = hub
        self._channel = channel
        self._route = route
        self._sandbox = sandbox
        self._under_way: UnderWay[tuple[Known, Attempt]] = UnderWay(channel, self._report, on_free)
        self.settled = self._under_way.settled
        self.close = self._under_way.close

    async def step(self) -> bool:
        """Fills the free slots; whether there was something to be done."""
        free = SLOTS - len(self._under_way)
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
                self._under_way.end((going[0], Attempt(Failed(f"the message cannot be made: {type(error).__name__}"))))
            return
        for known, message in zip(going, messages, strict=True):
            if isinstance(message, Rejected):
                self._under_way.end((known, Attempt(message)))
            else:
                self._under_way.start(self._send(known, message))

    async def _send(self, known: Known, message: Message) -> tuple[Known, Attempt]:
        trial = known.rules.everyone_reachable and not self._tried_for_real(known)
        route = self._sandbox if trial else self._route
        return known, await route.send(message)

    def _tried_for_real(self, known: Known) -> bool:
        """In `hub dev`: who set a channel up, and has an address there, wants to see what arrives."""
        dev = known.row["project_id"] == self._hub.dev_project_id and not known.row["sandbox"]
        return dev and self._channel in self._hub.settings.channels and self._channel in known.person.addresses

    async def _report(self, attempts: Sequence[tuple[Known, Attempt]]) -> None:
        await report(self._hub, attempts)
