"""Pushes a second of one worker process, and the CPU that each costs it, into a sink in another process.

    python -m benchmarks.pushes [pushes]

`encryption`: pywebpush alone. `pushes`: the channel, from a message to the service's answer: payload, link,
encryption, proof, HTTP. `worker`: a worker's whole way of them: claimed, decided on, composed, sent, reported, with
Postgres beside.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple
from uuid import uuid4

import structlog
import uvloop
from pywebpush import WebPusher

from hub.config import load_settings
from hub.local.servers import local_servers
from hub.model.message import Address, Browser, Message
from hub.publish.schedule import decide_due
from hub.runtime import Hub, open_hub
from hub.security.vapid import encode, make_key
from hub.store import categories, push_subscriptions
from hub.store.inbox import open_inbox
from hub.store.migrate import migrate
from hub.store.push_subscriptions import Subscription
from tests.support.publishing import unit, work
from workers.channels.web_push import WebPush
from workers.providers import routes_of
from workers.sender import SLOTS, Sender

BODY = "Grüße, your order is on its way. " * 6


class Figures(NamedTuple):
    """What was measured: a second, and microseconds of this process's CPU for each."""

    per_second: float
    cpu_us: float


class _Service(asyncio.Protocol):
    """As little of a push service as a client can talk to: one answer for each request, whatever it says."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while True:
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if not end or len(rest) < length:
                return
            self._rest = rest[length:]
            self._transport.write(b"HTTP/1.1 201 Created\r\nLocation: /m/1\r\nContent-Length: 0\r\n\r\n")


def _serve(told: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Service, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


@contextmanager
def service() -> Iterator[str]:
    """The URL of a push service in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.terminate()
        server.join()


def messages(url: str, count: int) -> list[Message]:
    """Pushes to as many people, each with keys of its own."""
    keys = [make_key().public_text for _ in range(min(count, 1_000))]  # 1,000 different ones; making them takes time
    return [
        Message(
            uuid4(), uuid4(), 1, number, "web_push", "step", 1, "orders.shipped",
            Address(
                f"u{number}",
                browsers=(Browser(uuid4(), f"{url}/push/{number}", keys[number % len(keys)], encode(os.urandom(16))),),
            ),
            {},
            {"title": "Grüße: it is on its way", "body": BODY, "url": f"https://app.example.com/orders/{number}"},
        )
        for number in range(count)
    ]  # fmt: skip


def encryption(url: str, count: int) -> Figures:
    said = BODY.encode() * 3
    infos = [
        {"endpoint": browser.endpoint, "keys": {"p256dh": browser.p256dh, "auth": browser.auth}}
        for message in messages(url, count)
        for browser in message.to.browsers
    ]
    began, cpu = perf_counter(), process_time()
    for info in infos:
        WebPusher(info).encode(said)
    return Figures(count / (perf_counter() - began), (process_time() - cpu) / count * 1e6)


async def channel_alone(hub: Hub, url: str, count: int) -> Figures:
    """The channel without a worker: as many sends at once as a worker has slots."""
    channel = WebPush(hub.settings, hub.db)
    waiting = iter(messages(url, count))
    gc.collect()
    gc.freeze()

    async def sender() -> None:
        for message in waiting:
            outcome = await channel.send(message)
            assert type(outcome).__name__ == "Sent", outcome

    began, cpu = perf_counter(), process_time()
    await asyncio.gather(*(sender() for _ in range(SLOTS)))
    figures = Figures(count / (perf_counter() - began), (process_time() - cpu) / count * 1e6)
    await channel.close()
    return figures


async def whole_worker(hub: Hub, url: str, count: int) -> Figures:
    """Claims, decisions, composing, sending and reports of pushes that are due, on this process's CPU."""
    row = await hub.db.fetchrow("SELECT project_id FROM projects WHERE name = 'default'")
    assert row is not None
    project_id, policy = row["project_id"], {"priority": "normal", **categories.GENERAL_POLICY}
    ladder = [{"channel": "web_push", "if": "always"}]
    await categories.put_category(hub.db, project_id, "push", {**policy, "ladder": ladder})
    for number, message in enumerate(messages(url, count)):
        head = await open_inbox(hub.db, project_id, f"u{number}")
        browser = message.to.browsers[0]
        given = Subscription(browser.endpoint, browser.p256dh, browser.auth)
        async with hub.db.acquire() as conn:
            await push_subscriptions.put(conn, project_id, head.person_id, given)
    for start in range(0, count, 1_000):
        people = [f"u{number}" for number in range(start, min(start + 1_000, count))]
        body: dict[str, Any] = {"category": "push", "title": "Grüße: it is on its way", "body": BODY}
        await hub.publisher.publish(unit(project_id, recipients=people, **body))
    await work(hub)
    while await decide_due(hub):
        pass
    route = routes_of(hub)["web_push"]
    free = asyncio.Event()
    sender = Sender(hub, "web_push", route, route, free.set)
    began, cpu = perf_counter(), process_time()
    while await hub.db.fetch("SELECT 1 FROM deliveries WHERE state IN ('due', 'claimed') LIMIT 1"):
        free.clear()
        if not await sender.step():
            await asyncio.wait_for(free.wait(), 30)
    figures = Figures(count / (perf_counter() - began), (process_time() - cpu) / count * 1e6)
    found = await hub.db.fetchrow("SELECT count(*) FILTER (WHERE state = 'sent') AS sent FROM deliveries")
    assert found is not None
    assert found["sent"] == count, found
    await sender.close()
    await route.close()
    return figures


async def measure(url: str, count: int) -> dict[str, Figures]:
    """All measurements, on servers of their own."""
    found = {"encryption": encryption(url, count)}
    with tempfile.TemporaryDirectory(prefix="hub-pushes-") as directory:
        async with local_servers(Path(directory) / ".hub", durable=False) as servers:
            await migrate(servers.database_url)
            settings = load_settings(
                database_url=servers.database_url,
                redis_url=servers.redis_url,
                secret=servers.secret,
                vapid_private_key=make_key().private_text,
                vapid_subject="mailto:ops@example.com",
                allow_private_push=True,
                _env_file=None,
            )
            async with open_hub(settings, role="bench") as hub:
                found["pushes"] = await channel_alone(hub, url, count)
                found["worker"] = await whole_worker(hub, url, count)
    return found


def main() -> None:
    gc.set_threshold(*gc.get_threshold()[:2], 1_000)  # as hub.cli.process has it
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with service() as url:
        for name, figures in uvloop.run(measure(url, count)).items():
            print(f"{name}: {figures.per_second:,.0f} a second, {figures.cpu_us:.0f} µs CPU each")


if __name__ == "__main__":
    main()
