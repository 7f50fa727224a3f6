"""Reading Redis Pub/Sub: any number of channels, and no silent loss.

redis-py resubscribes after a cut without a word, and does not notice a connection that is open but dead (facts.md).
Here a subscription is awaited until Redis has confirmed it, and whoever listens is told when there was a gap. One
server has one connection (line.py); a cluster one for each master (subscribe_cluster.py).

Guarantee: between two calls of `on_gap`, every message published to a confirmed channel is delivered once, in order.
Before the first and around each of them messages may be missing; the truth is in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog

from hub.bus.line import Line
from hub.bus.link import PLAIN

log = structlog.get_logger("hub.subscribe")


class SubscriberClosed(Exception):
    """The subscriber was closed while somebody waited for it."""


class Subscriber:
    """Pub/Sub for one process, on one server.

    Args:
        url: As `HUB_REDIS_URL`.
        control: A channel of this process alone; what others publish there goes to `on_message` as well.
        publish: Publishes by the way that publishers take, over another connection: only so does a probe prove it.
        on_message: Called with (channel, payload). Must not block; what it raises is logged.
        on_gap: Called when messages may have been lost, after everything concerned is subscribed again: with the
            channels; with None after a reconnect, which concerns all of them and what else was kept in Redis.
        probe_seconds: Between two probes, and how long one may take.

    Owner: one gateway or worker. `start()` makes its tasks; `close()` ends them and may be called twice.
    """

    def __init__(
        self,
        url: str,
        *,
        control: str,
        publish: Callable[[str, bytes], Awaitable[Any]],
        on_message: Callable[[bytes, bytes], None],
        on_gap: Callable[[frozenset[bytes] | None], None],
        probe_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._control = control.encode("utf-8")
        self._publish = publish
        self.hear = on_message
        self._on_gap = on_gap
        self._probe_seconds = probe_seconds
        self._wanted: set[bytes] = {self._control}
        self._changed: set[bytes] = set()
        self._waiters: dict[bytes, asyncio.Future[None]] = {}
        self._flushing: asyncio.Handle | None = None
        self._ready = asyncio.Event()
        self._running = False
        self._line: Line | None = None

    @property
    def connected(self) -> bool:
        """Whether the last that is known of every connection is good."""
        return self._line is not None and self._line.ready

    @property
    def usable(self) -> bool:
        """Whether anything can be subscribed: in a cluster one master suffices for the channels that it has."""
        return self._ready.is_set()

    def start(self) -> None:
        self._running = True
        self._line = Line(self._url, PLAIN, self._control, self, self._publish, self._probe_seconds)
        self._line.start()

    async def close(self) -> None:
        """Ends the connections; who waits for a subscription gets SubscriberClosed."""
        self._running = False
        await self._end_lines()
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(SubscriberClosed())
                waiter.exception()  # nobody may be left to ask
        self._waiters.clear()

    async def _end_lines(self) -> None:
        if self._line is not None:
            await self._line.close()

    async def wait_connected(self) -> None:
        """Returns once something can be subscribed."""
        await self._ready.wait()

    async def subscribe(self, channel: bytes) -> None:
        """Returns once Redis has confirmed: from then on no message is missed, but for what `on_gap` says.

        Waits as long as Redis is away. Cancelling is safe and does not unsubscribe. An `unsubscribe` meanwhile lets it
        return too.

        Raises:
            SubscriberClosed: `close()` was called.
        """
        if not self._running:
            raise SubscriberClosed
        self._wanted.add(channel)
        if self._stands(channel):
            return
        self._change(channel)
        waiter = self._waiters.get(channel)
        if waiter is None:
            waiter = self._waiters[channel] = asyncio.get_running_loop().create_future()
        await asyncio.shield(waiter)

    def unsubscribe(self, channel: bytes) -> None:
        """Messages of this channel are of no interest any more; a few may still come."""
        self._wanted.discard(channel)
        self._change(channel)
        waiter = self._waiters.pop(channel, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _stands(self, channel: bytes) -> bool:
        return self._line is not None and self._line.confirmed(channel)

    def _change(self, channel: bytes) -> None:
        """Brings a channel's subscription to what is wanted, in one batch with others of this turn of the loop."""
        self._changed.add(channel)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        changed, self._changed = self._changed, set()
        self._bring(changed)

    def _bring(self, channels: Iterable[bytes]) -> None:
        if self._line is not None:
            self._line.bring(channels, self._wanted)

    # What lines tell

    def share(self, line: Line) -> set[bytes]:
        return self._wanted

    def confirmed(self, channel: bytes) -> None:
        waiter = self._waiters.pop(channel, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def refused(self, line: Line, channel: bytes, error: str | None) -> None:
        """Only clusters refuse channels."""

    def opened(self, line: Line, *, again: bool) -> None:
        self._ready.set()
        (log.info if again else log.debug)("subscriber.connected", channels=len(self._wanted), again=again)
        if again:
            self._on_gap(None)

    def lost(self, line: Line) -> None:
        self._ready.clear()
