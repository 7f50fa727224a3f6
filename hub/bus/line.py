"""One server's share of the subscriptions of a process: a connection that is made again whenever it ends.

A subscription is awaited until Redis has confirmed it, and a message that this process publishes to itself must come
back: so a connection that is open but dead, or that publishers do not reach, is noticed.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Container, Iterable
from functools import partial
from typing import Any, Protocol

import hiredis
import structlog
from redis.exceptions import RedisError

from hub.bus.link import Link, Verbs, open_link
from hub.bus.tasks import end

log = structlog.get_logger("hub.subscribe")

RESUBSCRIBE_SECONDS, RESUBSCRIBE_CHANNELS_PER_SECOND = 5.0, 5_000  # 77,000/s measured; past this the server is stuck
BACKOFF_SECONDS = (0.05, 2.0)  # first, longest; full jitter
_PROBE = b"probe:"


class Listener(Protocol):
    """What a line tells its subscriber."""

    def share(self, line: Line) -> set[bytes]:
        """The channels that are wanted of this line, its control channel among them."""
        ...

    def hear(self, channel: bytes, payload: bytes) -> None:
        """A message; must not block, and what it raises is logged."""
        ...

    def confirmed(self, channel: bytes) -> None:
        """This channel stands now."""
        ...

    def refused(self, line: Line, channel: bytes, error: str | None) -> None:
        """This channel does not stand here; None: it did, and was taken away."""
        ...

    def opened(self, line: Line, *, again: bool) -> None:
        """The whole share stands. `again`: some of it stood on an earlier connection: messages may have been lost."""
        ...

    def lost(self, line: Line) -> None:
        """The connection has ended, or could not be made."""
        ...


class Line:
    """`start()` makes its one task; `close()` ends it and may be called twice.

    Args:
        url: Of the server.
        control: A channel of this process alone, on this server; what others publish there is heard as well. Another
            one may take its place when its slot has moved.
        publish: Publishes by the way that publishers take, over another connection: only so does a probe prove it.
        probe_seconds: Between two probes, and how long one may take.
    """

    def __init__(
        self,
        url: str,
        verbs: Verbs,
        control: bytes,
        listener: Listener,
        publish: Callable[[str, bytes], Awaitable[Any]],
        probe_seconds: float,
    ) -> None:
        self.control = control
        self.ready = False
        self._begun = False  # something may have stood
        self._url = url
        self._verbs = verbs
        self._listener = listener
        self._publish = publish
        self._probe_seconds = probe_seconds
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._probe = b""
        self._returned: asyncio.Future[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="subscriber")

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    @property
    def asked(self) -> frozenset[bytes]:
        """The channels that stand here, or are about to."""
        return frozenset() if self._link is None else frozenset(self._link.asked)

    def confirmed(self, channel: bytes) -> bool:
        return self._link is not None and self._link.confirmed(channel)

    def bring(self, channels: Iterable[bytes], wanted: Container[bytes]) -> None:
        """Makes these channels stand where they are wanted, once there is a connection."""
        if self._link is not None:
            self._link.bring(channels, wanted)

    async def _run(self) -> None:
        delay = BACKOFF_SECONDS[0]
        while True:
            try:
                if await self._live():
                    delay = BACKOFF_SECONDS[0]
                log.warning("subscriber.lost")
            except (OSError, TimeoutError, RedisError, hiredis.HiredisError, ValueError) as error:
                log.warning("subscriber.cannot_connect", error=repr(error))
            except Exception:  # whatever it was: without a subscription nothing is live any more
                log.exception("subscriber.broken")
            self._listener.lost(self)
            await asyncio.sleep(random.uniform(0, delay))
            delay = min(delay * 2, BACKOFF_SECONDS[1])

    async def _live(self) -> bool:
        """One connection from its beginning to its end; whether everything was subscribed on it."""
        link = await open_link(self._url, self._make)
        try:
            again, self._begun = self._begun, True
            if not await self._resubscribe(link):
                return False
            self.ready = True
            self._listener.opened(self, again=again)
            await self._watch(link)
            return True
        finally:
            self.ready = False
            self._link = None
            link.abort()

    def _make(self) -> Link:
        listener = self._listener
        refused = partial(listener.refused, self)
        return Link(self._verbs, lambda: self.control, self._controlled, listener.hear, listener.confirmed, refused)

    async def _resubscribe(self, link: Link) -> bool:
        """Subscribes the whole share; False when the connection broke on the way."""
        self._link = link
        share = self._listener.share(self)
        link.bring(share, share)
        marker = link.mark()
        patience = RESUBSCRIBE_SECONDS + len(share) / RESUBSCRIBE_CHANNELS_PER_SECOND
        await asyncio.wait({marker, link.lost}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        return marker.done() and not link.lost.done()

    async def _watch(self, link: Link) -> None:
        """Returns when the connection is lost, or open but dead."""
        while True:
            await asyncio.wait({link.lost}, timeout=self._probe_seconds)
            if link.lost.done():
                return
            returned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._probe, self._returned = _PROBE + secrets.token_hex(8).encode("ascii"), returned
            try:
                await self._publish(self.control.decode("utf-8"), self._probe)
            except (RedisError, OSError, TimeoutError):
                returned = link.mark()  # what was not published proves nothing; then the connection itself must answer
            await asyncio.wait({returned, link.lost}, timeout=self._probe_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not returned.done() and not link.lost.done():
                log.warning("subscriber.probe_lost", seconds=self._probe_seconds)
                return

    def _controlled(self, channel: bytes, payload: bytes) -> None:
        """A message on the channel of this process."""
        if not payload.startswith(_PROBE):
            self._listener.hear(channel, payload)
        elif payload == self._probe and self._returned is not None and not self._returned.done():
            self._returned.set_result(None)
