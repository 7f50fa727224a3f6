"""Mails a second of one worker process, and the CPU that each costs it, into a server in another process.

    python -m benchmarks.mails [mails]

`mails`: the channel alone, from a message to the server's answer: links, MIME, SMTP. `worker`: a worker's whole way of
them: claimed, decided on, composed, sent, reported, with Postgres beside. Text and HTML, 3 KB, other for each person.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple
from uuid import uuid4

import structlog
import uvloop
from pydantic import SecretStr

from hub.config import load_settings
from hub.local.servers import local_servers
from hub.model.mail_address import parse_mailbox
from hub.model.message import Address, Message
from hub.providers import parse_providers
from hub.publish.schedule import decide_due
from hub.runtime import Hub, open_hub
from hub.smtp import read_server
from hub.store import categories
from hub.store.migrate import migrate
from tests.support.publishing import unit, work
from workers.channels.smtp import Smtp
from workers.providers import routes_of
from workers.sender import SLOTS, Sender

HTML = "<html><body><table>" + "<tr><td style='padding:8px'>Grüße, your order is on its way.</td></tr>" * 35
SENDER = "Acme <news@example.com>"


class Figures(NamedTuple):
    """What was measured: a second, and microseconds of this process's CPU for each."""

    mails_per_second: float
    cpu_us: float


class _Server(asyncio.Protocol):
    """As little of an SMTP server as a client can talk to."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._in_data = False
        self._rest = b""
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while True:
            if self._in_data:
                _content, end, rest = self._rest.partition(b"\r\n.\r\n")
                if not end:
                    return
                self._in_data, self._rest = False, rest
                self._transport.write(b"250 2.0.0 Ok: queued as 4F1A2B3C4D\r\n")
                continue
            line, end, rest = self._rest.partition(b"\r\n")
            if not end:
                return
            self._rest = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                self._in_data = True
                self._transport.write(b"354 go on\r\n")
            elif verb == b"EHLO":
                self._transport.write(b"250-sink\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 SMTPUTF8\r\n")
            elif verb == b"QUIT":
                self._transport.close()
                return
            else:
                self._transport.write(b"250 2.1.0 Ok\r\n")


def _serve(told: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


def messages(count: int) -> list[Message]:
    """Mails to as many people."""
    return [
        Message(
            uuid4(), uuid4(), 1, number, "email", "step", 1, "orders.shipped",
            Address(f"u{number}", "Ada Löve", f"u{number}@example.org"), {},
            {"subject": "Grüße: it is on its way", "text": f"Hällo {number}, it is on its way.\n" * 5,
             "html": f"{HTML}<p>{number}</p></table></body></html>"},
            thread_key="order",
        )
        for number in range(count)
    ]  # fmt: skip


async def channel_alone(url: str, count: int) -> Figures:
    """The channel without a worker: as many sends at once as a worker has slots."""
    (provider,) = parse_providers("email", SecretStr(url), ("smtp",))
    channel = Smtp(
        read_server(provider), parse_mailbox(SENDER), secret="s" * 40, public_url="https://hub.example.com",
        on_bounce=_nothing,
    )  # fmt: skip
    waiting = iter(messages(count))

    async def sender() -> None:
        for message in waiting:
            outcome = await channel.send(message)
            assert type(outcome).__name__ == "Sent", outcome

    began, cpu = perf_counter(), process_time()
    await asyncio.gather(*(sender() for _ in range(SLOTS)))
    figures = Figures(count / (perf_counter() - began), (process_time() - cpu) / count * 1e6)
    await channel.close()
    return figures


async def _nothing(_message: Message, _detail: str) -> None:
    raise AssertionError("nothing bounces here")


async def whole_worker(hub: Hub, count: int) -> Figures:
    """Claims, decisions, composing, sending and reports of mails that are due, on this process's CPU."""
    row = await hub.db.fetchrow("SELECT project_id FROM projects WHERE name = 'default'")
    assert row is not None
    project_id = row["project_id"]
    ladder = [{"channel": "email"}]
    await categories.put_category(
        hub.db, project_id, "mail", {"priority": "normal", **categories.GENERAL_POLICY, "ladder": ladder}
    )
    for start in range(0, count, 1_000):
        people = [
            {"id": f"u{n}", "name": "Ada Löve", "email": f"u{n}@example.org"}
            for n in range(start, min(start + 1_000, count))
        ]
        body: dict[str, Any] = {
            "recipients": people,
            "category": "mail",
            "title": "Grüße: it is on its way",
            "body": "Hällo. " * 200,
        }
        await hub.publisher.publish(unit(project_id, **body))
    await work(hub)
    while await decide_due(hub):
        pass
    route = routes_of(hub)["email"]
    free = asyncio.Event()
    sender = Sender(hub, "email", route, route, free.set)
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


async def measure(count: int) -> dict[str, Figures]:
    """Both measurements, on servers of their own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        url = f"smtp://127.0.0.1:{await asyncio.to_thread(ours.recv)}"
        found = {"mails": await channel_alone(url, count)}
        with tempfile.TemporaryDirectory(prefix="hub-mails-") as directory:
            async with local_servers(Path(directory) / ".hub", durable=False) as servers:
                await migrate(servers.database_url)
                settings = load_settings(
                    database_url=servers.database_url,
                    redis_url=servers.redis_url,
                    secret=servers.secret,
                    smtp_url=url,
                    email_from=SENDER,
                    public_url="https://hub.example.com",
                    _env_file=None,
                )
                async with open_hub(settings, role="bench") as hub:
                    found["worker"] = await whole_worker(hub, count)
        return found
    finally:
        server.terminate()
        server.join()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for name, figures in uvloop.run(measure(count)).items():
        print(f"{name}: {figures.mails_per_second:,.0f} mails/s, {figures.cpu_us:.0f} µs CPU each")


if __name__ == "__main__":
    main()
