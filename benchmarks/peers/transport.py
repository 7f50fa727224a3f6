"""The load on a peer: the same sockets, the same bytes, every delivery counted."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from benchmarks.fleet import HOST
from benchmarks.plan import Plan
from benchmarks.process import cpu_seconds
from benchmarks.publisher import Answer, OnAnswer, PublishError, connect, pump
from benchmarks.websocket import Socket, upgrade_request

START_SECONDS = 10.0
DELIVERY_SECONDS = 30.0
IN_FLIGHT = 16

# As large as what the hub sends for the publish that it is measured with.
MESSAGE = b'{"type":"item","rev":1,"item":{"notification_id":"","body":"' + b"x" * 620 + b'"}}'


class PeerMissing(Exception):
    """The peer is not installed; the message says how to."""


class PeerFailed(PublishError):
    """The peer lost messages or did not answer."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A running peer. `publish` and `subscribe` give the paths of a channel's name."""

    pid: int
    port: int
    publish: Callable[[str], str]
    subscribe: Callable[[str], str]

    def message(self, channel: str) -> bytes:
        head = f"POST {self.publish(channel)} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(MESSAGE)}\r\n\r\n"
        return head.encode() + MESSAGE


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@asynccontextmanager
async def started(command: list[str], port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`command`, once it accepts connections on `port`; it ends with the block."""
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
            raise PeerMissing(
                f"{command[0]} ended: {(process.stderr.read() if process.stderr else b'').decode()[-300:]}"
            )
        yield process
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        if process.stderr:
            process.stderr.close()


async def load(peer: Peer, plan: Plan) -> dict[str, float]:
    """Fan-out and unicast CPU of the peer, seconds per 100,000 deliveries.

    Raises:
        PeerFailed: messages were lost.
    """
    one = ["screens"] * plan.screens
    many = [f"reader-{index}" for index in range(plan.readers)]
    return {
        "fanout_cpu": await _deliver(peer, one, plan.fanouts * plan.screens, in_flight=1),
        "unicast_cpu": await _deliver(peer, many, 30 * plan.readers, in_flight=IN_FLIGHT),
    }


async def _deliver(peer: Peer, channels: list[str], deliveries: int, in_flight: int) -> float:
    came = 0
    reached = asyncio.Event()

    def on_items(_socket: int, _at: int, _payload: bytes) -> None:
        nonlocal came
        came += 1
        if came >= deliveries:
            reached.set()

    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as open_ones:
        for index, channel in enumerate(channels):
            request = upgrade_request(HOST, peer.port, peer.subscribe(channel), protocol=None)
            socket = Socket(index, request, b"", on_items)
            open_ones.callback(socket.close)
            await loop.create_connection(partial(_same, socket), HOST, peer.port)
            await socket.live()
        connections = await connect(HOST, peer.port, in_flight)
        for connection in connections:
            open_ones.callback(connection.close)
        distinct = list(dict.fromkeys(channels))
        per_message = len(channels) // len(distinct)
        messages = [(peer.message(channel), _accepted) for channel in distinct]
        before, start = cpu_seconds(peer.pid), perf_counter()
        for part in _windows(itertools.cycle(messages), deliveries // per_message, 1 if in_flight == 1 else 1_000):
            target = came + len(part) * per_message
            await pump(connections, iter(part), seconds=DELIVERY_SECONDS)
            while came < target:
                if perf_counter() - start > DELIVERY_SECONDS * 4:
                    raise PeerFailed(f"{came} of {target} deliveries came")
                await asyncio.sleep(0)
        return (cpu_seconds(peer.pid) - before) / deliveries * 100_000


def _windows(messages: Iterator[tuple[bytes, OnAnswer]], count: int, size: int) -> list[list[tuple[bytes, OnAnswer]]]:
    return [list(itertools.islice(messages, min(size, count - start))) for start in range(0, count, size)]


def _same(socket: Socket) -> Socket:
    return socket


def _accepted(answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        raise PeerFailed(f"status {answer.status}: {answer.body[:200].decode('utf-8', 'replace')}")
