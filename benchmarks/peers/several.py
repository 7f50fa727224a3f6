"""`python -m benchmarks.peers.several`: what a delivery costs where 1, 2, 4 and 8 processes share the messages.

Of our gateway, and of the bare protocol, which has nothing that eight of it could do twice: what that costs more by the
number is the machine's, whose two cores take turns with ten processes.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import uvloop

from benchmarks.fleet import Fleet, FleetError, fleet
from benchmarks.peers.channels import bare
from benchmarks.peers.hub import hub_gateways
from benchmarks.peers.load import unicasts
from benchmarks.peers.peer import Peer, PeerFailed
from benchmarks.process import raise_file_limit
from benchmarks.report import Progress
from benchmarks.stats import spread
from benchmarks.websocket import SocketError
from hub.exceptions import HubError

COUNTS = (1, 2, 4, 8)
READERS = 8_000  # shared by them: a process that has more sockets pays more for each, its caches hold fewer


@asynccontextmanager
async def bare_servers(fleet: Fleet, count: int) -> AsyncIterator[list[Peer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(bare(fleet)) for _ in range(count)]


KINDS: dict[str, Callable[[Fleet, int], AbstractAsyncContextManager[list[Peer]]]] = {
    "hub": hub_gateways,
    "bare asyncio": bare_servers,
}


async def run(rounds: int, messages: int) -> int:
    raise_file_limit(12_000)
    found: dict[str, dict[int, list[float]]] = {kind: defaultdict(list) for kind in KINDS}
    progress = Progress()
    failures: list[BaseException] = []
    try:
        async with fleet() as hub:
            for number in range(1, rounds + 1):
                for count in COUNTS:
                    for kind, start in KINDS.items():
                        label = f"{number}/{rounds} {count} × {kind}"
                        gc.collect()
                        gc.disable()  # a collection of the load client would be a pause of the servers'
                        try:
                            async with progress.step(label), start(hub, count) as peers:
                                figures = await unicasts(peers, READERS // count, messages // READERS)
                            found[kind][count].append(figures["unicast"])
                        finally:
                            gc.enable()
                        progress.say(f"{label:24} {found[kind][count][-1]:.3f}")
    except* (PeerFailed, SocketError, FleetError, HubError, ConnectionError) as group:
        failures.extend(group.exceptions)
    if failures:
        print("FAILED", "; ".join(str(error) for error in failures), file=sys.stderr)
        return 1
    print("| CPU s per 100,000 | " + " | ".join(KINDS) + " |\n|---|" + "---|" * len(KINDS))
    for count in COUNTS:
        cells = []
        for by_count in found.values():
            now = spread(by_count[count])
            more = spread([mine / one for mine, one in zip(by_count[count], by_count[1], strict=True)])
            cells.append(f"{now.median:.3f} ({now.low:.3f}–{now.high:.3f}) **×{more.median:.2f}**")
        print(f"| {count} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.several", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200_000, help="in each measurement; at least 8,000")
    parsed = parser.parse_args()
    if parsed.rounds < 1 or parsed.messages < READERS:
        parser.error("there is at least 1 round of 8,000 messages")
    sys.exit(uvloop.run(run(parsed.rounds, parsed.messages)))
