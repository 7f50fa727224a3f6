"""Reading Redis Pub/Sub: one connection, any number of channels, and no silent loss.

redis-py resubscribes after a cut without a word, and does not notice a connection that is open but dead (facts.md).
Here a subscription is awaited until Redis has confirmed it, a message that this process publishes to itself must come
back, and whoever listens is told when there was a gap. The bytes are parsed by hiredis straight out of the socket, a
tenth of the cost of redis-py's reader.

Guarantee: between two calls of `on_gap`, every message published to a confirmed channel is delivered once, in order.
Before the first and around each of them messages may be missing; the truth is in the store.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import hiredis
import structlog
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

from hub.bus.tasks import end

log = structlog.get_logger("hub.subscribe")

BATCH_CHANNELS = 512  # per SUBSCRIBE: 100,000 took 1.3 s; one command of all of them stops Redis for everyone else
CONNECT_SECONDS = 2.0
RESUBSCRIBE_SECONDS, RESUBSCRIBE_CHANNELS_PER_SECOND = 5.0, 5_000  # 77,000/s measured; past this the server is stuck
BACKOFF_SECONDS = (0.05, 2.0)  # first, longest; full jitter
FEED_BYTES = (
    16 * 1024
)  # hiredis moves all it still holds with every other reply: 0.62 µs a message of 256 KiB, 0.18 of 16
_PROBE = b"probe:"


class SubscriberClosed(Exception):
    """The subscriber was closed while somebody waited for it."""


class Subscriber:
    """Pub/Sub for one process.

    Args:
        url: As `HUB_REDIS_URL`.
        control: A channel of this process alone; what others publish there goes to `on_message` as well.
        publish: Publishes by the way that publishers take, over another connection: only so does a probe prove it.
        on_message: Called with (channel, payload). Must not block; what it raises is logged.
        on_gap: Called after every reconnect, all channels subscribed again: messages may have been lost.
        probe_seconds: Between two probes, and how long one may take.

    Owner: one gateway or worker. `start()` makes its one task; `close()` ends it and may be called twice.
    """

    def __init__(
        self,
        url: str,
        *,
        control: str,
        publish: Callable[[str, bytes], Awaitable[Any]],
        on_message: Callable[[bytes, bytes], None],
        on_gap: Callable[[], None],
        probe_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._control = control.encode("utf-8")
        self._publish = publish
        self._on_message = on_message
        self._on_gap = on_gap
        self._probe_seconds = probe_seconds
        self._wanted: set[bytes] = {self._control}
        self._changed: set[bytes] = set()
        self._waiters: dict[bytes, asyncio.Future[None]] = {}
        self._link: _Link | None = None
        self._flushing: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._was_connected = False
        self._probe = b""
        self._returned: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the last that is known of the connection is good."""
        return self._ready.is_set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="subscriber")

    async def close(self) -> None:
        """Ends the connection; who waits for a subscription gets SubscriberClosed."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(SubscriberClosed())
                waiter.exception()  # nobody may be left to ask
        self._waiters.clear()

    async def wait_connected(self) -> None:
        """Returns once the control channel is subscribed."""
        await self._ready.wait()

    async def subscribe(self, channel: bytes) -> None:
        """Returns once Redis has confirmed: from then on no message is missed, but for what `on_gap` says.

        Waits as long as Redis is away. Cancelling is safe and does not unsubscribe. An `unsubscribe` meanwhile lets it
        return too.

        Raises:
            SubscriberClosed: `close()` was called.
        """
        if self._task is None:
            raise SubscriberClosed
        self._wanted.add(channel)
        if self._link is not None and self._link.confirmed(channel):
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

    def _change(self, channel: bytes) -> None:
        """Brings a channel's subscription to what is wanted, in one batch with others of this turn of the loop."""
        self._changed.add(channel)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        changed, self._changed = self._changed, set()
        if self._link is not None:
            self._link.bring(changed, self._wanted)

    # The connection's life

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
            await asyncio.sleep(random.uniform(0, delay))
            delay = min(delay * 2, BACKOFF_SECONDS[1])

    async def _live(self) -> bool:
        """One connection from its beginning to its end; whether everything was subscribed on it."""
        link = await self._open()
        try:
            if not await self._resubscribe(link):
                return False
            self._ready.set()
            again, self._was_connected = self._was_connected, True
            (log.info if again else log.debug)("subscriber.connected", channels=len(self._wanted), again=again)
            if again:
                self._on_gap()
            await self._watch(link)
            return True
        finally:
            self._ready.clear()
            self._link = None
            link.abort()

    async def _open(self) -> _Link:
        """A connection that has said who we are."""
        options: dict[str, Any] = dict(parse_url(self._url))
        kind = options.pop("connection_class", None)
        loop = asyncio.get_running_loop()
        tls = SSLConnection(**options).ssl_context.get() if kind is SSLConnection else None

        def made() -> _Link:
            return _Link(self._deliver, self._confirm)

        link: _Link
        async with asyncio.timeout(CONNECT_SECONDS):
            if "path" in options:
                _, link = await loop.create_unix_connection(
                    lambda: _Link(self._deliver, self._confirm), str(options["path"])
                )
            else:
                host, port = str(options.get("host", "localhost")), int(options.get("port", 6379))
                _, link = await loop.create_connection(made, host, port, ssl=tls)
            try:
                if options.get("password"):
                    user = [str(options["username"])] if options.get("username") else []
                    await link.command("AUTH", *user, str(options["password"]))
                if options.get("db"):
                    await link.command("SELECT", str(options["db"]))
            except BaseException:
                link.abort()
                raise
        return link

    async def _resubscribe(self, link: _Link) -> bool:
        """Subscribes everything wanted; False when the connection broke on the way."""
        self._link = link
        link.bring(self._wanted, self._wanted)
        marker = link.mark()
        patience = RESUBSCRIBE_SECONDS + len(self._wanted) / RESUBSCRIBE_CHANNELS_PER_SECOND
        await asyncio.wait({marker, link.lost}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        return marker.done() and not link.lost.done()

    async def _watch(self, link: _Link) -> None:
        """Returns when the connection is lost, or open but dead."""
        while True:
            await asyncio.wait({link.lost}, timeout=self._probe_seconds)
            if link.lost.done():
                return
            returned: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._probe, self._returned = _PROBE + secrets.token_hex(8).encode("ascii"), returned
            try:
                await self._publish(self._control.decode("utf-8"), self._probe)
            except (RedisError, OSError, TimeoutError):
                returned = link.mark()  # what was not published proves nothing; then the connection itself must answer
            await asyncio.wait({returned, link.lost}, timeout=self._probe_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not returned.done() and not link.lost.done():
                log.warning("subscriber.probe_lost", seconds=self._probe_seconds)
                return

    # What comes in

    def _deliver(self, channel: bytes, payload: bytes) -> None:
        if channel == self._control and payload.startswith(_PROBE):
            if payload == self._probe and self._returned is not None and not self._returned.done():
                self._returned.set_result(None)
            return
        try:
            self._on_message(channel, payload)
        except Exception:  # one message that fails must not cost the connection and everybody's next ones
            log.exception("subscriber.message_failed", channel=channel)

    def _confirm(self, channel: bytes) -> None:
        waiter = self._waiters.get(channel)
        if waiter is not None and self._link is not None and self._link.confirmed(channel):
            del self._waiters[channel]
            if not waiter.done():
                waiter.set_result(None)


class _Link(asyncio.Protocol):
    """One connection: commands out, replies and messages in, and which channels stand on it."""

    def __init__(self, deliver: Callable[[bytes, bytes], None], confirm: Callable[[bytes], None]) -> None:
        self._deliver = deliver
        self._confirm = confirm
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._commands: list[asyncio.Future[Any]] = []
        self._marks: list[asyncio.Future[None]] = []
        self._asked: set[bytes] = set()  # channels whose last command was SUBSCRIBE
        self._pending: dict[bytes, int] = {}  # replies still to come, by channel
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def command(self, *words: str) -> asyncio.Future[Any]:
        """Sends a command before anything is subscribed; its reply, or what Redis says against it."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._commands.append(reply)
        self._write(words)
        return reply

    def bring(self, channels: Iterable[bytes], wanted: set[bytes]) -> None:
        """Makes these channels stand where they are wanted, and nowhere else."""
        channels = list(channels)
        self._send("SUBSCRIBE", [c for c in channels if c in wanted and c not in self._asked])
        self._send("UNSUBSCRIBE", [c for c in channels if c not in wanted and c in self._asked])

    def mark(self) -> asyncio.Future[None]:
        """Done when Redis has answered everything sent before."""
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._marks.append(reached)
        self._write(("PING", "mark"))
        return reached

    def confirmed(self, channel: bytes) -> bool:
        """Whether Redis has confirmed the last command about this channel, and it was SUBSCRIBE."""
        return channel in self._asked and channel not in self._pending

    def abort(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()
        self._give_up()

    def _send(self, verb: str, channels: list[bytes]) -> None:
        for start in range(0, len(channels), BATCH_CHANNELS):
            batch = channels[start : start + BATCH_CHANNELS]
            if verb == "SUBSCRIBE":
                self._asked.update(batch)
            else:
                self._asked.difference_update(batch)
            for channel in batch:
                self._pending[channel] = self._pending.get(channel, 0) + 1
            self._write((verb, *batch))

    def _write(self, words: tuple[str | bytes, ...]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows one word

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), FEED_BYTES):
            self._reader.feed(data, start, min(FEED_BYTES, len(data) - start))
            if not self._take():
                self.abort()
                return

    def _take(self) -> bool:
        """Takes what the reader holds whole; False when this is no connection to go on with."""
        gets, deliver = self._reader.gets, self._deliver
        while True:
            try:
                reply = gets()
            except hiredis.ProtocolError as error:
                log.warning("subscriber.not_redis", error=repr(error))
                return False
            if reply is False:
                return True
            if isinstance(reply, list):
                if reply[0] == b"message":
                    deliver(reply[1], reply[2])
                else:
                    self._pushed(reply[0], reply[1])
            elif self._commands:
                self._answered(self._commands.pop(0), reply)
            elif isinstance(reply, hiredis.ReplyError):
                # A refused SUBSCRIBE would leave its channels waiting for ever; a new connection asks again.
                log.warning("subscriber.refused", error=str(reply))
                return False

    def _pushed(self, kind: bytes, channel: bytes) -> None:
        if kind == b"pong":
            if self._marks:
                mark = self._marks.pop(0)
                if not mark.done():
                    mark.set_result(None)
            return
        left = self._pending.get(channel, 0) - 1
        if left > 0:
            self._pending[channel] = left
        else:
            self._pending.pop(channel, None)
        if kind == b"subscribe":
            self._confirm(channel)

    def _answered(self, command: asyncio.Future[Any], reply: Any) -> None:
        if command.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            command.set_exception(RedisError(str(reply)))
        else:
            command.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._give_up()

    def _give_up(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        for command in self._commands:
            if not command.done():
                command.set_exception(ConnectionError("Redis closed the connection"))
        self._commands.clear()
