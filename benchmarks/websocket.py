"""The load client's WebSocket: one asyncio.Protocol, no task and no queue, as cheap as Python gets.

It speaks the part of the contract that a reading client needs: hello, welcome, item, changes, ping and pong, ack.
Frames from the hub are unmasked and unfragmented (RFC 6455 section 5.1, contract.md); anything else ends the socket.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from time import perf_counter_ns
from typing import NamedTuple, cast

import msgspec

TEXT, CLOSE, PING = 0x81, 0x88, 0x89  # first bytes of unfragmented frames


class SocketError(Exception):
    """The hub refused or closed a socket, or said what the contract does not have; the message quotes it."""


class Welcome(NamedTuple):
    """A socket that is live: how long it took from connect() to here, and where its stream stands."""

    seconds: float
    cursor: str | None


def client_frame(payload: bytes) -> bytes:
    """A masked text frame. The mask is zero: it protects proxies from pages (RFC 6455 section 10.3), of which there are
    none here, and masking by Python would be the load client's largest cost."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def upgrade_request(host: str, port: int, path: str = "/v1/inbox/ws", protocol: str | None = "hub.v1") -> bytes:
    """The opening handshake; the key is the same for all sockets, because nothing here caches answers."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    if protocol:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    return "\r\n".join([*lines, "", ""]).encode()


PONG = client_frame(b'{"type":"pong"}')

OnItems = Callable[[int, int, bytes], None]  # socket's index, perf_counter_ns, the frame's payload


class Socket(asyncio.Protocol):
    """One connection of one person.

    Args:
        index: What `on_items` gets to hear.
        request: The opening handshake, see `upgrade_request`.
        hello: The first frame, see `client_frame`; b"" for a server without one: live after the handshake.
        on_items: Called in the loop for every frame that carries items; it must not block.
        ack_seconds: Send `ack` this long after an arrival, at most that often; 0 never.
    """

    __slots__ = (
        "_ack",
        "_ack_seconds",
        "_buffer",
        "_hello",
        "_live",
        "_on_items",
        "_request",
        "_rev",
        "_started",
        "_transport",
        "_upgraded",
        "closed",
        "index",
    )

    def __init__(self, index: int, request: bytes, hello: bytes, on_items: OnItems, ack_seconds: float = 0) -> None:
        self.index = index
        self._request = request
        self._hello = hello
        self._on_items = on_items
        self._ack_seconds = ack_seconds
        self._ack: asyncio.TimerHandle | None = None
        self._rev = 0
        self._buffer = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self._started = perf_counter_ns()
        loop = asyncio.get_running_loop()
        self._live: asyncio.Future[Welcome] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()

    async def live(self, seconds: float = 30) -> Welcome:
        """Waits for `welcome`.

        Raises:
            SocketError: the hub refused; TimeoutError: it said nothing for so long.
        """
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self._live)

    def send(self, frame: bytes) -> None:
        """Writes a frame made by `client_frame`; nothing happens on a closed socket."""
        if self._transport is not None:
            self._transport.write(frame)

    def close(self) -> None:
        """Ends the connection at once, without a closing handshake. Can be called twice."""
        if self._ack is not None:
            self._ack.cancel()
            self._ack = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(f"connection lost: {exc or 'closed'}")

    def data_received(self, data: bytes) -> None:
        now = perf_counter_ns()
        if self._buffer:
            data = self._buffer + data
        if not self._upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = data
                return
            if not self._accept(head):
                return
            data = rest
        position, end = 0, len(data)
        while end - position >= 2:
            size = data[position + 1]
            start = position + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                start += width
                if start > end:
                    break
                size = int.from_bytes(data[position + 2 : start], "big")
            if start + size > end:
                break
            self._frame(data[position], data[start : start + size], now)
            position = start + size
        self._buffer = data[position:] if position < end else b""

    def _accept(self, head: bytes) -> bool:
        """Takes the answer to the opening handshake; False when it is no 101."""
        if not head.startswith(b"HTTP/1.1 101"):
            self._end(f"handshake refused: {head.splitlines()[0].decode('latin-1')}")
            self.close()
            return False
        self._upgraded = True
        if self._hello:
            self.send(self._hello)
        else:
            self._is_live(None)
        return True

    def _frame(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == TEXT:
            kind = payload[9:13]  # {"type":"item",…
            if kind == b"item":
                self._on_items(self.index, now, payload)
                if self._ack_seconds:
                    self._schedule_ack(payload)
            elif kind == b"ping":
                self.send(PONG)
            else:
                self._rare(payload, now)
        elif opcode == PING:
            self.send(b"\x8a" + bytes((0x80 | len(payload),)) + b"\0\0\0\0" + payload)
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._end(f"closed with {code} {payload[2:].decode('utf-8', 'replace')}".rstrip())
            self.close()
        else:
            self._end(f"unexpected frame 0x{opcode:02x}")
            self.close()

    def _rare(self, payload: bytes, now: int) -> None:
        frame = msgspec.json.decode(payload)
        kind = frame["type"]
        if kind == "changes":
            if frame["items"]:
                self._on_items(self.index, now, payload)
            self._is_live(frame["cursor"])
        elif kind == "welcome":
            if "rev" in frame:  # to a hello with a cursor, `changes` or `reset` follow
                self._is_live(frame["cursor"])
        elif kind == "error":
            self._end(f"error frame: {payload.decode()}")
            self.close()

    def _is_live(self, cursor: str | None) -> None:
        if not self._live.done():
            self._live.set_result(Welcome((perf_counter_ns() - self._started) / 1e9, cursor))

    def _end(self, why: str) -> None:
        if not self._live.done():
            self._live.set_exception(SocketError(why))
            self._live.exception()  # retrieved: a socket that nobody awaits any more is no warning
        if not self.closed.done():
            self.closed.set_result(why)

    def _schedule_ack(self, payload: bytes) -> None:
        start = payload.find(b'"rev":', 13) + 6
        self._rev = int(payload[start : payload.find(b",", start)])
        if self._ack is None:
            self._ack = asyncio.get_running_loop().call_later(self._ack_seconds, self._send_ack)

    def _send_ack(self) -> None:
        self._ack = None
        self.send(client_frame(b'{"type":"ack","rev":%d}' % self._rev))
