"""Messages to a server under comparison: straight into Valkey, or by HTTP to the server itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast
from urllib.parse import urlsplit

from benchmarks.publisher import Answer, Connection, connect

IN_FLIGHT = 16  # HTTP requests


class Publisher(Protocol):
    """Sends messages as fast as they are taken."""

    def send(self, messages: Sequence[bytes]) -> None:
        """Sends these, in order for each channel."""

    def close(self) -> None:
        """May be called twice."""


class HttpPublisher:
    """Keep-alive connections, one request at a time each. What is refused never arrives, and the account says so."""

    def __init__(self, connections: list[Connection]) -> None:
        self._all = connections
        self._idle = list(connections)
        self._waiting: deque[bytes] = deque()

    @classmethod
    async def connect(cls, host: str, port: int) -> HttpPublisher:
        return cls(await connect(host, port, IN_FLIGHT))

    def send(self, messages: Sequence[bytes]) -> None:
        self._waiting.extend(messages)
        while self._idle and self._waiting:
            self._next(self._idle.pop())

    def _next(self, connection: Connection) -> None:
        if not self._waiting:
            self._idle.append(connection)
            return

        def answered(answer: Answer) -> None:
            if answer.status:
                self._next(connection)

        connection.send(self._waiting.popleft(), answered)

    def close(self) -> None:
        for connection in self._all:
            connection.close()


class RedisPublisher(asyncio.Protocol):
    """One connection; replies are read away."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, url: str) -> RedisPublisher:
        parts = urlsplit(url)
        _, made = await asyncio.get_running_loop().create_connection(
            cls, parts.hostname or "localhost", parts.port or 6379
        )
        if parts.password:
            made.send([_command(b"AUTH", parts.password.encode())])
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, messages: Sequence[bytes]) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(messages))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def publish_command(channel: bytes, payload: bytes) -> bytes:
    """PUBLISH, as it goes over the wire."""
    return _command(b"PUBLISH", channel, payload)


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
