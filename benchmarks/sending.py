"""What sending costs one worker process: pushes and mails, against a sink in another process.

    python -m benchmarks.sending [messages]

Of each channel two figures. The channel alone: from a message to the provider's answer, links, encryption or MIME, and
the protocol. A worker's whole way: claimed, decided on, composed and rendered, sent, reported, with Postgres beside.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import multiprocessing
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import structlog
import uvloop

from benchmarks.measure import Measurement, Round
from hub.config import load_settings
from hub.local.servers import local_servers
from hub.model.message import Message
from hub.model.outcome import Sent
from hub.publish.schedule import decide_due
from hub.runtime import Hub, open_hub
from hub.store import categories
from hub.store.migrate import migrate
from tests.support.publishing import unit, work
from workers.channels.base import Channel
from workers.providers import routes_of
from workers.sender import SLOTS, Sender

MESSAGES = 10_000


class Figures(NamedTuple):
    """A rate, and microseconds of this process's CPU for each message."""

    per_second: float
    cpu_us: float


def _serve(told: Connection, protocol: Callable[[], asyncio.Protocol]) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


@contextmanager
def sink(protocol: Callable[[], asyncio.Protocol]) -> Iterator[int]:
    """The port of a provider in a process of its own, which answers as fast as a client can ask."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, protocol), daemon=True)
    server.start()
    try:
        yield ours.recv()
    finally:
        server.terminate()
        server.join()


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Hub]:
    """A hub on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="hub-sending-") as directory:
        async with local_servers(Path(directory) / ".hub", durable=False) as servers:
            await migrate(servers.database_url)
            loaded = load_settings(
                database_url=servers.database_url,
                redis_url=servers.redis_url,
                secret=servers.secret,
                _env_file=None,
                **settings,
            )
            async with open_hub(loaded, role="bench") as hub:
                yield hub


async def channel_alone(channel: Channel, messages: Sequence[Message]) -> Figures:
    """The channel without a worker: as many sends at once as a worker has slots."""
    waiting = iter(messages)

    async def sender() -> None:
        for message in waiting:
            outcome = await channel.send(message)
            assert isinstance(outcome, Sent), outcome

    with _counted() as counted:
        await asyncio.gather(*(sender() for _ in range(SLOTS)))
    await channel.close()
    return counted(len(messages))


async def project_of(hub: Hub) -> int:
    row = await hub.db.fetchrow("SELECT project_id FROM projects WHERE name = 'default'")
    assert row is not None
    return int(row["project_id"])


async def whole_worker(hub: Hub, channel: str, recipients: Iterable[Any], **body: Any) -> Figures:
    """Claims, decisions, composing, sending and reports of what is due, on this process's CPU."""
    project_id, everybody = await project_of(hub), list(recipients)
    policy = {"priority": "normal", **categories.GENERAL_POLICY, "ladder": [{"channel": channel}]}
    await categories.put_category(hub.db, project_id, "sending", policy)
    for start in range(0, len(everybody), 1_000):
        part = everybody[start : start + 1_000]
        await hub.publisher.publish(unit(project_id, recipients=part, category="sending", **body))
    await work(hub)
    while await decide_due(hub):
        pass
    route = routes_of(hub)[channel]
    free = asyncio.Event()
    sender = Sender(hub, channel, route, route, free.set)
    with _counted() as counted:
        while await hub.db.fetch("SELECT 1 FROM deliveries WHERE state IN ('due', 'claimed') LIMIT 1"):
            free.clear()
            if not await sender.step():
                await asyncio.wait_for(free.wait(), 30)
    states = await hub.db.fetch("SELECT state, count(*) AS count FROM deliveries GROUP BY state")
    assert [tuple(row) for row in states] == [("sent", len(everybody))], states
    await sender.close()
    await route.close()
    return counted(len(everybody))


@contextmanager
def _counted() -> Iterator[Callable[[int], Figures]]:
    """Counts from the entry to the exit; the result is asked for afterwards, by number of messages."""
    gc.collect()
    gc.freeze()
    ended: list[float] = []
    began, cpu = perf_counter(), process_time()
    yield lambda count: Figures(count / (ended[0] - began), (ended[1] - cpu) / count * 1e6)
    ended += [perf_counter(), process_time()]
    gc.unfreeze()


async def both(count: int) -> dict[str, Figures]:
    """All figures by name."""
    from benchmarks import mails, pushes  # they are made of what is above

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return {**await pushes.measure(count), **await mails.measure(count)}


async def sending(this: Round) -> Measurement:
    """Pushes and mails, on servers beside the fleet's, which idles meanwhile."""
    began, cpu = perf_counter(), process_time()
    found = await both(this.plan.messages)
    figures = {name: one.per_second for name, one in found.items()}
    figures |= {f"{name}_cpu": one.cpu_us for name, one in found.items()}
    return Measurement(figures, perf_counter() - began, {"worker": process_time() - cpu})


def main() -> None:
    gc.set_threshold(*gc.get_threshold()[:2], 1_000)  # as hub.cli.process has it
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sending", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("messages", type=int, nargs="?", default=MESSAGES, help="of each channel (%(default)s)")
    count = parser.parse_args().messages
    if count < 1:
        parser.error(f"there is at least 1 message, not {count}")
    for name, figures in uvloop.run(both(count)).items():
        print(f"{name}: {figures.per_second:,.0f} a second, {figures.cpu_us:.0f} µs CPU each")


MEASUREMENTS = {"sending": sending}

if __name__ == "__main__":
    main()
