"""Bytes reach the peer whole and in order, on both loops, whichever way they take. Real sockets with small buffers."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
import uvloop

from gateway.outlet import Outlet
from tests.support.certificates import Authority

SMALL = 8 * 1024


@asynccontextmanager
async def attached(
    outlet: Outlet, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A transport that the outlet writes to, and the peer's blocking socket; both with small buffers."""
    made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(cast(asyncio.Transport, transport))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        server = await asyncio.get_running_loop().create_server(Accepted, sock=listener.dup(), ssl=tls)
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        peer.connect(listener.getsockname())
        if tls is not None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            peer = await asyncio.to_thread(context.wrap_socket, peer)
        transport = await made
        server.close()
    outlet.attach(transport)
    try:
        yield transport, peer
    finally:
        transport.abort()  # or closing uvloop would wait for it
        peer.close()


def on_both_loops(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test on asyncio's loop and on uvloop's."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    @pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def runs(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(bounded())

    return runs


async def drain(peer: socket.socket, received: bytearray, expected: int) -> None:
    peer.settimeout(0)
    while len(received) < expected:
        try:
            received += peer.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            await asyncio.sleep(0)


@on_both_loops
async def test_a_slow_peer_gets_everything_in_order() -> None:
    outlet, received, expected = Outlet(), bytearray(), bytearray()
    async with attached(outlet) as (transport, peer):
        chance, waited = random.Random(7), 0
        for number in range(2_000):
            data = b"%06d" % number + b"." * chance.randrange(3_000)
            outlet.emit(data)
            expected += data
            waited += transport.get_write_buffer_size() > 0
            if transport.get_write_buffer_size() > 10_000 or chance.random() < 0.01:
                await drain(peer, received, len(expected) - chance.choice([0, 0, 5_000]))
        await drain(peer, received, len(expected))
        same = received == expected  # asked for outside: explaining a difference of megabytes takes pytest minutes
        assert same
        assert 100 < waited < 1_900  # both ways were taken


@on_both_loops
async def test_what_somebody_else_wrote_is_not_overtaken() -> None:
    outlet, received = Outlet(), bytearray()
    async with attached(outlet) as (transport, peer):
        outlet.emit(b"first")
        outlet.release()
        transport.write(b"x" * 1_000_000)
        assert transport.get_write_buffer_size() > 0
        received += peer.recv(65536)  # there is room again, and the transport does not know yet
        outlet.emit(b"last")
        await drain(peer, received, 1_000_009)
        assert received.startswith(b"first")
        assert received.endswith(b"last")


@on_both_loops
async def test_a_peer_that_is_gone_ends_the_transport() -> None:
    outlet = Outlet()
    async with attached(outlet) as (transport, peer):
        transport.pause_reading()  # so that only writing can tell
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        peer.close()
        while not transport.is_closing():
            outlet.emit(b"anybody there?")
            await asyncio.sleep(0)
        assert outlet._descriptor < 0  # and its socket is forgotten


@on_both_loops
async def test_a_transport_that_ends_is_not_asked_for_its_socket() -> None:
    outlet = Outlet()
    async with attached(outlet) as (transport, _):
        outlet.emit(b"before")
        assert outlet._descriptor >= 0
        outlet.release()
        transport.abort()
        outlet.emit(b"after")
        assert outlet._descriptor < 0


@on_both_loops
async def test_nothing_goes_past_encryption() -> None:
    with TemporaryDirectory() as directory:
        tls = Authority(Path(directory)).context("127.0.0.1")

    outlet, received = Outlet(), bytearray()
    async with attached(outlet, tls=tls) as (_, peer):
        for _ in range(3):
            outlet.emit(b"secret")
        await drain(peer, received, 18)
        assert received == b"secret" * 3
