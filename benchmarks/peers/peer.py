"""What is compared: a running server, how its clients look, and how a message gets to it."""

from __future__ import annotations

import asyncio
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import NamedTuple

from benchmarks.fleet import HOST, Fleet
from benchmarks.peers.publishers import HttpPublisher, Publisher
from benchmarks.websocket import OnItems, Socket, Welcome, upgrade_request

START_SECONDS = 15.0
BODY = b"x" * 560  # an item of usual size: title, a sentence, an address, counts


class PeerMissing(Exception):
    """The peer is not installed; the message says how to."""


class PeerFailed(Exception):
    """The peer lost or doubled messages, or did not answer."""


class Peer(ABC):
    """A running server. Channels are named by the load; a message's number counts from 1 in its channel."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    @abstractmethod
    def client(self, index: int, channel: str, on_items: OnItems) -> Socket:
        """A client of `channel`, to be connected; live once nothing that is published from then on is missed."""

    def seated(self, channel: str, welcome: Welcome) -> None:  # noqa: B027  # most have nothing to note
        """A client of `channel` is live."""

    @abstractmethod
    def message(self, channel: str, number: int) -> bytes:
        """What to send to publish this message."""

    @abstractmethod
    def publisher(self) -> Awaitable[Publisher]:
        """A way to send messages."""


class Contender(NamedTuple):
    """A server to compare: `start` runs a new one until its block ends, beside the fleet's Valkey."""

    name: str
    start: Callable[[Fleet], AbstractAsyncContextManager[Peer]]


class HttpPeer(Peer):
    """Sockets on /sub?id=CHANNEL, POST /pub?id=CHANNEL."""

    def client(self, index: int, channel: str, on_items: OnItems) -> Socket:
        return Socket(index, upgrade_request(HOST, self.port, f"/sub?id={channel}", None), b"", on_items)

    def message(self, channel: str, number: int) -> bytes:
        body = frame(number)
        return b"POST /pub?id=%b HTTP/1.1\r\nHost: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            channel.encode(), HOST.encode(), len(body), body,
        )  # fmt: skip

    async def publisher(self) -> Publisher:
        return await HttpPublisher.connect(HOST, self.port)


def frame(number: int, cursor: bytes = b"x" * 32) -> bytes:
    """The message as a client gets it, with whatever server."""
    return b'{"type":"item","rev":%d,"cursor":"%b","item":{"notification_id":"","body":"%b"}}' % (number, cursor, BODY)


@asynccontextmanager
async def started(command: list[str], port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`command`, once it accepts connections on `port`; it ends with the block.

    Raises:
        PeerMissing: it does not run.
    """
    process = _spawn(command)
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.poll() is None:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(HOST, port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        if process.poll() is not None:
            said = process.stderr.read() if process.stderr else b""
            raise PeerMissing(f"{command[0]} ended: {said.decode(errors='replace')[-300:]}")
        yield process
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        if process.stderr:
            process.stderr.close()


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
