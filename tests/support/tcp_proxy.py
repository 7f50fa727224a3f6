"""A network that a test can break: a TCP proxy that cuts, swallows and returns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit


class TcpProxy:
    """Forwards connections to one server, until told otherwise.

    Attributes:
        swallowing: Connections stay open and what comes is read away: a black hole, as a lost route is one.
        refusing: New connections are closed at once: a server that is down.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._pairs: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.swallowing = False
        self.refusing = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._pairs |= {writer, upstream_writer}
        for source, sink in ((reader, upstream_writer), (upstream_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not self.swallowing:
                    sink.write(data)
                    await sink.drain()
        sink.transport.abort()
        self._pairs.discard(sink)

    def cut(self) -> None:
        """Resets every connection."""
        for writer in self._pairs:
            writer.transport.abort()
        self._pairs.clear()

    def lead_to(self, port: int) -> None:
        """Lets everything through again, to another server of the same host."""
        self._target = (self._target[0], port)
        self.heal()

    def heal(self) -> None:
        """Lets everything through again, over new connections."""
        self.swallowing = self.refusing = False
        self.cut()


@contextlib.asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[tuple[TcpProxy, str]]:
    """A proxy before the server of `url`, and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = TcpProxy(parts.hostname, parts.port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    credentials, at, _ = parts.netloc.rpartition("@")
    try:
        yield proxy, urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{proxy.port}"))
    finally:
        server.close()
        proxy.cut()
        for task in list(proxy._tasks):
            task.cancel()
        await asyncio.gather(*proxy._tasks, return_exceptions=True)
