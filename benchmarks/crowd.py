"""Many people in front of their screens: opens their sockets a few at a time, and closes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import NamedTuple

from benchmarks.websocket import OnItems, Socket, Welcome, client_frame, upgrade_request

# One source address has 28,231 ephemeral ports (net.ipv4.ip_local_port_range), and 127.0.0.0/8 addresses enough.
SOCKETS_PER_ADDRESS = 20_000


class Seat(NamedTuple):
    """Who sits down: the token, and the cursor of an earlier visit."""

    token: str
    cursor: str | None = None

    def hello(self) -> bytes:
        frame = {"type": "hello", "token": self.token}
        if self.cursor is not None:
            frame["cursor"] = self.cursor
        return client_frame(json.dumps(frame, separators=(",", ":")).encode())


class Crowd(NamedTuple):
    """Open sockets in the order of their seats."""

    sockets: list[Socket]
    welcomes: list[Welcome]
    seconds: float  # from the first connect() to the last welcome

    def closed(self) -> list[str]:
        """Why sockets were closed that should be open."""
        return [socket.closed.result() for socket in self.sockets if socket.closed.done()]


@asynccontextmanager
async def crowd(
    host: str, port: int, seats: Sequence[Seat], on_items: OnItems, *, in_flight: int, ack_seconds: float = 0
) -> AsyncIterator[Crowd]:
    """Opens one socket per seat, `in_flight` handshakes at a time; they close when the block ends.

    Raises:
        SocketError: one was refused. TimeoutError: one got no welcome within 30 s.
    """
    request = upgrade_request(host, port)
    hellos = [seat.hello() for seat in seats]  # ready before the clock runs
    sockets: list[Socket | None] = [None] * len(seats)
    welcomes: list[Welcome | None] = [None] * len(seats)
    waiting = iter(range(len(seats)))
    try:
        start = perf_counter()
        async with asyncio.TaskGroup() as handshakes:
            for _ in range(in_flight):
                handshakes.create_task(
                    _open_each(host, port, request, hellos, waiting, sockets, welcomes, on_items, ack_seconds)
                )
        seconds = perf_counter() - start
        yield Crowd([s for s in sockets if s is not None], [w for w in welcomes if w is not None], seconds)
    finally:
        for socket in sockets:
            if socket is not None:
                socket.close()


async def _open_each(
    host: str,
    port: int,
    request: bytes,
    hellos: Sequence[bytes],
    waiting: Iterator[int],
    sockets: list[Socket | None],
    welcomes: list[Welcome | None],
    on_items: OnItems,
    ack_seconds: float,
) -> None:
    loop = asyncio.get_running_loop()
    for index in waiting:
        socket = Socket(index, request, hellos[index], on_items, ack_seconds)
        source = None
        if index >= SOCKETS_PER_ADDRESS:
            source = (f"127.0.0.{1 + index // SOCKETS_PER_ADDRESS}", 0)
        await loop.create_connection(lambda made=socket: made, host, port, local_addr=source)
        sockets[index] = socket
        welcomes[index] = await socket.live()
