"""Server-sent events: the same session, one way, over one HTTP answer.

Raw ASGI, because an event has to leave from where the announcement arrives: synchronously, without a task or a queue in
between. Where the server shows its exchange, a chunk that is built once for all streams goes straight to its transport.
Elsewhere an ASGI `send` that does not have to wait runs to its end within one step, so it is stepped by hand. When it
would wait, the bytes are kept, bounded, and a task sends them when the client has read on.

Once the token is accepted the answer is 200 whatever comes: an EventSource that reads any other status never tries
again. What else goes wrong is said by `event: close`.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from gateway.client_frames import State as PresenceState
from gateway.codes import Close, Code
from gateway.connection import Connection
from gateway.grant import Grant
from gateway.message import Message, chunk_of, heard
from gateway.switchboard import Switchboard
from hub.web.asgi import Receive, Scope, Send
from hub.web.limits import household

EXCHANGE_KEY = "hub.exchange"
"""Where the server's exchange is left in the scope, when it is one of hub.web.http."""
COMMENT_SECONDS = (12.0, 16.0)  # contract: every 15 s or so; proxies cut at 30 s at the earliest
RETRY_MILLISECONDS = (1_000, 5_000)  # browsers wait this long; jittered, so that streams cut together do not return so
SILENCE_MILLISECONDS = (
    35_000  # unacknowledged; a socket's heartbeat_seconds + 10. Linux; elsewhere TCP takes a quarter hour
)
CLOSE_SECONDS = 5.0  # for a client to read what waits before the end
_COMMENT = b":\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events
]


class Flow(Protocol):
    """uvicorn's FlowControl."""

    write_paused: bool


class Exchange(Protocol):
    """What is used of uvicorn's RequestResponseCycle: chunks may be written past `send`, as it would write them.

    Attributes:
        when_lost: What hub.web.http calls when the client is gone; then nothing may be written any more.
    """

    transport: asyncio.Transport
    flow: Flow
    disconnected: bool
    when_lost: Callable[[], None] | None


class EventStream(Connection):
    """One stream of server-sent events."""

    __slots__ = ("_broken_off", "_comment_at", "_ended", "_exchange", "_held", "_send", "_sending")

    transport_name = "sse"

    def __init__(self, board: Switchboard, address: str, send: Send, exchange: Exchange | None) -> None:
        super().__init__(board, board.session(beats=False), address)
        self._send = send
        self._exchange = exchange
        if exchange is not None:
            self.attach(exchange.transport)
            exchange.when_lost = self.release
            _limit_silence(exchange.transport)
        self._held = bytearray()
        self._sending: asyncio.Task[None] | None = None
        self._ended = False
        self._broken_off = 0.0  # when an end that takes too long is broken off
        self._comment_at = board.now() + random.uniform(*COMMENT_SECONDS)

    async def run(self, receive: Receive, grant: Grant, cursor: str | None, presence: PresenceState) -> None:
        """Lasts as long as the stream: until the client goes, or until it was told why the hub does."""
        board, session = self.board, self.session
        self._put(b"retry: %d\n\n" % random.randint(*RETRY_MILLISECONDS))
        try:
            refusal = board.open(self)
            if refusal is not None:
                self.perform(session.end(refusal))
            else:
                now = board.now()
                session.greet("", cursor, presence, now)  # whoever made this stream has verified the token
                self.perform(session.admitted(grant, now))
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            board.gone(self)
            self.release()
            if self._exchange is not None:
                self._exchange.when_lost = None
            if self._sending is not None:
                self._sending.cancel()

    # Connection

    @property
    def congested(self) -> bool:
        return self._sending is not None

    def forward(self, message: Message) -> None:
        if self._descriptor >= 0:  # nothing waits, and nobody has ended: `release` was not called since
            self.emit(message.chunk or message.chunked)
        else:
            self.write(message)

    def relay(self, announcement: bytes) -> None:
        if self._descriptor >= 0:
            self.emit(chunk_of(announcement))
        else:
            self.write(heard(announcement, self.session.epoch))

    def write(self, message: Message) -> None:
        if self._ended:
            return
        exchange = self._exchange
        if exchange is not None and self._sending is None and not (exchange.flow.write_paused or exchange.disconnected):
            self.emit(message.chunk or message.chunked)
            return
        event = message.sse
        self._put(event)
        if len(self._held) - len(event) > self.board.write_buffer_bytes:
            self.end(Code.TOO_SLOW, f"{len(self._held)} bytes wait to be read")

    def hang_up(self, close: Close) -> None:
        if close.code is Code.TOO_SLOW:
            self._break_off()
            return
        reason: dict[str, int] = {"code": int(close.code)}
        if close.retry_after_seconds is not None:
            reason["retry_after_seconds"] = close.retry_after_seconds
        self._ended = True
        self._put(b"event: close\ndata: %b\n\n" % msgspec.json.encode(reason), last=True)
        self._broken_off = self.board.now() + CLOSE_SECONDS
        self.board.wheel.schedule(self, self._broken_off)

    def linger(self, now: float) -> float | None:
        if self._sending is None:
            return None
        if now < self._broken_off:
            return self._broken_off
        self._break_off()
        return None

    def tick(self, now: float) -> float | None:
        if now >= self._comment_at and not self._ended:
            self._comment_at = now + random.uniform(*COMMENT_SECONDS)
            if not self.congested:
                self._put(_COMMENT)
        return super().tick(now)

    def deadline(self, now: float) -> float:
        return min(super().deadline(now), self._comment_at)

    # Writing

    def _put(self, data: bytes, *, last: bool = False) -> None:
        """Sends now what can be sent now; keeps the rest."""
        self.release()
        if self._sending is None and _step(self._send(_body(data, last=last))):
            return
        self._held += data
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_held())

    async def _send_held(self) -> None:
        while self._held:
            data, self._held = bytes(self._held), bytearray()
            await self._send(_body(data))
        if self._ended:
            await self._send(_body(b"", last=True))
        self._sending = None
        self.uncongested()

    def _break_off(self) -> None:
        """Gives up a client that does not read: what waits is dropped with its connection."""
        self._held.clear()
        self.release()
        if self._sending is not None:
            self._sending.cancel()
        if self._exchange is not None:
            self._exchange.transport.abort()


async def serve(
    board: Switchboard,
    grant: Grant,
    cursor: str | None,
    presence: PresenceState,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answers one accepted request with a stream."""
    await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
    stream = EventStream(board, _address(scope, board), send, scope.get(EXCHANGE_KEY))
    await stream.run(receive, grant, cursor, presence)


def _limit_silence(transport: asyncio.Transport) -> None:
    """Lets the kernel end a connection whose client takes nothing any more: no frame of a stream's client tells."""
    if transport.is_closing():  # a client that left already: its socket has no number any more
        return
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT") and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MILLISECONDS)


def _address(scope: Scope, board: Switchboard) -> str:
    client = scope.get("client")
    address: str = client[0] if client else ""
    return "" if address in board.trusted and not board.trusted.always_trust else household(address)


def _body(data: bytes, *, last: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": not last}


def _step(sending: Any) -> bool:
    """Runs a coroutine to its end if it does not wait; False when it would have: then it has done nothing.

    uvicorn waits before it writes, and only then.
    """
    try:
        sending.send(None)
    except StopIteration:
        return True
    sending.close()
    return False
