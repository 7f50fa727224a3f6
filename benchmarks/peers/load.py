"""The load, the same for every contender. The clock runs over what its process does; the account is made afterwards."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns

import msgspec

from benchmarks.fleet import HOST
from benchmarks.ledger import Ledger
from benchmarks.peers.peer import Peer, PeerFailed
from benchmarks.process import cpu_seconds, pss_kib
from benchmarks.stats import percentile
from benchmarks.websocket import Socket, Welcome

DELIVERY_SECONDS = 30.0  # how long the last delivery may take before it counts as missing
QUIET_SECONDS = 0.2  # afterwards, so that a doubled delivery has the time to arrive
SETTLE_SECONDS = 1.0  # before memory is read
HANDSHAKES_IN_FLIGHT = 64
UNDER_WAY = 1_000  # messages of the unicast load that are not delivered yet: there is always a next one
AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Load:
    """Its sizes."""

    readers: int = 1_000
    messages: int = 60  # to each of them
    screens: tuple[int, int] = (1_000, 5_000)
    fanned_out: int = 150_000  # deliveries of each fan-out
    connections: int = 5_000
    rate_per_second: int = 2_000
    latency_seconds: int = 4

    def quick(self) -> Load:
        return Load(100, 10, (100, 500), 5_000, 500, 500, 1)


class _Numbered(msgspec.Struct):
    rev: int


_numbered = msgspec.json.Decoder(_Numbered)


class Audience:
    """Live clients, and what came to them."""

    def __init__(self, peer: Peer, ledger: Ledger) -> None:
        self.peer = peer
        self._ledger = ledger
        self.sockets: list[Socket] = []
        self.welcomes: list[Welcome] = []

    @property
    def arrivals(self) -> Iterator[tuple[int, int, int]]:
        """Client, number of the message counted from the stream's own beginning, moment in nanoseconds."""
        for arrival in self._ledger.arrivals:
            yield arrival.socket, _numbered.decode(arrival.payload).rev, arrival.at

    async def reach(self, deliveries: int) -> None:
        """Waits for this many.

        Raises:
            PeerFailed: they did not come.
        """
        if not await self._ledger.reach(deliveries, DELIVERY_SECONDS):
            raise PeerFailed(f"{len(self._ledger.arrivals)} of {deliveries} deliveries came")

    async def account(self, each: int) -> None:
        """Every client has had `each` messages, once, in order.

        Raises:
            PeerFailed: one has not.
        """
        await asyncio.sleep(QUIET_SECONDS)
        came: dict[int, list[int]] = defaultdict(list)
        for socket, number, _ in self.arrivals:
            came[socket].append(number)
        for index in range(len(self.sockets)):
            numbers = came[index]
            if len(numbers) != each or (each and numbers != list(range(numbers[0], numbers[0] + each))):
                raise PeerFailed(f"client {index} had {len(numbers)} messages, or not in order; {each} were sent")
        if closed := [socket.closed.result() for socket in self.sockets if socket.closed.done()]:
            raise PeerFailed(f"{len(closed)} clients were closed, the first: {closed[0]}")


@asynccontextmanager
async def audience(peer: Peer, channels: Sequence[str]) -> AsyncIterator[Audience]:
    """A live client for each of `channels`, until the block ends."""
    ledger = Ledger()
    there = Audience(peer, ledger)
    loop = asyncio.get_running_loop()
    waiting = iter(enumerate(channels))
    live: dict[int, Welcome] = {}

    async def open_each() -> None:
        for index, channel in waiting:
            socket = peer.client(index, channel, ledger.arrived)
            there.sockets.append(socket)
            await loop.create_connection(partial(_same, socket), HOST, peer.port)
            live[index] = await socket.live()
            peer.seated(channel, live[index])

    try:
        async with asyncio.TaskGroup() as handshakes:
            for _ in range(HANDSHAKES_IN_FLIGHT):
                handshakes.create_task(open_each())
        there.welcomes = list(live.values())
        yield there
    finally:
        for socket in there.sockets:
            socket.close()


def _same(socket: Socket) -> Socket:
    return socket


