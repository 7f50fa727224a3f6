"""An ASGI application on a port of its own: uvicorn with our HTTP, in the event loop of the test."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn

from hub.web.asgi import ASGIApp
from hub.web.http import HttpProtocol


@asynccontextmanager
async def listening(app: ASGIApp, **options: Any) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """The port, and the server; serves until the block ends.

    Args:
        options: uvicorn's.
    """
    config = uvicorn.Config(
        app, http=HttpProtocol, lifespan="off", log_config=None, access_log=False, interface="asgi3", **options
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio sets this only where the socket names its protocol; without it every answer waits 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await server.startup(sockets=[listener])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield listener.getsockname()[1], server
    finally:
        ticking.cancel()
        await asyncio.wait({ticking})
        await _shut_down(server, config.timeout_graceful_shutdown)
        listener.close()


async def _shut_down(server: uvicorn.Server, seconds: float | None) -> None:
    """As uvicorn does, without its pauses, which cost every test 0.1 to 0.2 s."""
    state = server.server_state
    for listener in server.servers:
        listener.close()
    for connection in list(state.connections):
        connection.shutdown()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while state.connections or state.tasks:
                await asyncio.sleep(0.005)
            for listener in server.servers:
                await listener.wait_closed()
    for task in state.tasks:
        task.cancel()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return head.split()[1] + b" " + await reader.readexactly(int(length[1]))


async def turns() -> None:
    """Lets the server read what was written; they share the loop."""
    for _ in range(20):
        await asyncio.sleep(0)
