"""One connection for Pub/Sub: commands out, replies and messages in, and which channels stand on it.

The bytes are parsed by hiredis straight out of the socket, a tenth of the cost of redis-py's reader.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple, cast

import hiredis
import structlog
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

log = structlog.get_logger("hub.subscribe")

BATCH_CHANNELS = 512  # per SUBSCRIBE: 100,000 took 1.3 s; one command of all of them stops Redis for everyone else
CONNECT_SECONDS = 2.0
# hiredis moves all it still holds with every other reply: 0.62 µs a message of 256 KiB, 0.18 of 16.
FEED_BYTES = 16 * 1024
_MARK = b"mark"


class Verbs(NamedTuple):
    """How Pub/Sub speaks.

    Attributes:
        batch: Channels per command. A cluster wants all those of one command in one slot, and they seldom are.
    """

    subscribe: str
    unsubscribe: str
    subscribed: bytes
    unsubscribed: bytes
    message: bytes
    batch: int


PLAIN = Verbs("SUBSCRIBE", "UNSUBSCRIBE", b"subscribe", b"unsubscribe", b"message", BATCH_CHANNELS)
SHARDED = Verbs("SSUBSCRIBE", "SUNSUBSCRIBE", b"ssubscribe", b"sunsubscribe", b"smessage", 1)


class Link(asyncio.Protocol):
    """A connection; `lost` is done when it has ended.

    Args:
        on_message: Called with (channel, payload); what it raises is logged.
        control, on_control: The same for one channel, which `control` names; it is asked once for what came together.
        on_confirmed: Called with a channel once the last command about it, to subscribe, is confirmed.
        on_refused: Sharded only. Called with a channel that does not stand here, though it was asked for: the slot is
            somewhere else, or nowhere; and with what the server says, None when it took the channel away by itself.
    """

    def __init__(
        self,
        verbs: Verbs,
        control: Callable[[], bytes],
        on_control: Callable[[bytes, bytes], None],
        on_message: Callable[[bytes, bytes], None],
        on_confirmed: Callable[[bytes], None],
        on_refused: Callable[[bytes, str | None], None],
    ) -> None:
        self._verbs = verbs
        self._message = verbs.message
        self._control = control
        self._on_control = on_control
        self._on_message = on_message
        self._on_confirmed = on_confirmed
        self._on_refused = on_refused
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._commands: list[asyncio.Future[Any]] = []
        self._marks: list[asyncio.Future[None]] = []
        self.asked: set[bytes] = set()  # channels whose last command was to subscribe
        self._pending: dict[bytes, int] = {}  # replies still to come, by channel
        self._expected: deque[tuple[bytes, bytes]] = deque()  # the same in order, sharded only: errors name no channel
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def command(self, *words: str) -> asyncio.Future[Any]:
        """Sends a command before anything is subscribed; its reply, or what Redis says against it."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._commands.append(reply)
        self._write(words)
        return reply

    def bring(self, channels: Iterable[bytes], wanted: Container[bytes]) -> None:
        """Makes these channels stand where they are wanted, and nowhere else."""
        channels = list(channels)
        self._send(self._verbs.subscribe, [c for c in channels if c in wanted and c not in self.asked])
        self._send(self._verbs.unsubscribe, [c for c in channels if c not in wanted and c in self.asked])

    def mark(self) -> asyncio.Future[None]:
        """Done when Redis has answered everything sent before."""
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._marks.append(reached)
        self._write(("PING", _MARK))
        return reached

    def confirmed(self, channel: bytes) -> bool:
        """Whether Redis has confirmed the last command about this channel, and it was to subscribe."""
        return channel in self.asked and channel not in self._pending

    def abort(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()
        self._give_up()

    def _send(self, verb: str, channels: list[bytes]) -> None:
        subscribing, size = verb == self._verbs.subscribe, self._verbs.batch
        for start in range(0, len(channels), size):
            batch = channels[start : start + size]
            if subscribing:
                self.asked.update(batch)
            else:
                self.asked.difference_update(batch)
            for channel in batch:
                self._pending[channel] = self._pending.get(channel, 0) + 1
                if self._verbs is SHARDED:
                    self._expected.append(
                        (self._verbs.subscribed if subscribing else self._verbs.unsubscribed, channel)
                    )
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
        gets, message, deliver, control = self._reader.gets, self._message, self._on_message, self._control()
        while True:
            try:
                reply = gets()
            except hiredis.ProtocolError as error:
                log.warning("subscriber.not_redis", error=repr(error))
                return False
            if reply is False:
                return True
            if isinstance(reply, list):
                if reply[0] == message:
                    channel = reply[1]
                    try:
                        (self._on_control if channel == control else deliver)(channel, reply[2])
                    except Exception:  # one message that fails must not cost the connection and everybody's next ones
                        log.exception("subscriber.message_failed", channel=channel)
                else:
                    self._told(*reply)
            elif self._commands:
                self._answered(self._commands.pop(0), reply)
            elif reply == _MARK:  # PING's answer while nothing is subscribed
                self._marked()
            elif isinstance(reply, hiredis.ReplyError):
                if self._expected:
                    self._refused(str(reply))
                    continue
                # A refused SUBSCRIBE would leave its channels waiting for ever; a new connection asks again.
                log.warning("subscriber.refused", error=str(reply))
                return False

    def _told(self, kind: bytes, channel: bytes, _payload: Any = None) -> None:
        if kind == b"pong":
            self._marked()
            return
        if self._verbs is SHARDED:
            if not self._expected or self._expected[0] != (kind, channel):
                if channel in self.asked and kind == SHARDED.unsubscribed:  # the slot has moved away
                    self.asked.discard(channel)
                    self._on_refused(channel, None)
                return
            self._expected.popleft()
        self._settle(channel)
        if kind == self._verbs.subscribed and self.confirmed(channel):
            self._on_confirmed(channel)

    def _settle(self, channel: bytes) -> None:
        """One reply about a channel has come."""
        left = self._pending.get(channel, 0) - 1
        if left > 0:
            self._pending[channel] = left
        else:
            self._pending.pop(channel, None)

    def _refused(self, error: str) -> None:
        kind, channel = self._expected.popleft()
        self._settle(channel)
        if kind == SHARDED.subscribed and channel in self.asked and channel not in self._pending:
            self.asked.discard(channel)
            self._on_refused(channel, error)

    def _marked(self) -> None:
        if self._marks:
            mark = self._marks.pop(0)
            if not mark.done():
                mark.set_result(None)

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


async def open_link(url: str, make: Callable[[], Link]) -> Link:
    """A connection to the one server of `url` that has said who we are.

    Raises:
        OSError, TimeoutError, redis.RedisError: It does not answer, or does not let us in.
    """
    options: dict[str, Any] = dict(parse_url(url))
    kind = options.pop("connection_class", None)
    loop = asyncio.get_running_loop()
    tls = SSLConnection(**options).ssl_context.get() if kind is SSLConnection else None
    async with asyncio.timeout(CONNECT_SECONDS):
        if "path" in options:
            _, link = await loop.create_unix_connection(make, str(options["path"]))
        else:
            host, port = str(options.get("host", "localhost")), int(options.get("port", 6379))
            _, link = await loop.create_connection(make, host, port, ssl=tls)
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