async def fanout(peer: Peer, load: Load, screens: int) -> dict[str, float]:
    """One message to all sockets of a channel; the next when all have it, so that no buffer hides the cost."""
    each = max(1, load.fanned_out // screens)
    async with audience(peer, ["screens"] * screens) as there:
        publisher = await peer.publisher()
        try:
            before = cpu_seconds(peer.pid)
            for number in range(1, each + 1):
                publisher.send([peer.message("screens", number)])
                await there.reach(number * screens)
            used = cpu_seconds(peer.pid) - before
        finally:
            publisher.close()
        await there.account(each)
    return {f"fanout_{screens}": used / (each * screens) * 100_000}


async def unicast(peer: Peer, load: Load) -> dict[str, float]:
    """A message of its own to each of many sockets, as fast as they come."""
    return await unicasts([peer], load.readers, load.messages)


async def unicasts(peers: Sequence[Peer], readers: int, messages: int) -> dict[str, float]:
    """The same to `readers` sockets of each of several, `messages` for each socket; CPU is that of all together."""
    each = readers * messages
    async with AsyncExitStack() as stack:
        seated = []
        for place, peer in enumerate(peers):
            channels = [f"reader-{place}-{index}" for index in range(readers)]
            seated.append((peer, channels, await stack.enter_async_context(audience(peer, channels))))
        publisher = await peers[0].publisher()
        try:
            before, start = sum(cpu_seconds(peer.pid) for peer in peers), perf_counter_ns()
            for first in range(0, each, AT_A_TIME):
                batch = range(first, min(first + AT_A_TIME, each))
                for peer, channels, _ in seated:
                    publisher.send([peer.message(channels[k % readers], k // readers + 1) for k in batch])
                for _, _, there in seated:
                    await there.reach(batch.stop - UNDER_WAY)
            for _, _, there in seated:
                await there.reach(each)
            used = sum(cpu_seconds(peer.pid) for peer in peers) - before
            seconds = (perf_counter_ns() - start) / 1e9
        finally:
            publisher.close()
        for _, _, there in seated:
            await there.account(messages)
    total = each * len(peers)
    return {"unicast": used / total * 100_000, "unicast_rate": total / seconds}


async def latency(peer: Peer, load: Load) -> dict[str, float]:
    """From the write of a publish to the bytes in the client, at a steady rate that does not wait for anything."""
    channels = [f"waiter-{index}" for index in range(load.readers)]
    each = load.rate_per_second * load.latency_seconds // load.readers or 1
    total = each * load.readers
    async with audience(peer, channels) as there:
        publisher = await peer.publisher()
        sent: list[int] = []
        try:
            start = perf_counter_ns()
            while len(sent) < total:
                due = min(total, int((perf_counter_ns() - start) * load.rate_per_second / 1e9))
                for k in range(len(sent), due):
                    message = peer.message(channels[k % load.readers], k // load.readers + 1)
                    sent.append(perf_counter_ns())
                    publisher.send([message])
                await asyncio.sleep(0.001)
            await there.reach(total)
        finally:
            publisher.close()
        await there.account(each)
        seen: dict[int, int] = defaultdict(int)
        delays = []
        for socket, _, at in there.arrivals:
            delays.append((at - sent[seen[socket] * load.readers + socket]) / 1e6)
            seen[socket] += 1
    delays = delays[len(delays) // 4 :]  # the first second fills caches
    return {"latency_p50": percentile(delays, 50), "latency_p99": percentile(delays, 99)}


async def connections(peer: Peer, load: Load) -> dict[str, float]:
    """What connecting takes, and what an idle connection holds."""
    channels = [f"idle-{index}" for index in range(load.connections)]
    early = len(channels) // 5  # fit into what the start left free in the heap, and bring what is nobody's
    async with audience(peer, channels[:early]):
        await asyncio.sleep(SETTLE_SECONDS)
        memory, before, start = pss_kib(peer.pid), cpu_seconds(peer.pid), perf_counter_ns()
        async with audience(peer, channels[early:]) as late:
            seconds, used = (perf_counter_ns() - start) / 1e9, cpu_seconds(peer.pid) - before
            await asyncio.sleep(SETTLE_SECONDS)
            held = pss_kib(peer.pid) - memory
            await late.account(0)
    count = len(channels) - early
    return {"handshakes": count / seconds, "handshake_cpu": used / count * 1e3, "memory": held / count}


def loads(load: Load) -> dict[str, Callable[[Peer], Awaitable[dict[str, float]]]]:
    """In the order of a round. Connections come first: their memory is that of a server that has done nothing yet."""
    return {
        "connections": lambda peer: connections(peer, load),
        "unicast": lambda peer: unicast(peer, load),
        "latency": lambda peer: latency(peer, load),
        "fanout": lambda peer: _fanouts(peer, load),
    }


async def _fanouts(peer: Peer, load: Load) -> dict[str, float]:
    figures: dict[str, float] = {}
    for screens in load.screens:
        figures |= await fanout(peer, load, screens)
    return figures
