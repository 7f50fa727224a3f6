"""The pages, links and pixels of mails on a real process, as the whole world may call them: many at once, whatever they
send, however slowly, and whether they wait for the answer or not.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import asyncpg
from uuid_utils.compat import uuid7
from yarl import URL

from hub.publish.mail_links import preferences_token, unsubscribe_token
from hub.security.links import sign_link
from tests.support.fleet import Deployment, Process, deployment

SECONDS = 60.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Call(NamedTuple):
    """One request, and the statuses that are right for it."""

    method: str
    path: str
    right: tuple[int, ...]
    data: bytes | None = None


class Tokens(NamedTuple):
    unsubscribe: str
    preferences: str
    pixel: str
    click: str
    gone: str


async def tokens(running: Deployment, hub: Process) -> Tokens:
    """Of a person who was published to, and of one who is not there."""
    body = {"recipients": ["ada"], "title": "Hello"}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {running.key}"}) as session,
        session.post(f"{hub.url}/v1/notifications", json=body) as answer,
    ):
        assert answer.status == 202, await answer.text()
    connection = await asyncpg.connect(running.environment["HUB_DATABASE_URL"])
    row = await connection.fetchrow("SELECT project_id, person_id FROM people WHERE user_id = 'ada'")
    await connection.close()
    assert row is not None
    project, person = row
    secret, delivery = running.environment["HUB_SECRET"], uuid7()
    said = [project, person, str(delivery)]
    return Tokens(
        unsubscribe_token(secret, project, person, delivery, "general"),
        preferences_token(secret, project, person),
        sign_link(secret, "open", said),
        sign_link(secret, "click", [*said, "https://shop.example/", 0]),
        preferences_token(secret, project, person + 1_000_000),
    )


def calls(of: Tokens) -> list[Call]:
    wrong = [of.preferences[:-1], of.pixel, "A" * 4_096, "A" * 30_000, "%00", "%ff%fe", "..%2f..", "a%20b"]
    many = b"&".join(b"on=%d" % number for number in range(3_900))
    return [
        Call("GET", f"/l/u/{of.unsubscribe}", (200,)),
        Call("GET", f"/l/p/{of.preferences}", (200,)),
        Call("HEAD", f"/l/p/{of.preferences}", (200,)),
        Call("GET", f"/l/o/{of.pixel}.gif", (200,)),
        Call("GET", f"/l/c/{of.click}", (302,)),
        Call("GET", f"/l/p/{of.gone}", (410,)),
        Call("POST", f"/l/u/{of.unsubscribe}", (200,), b"List-Unsubscribe=One-Click"),
        Call("POST", f"/l/p/{of.preferences}", (200,), many),
        Call("POST", f"/l/p/{of.preferences}", (400,), many + many),
        Call("POST", f"/l/p/{of.preferences}", (413,), b"a" * 600_000),
        Call("PUT", f"/l/p/{of.preferences}", (405,)),
        *(Call("GET", f"/l/{kind}/{token}", (400, 404)) for kind in "upc" for token in wrong),
        Call("GET", f"/l/u/{'A' * 70_000}", (400, 431)),
    ]


async def ask(session: aiohttp.ClientSession, hub: Process, call: Call, address: str) -> int:
    headers = {"X-Forwarded-For": address, **(FORM if call.data else {})}
    url = URL(hub.url + call.path, encoded=True)
    async with session.request(call.method, url, data=call.data, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer.status


async def flood(hub: Process, asked: Sequence[Call], times: int, network: str) -> None:
    """All of them, so many times, at once, each from an address of its own."""
    connector = aiohttp.TCPConnector(limit=300)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        everything = [call for call in asked for _ in range(times)]
        found = await asyncio.gather(
            *(
                ask(session, hub, call, f"{network}.{number >> 8}.{number & 255}")
                for number, call in enumerate(everything)
            )
        )
    wrong = [
        (call.method, call.path[:40], status)
        for call, status in zip(everything, found, strict=True)
        if status not in call.right
    ]
    assert not wrong


async def drip(hub: Process, request: bytes) -> bytes:
    """One byte a second; what comes before the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)

    async def feed() -> None:
        for byte in request:
            writer.write(bytes([byte]))
            await asyncio.sleep(1)

    feeding = asyncio.create_task(feed())
    try:
        async with asyncio.timeout(SECONDS):
            return await reader.read()
    finally:
        feeding.cancel()
        writer.close()


async def leave_unread(hub: Process, path: str) -> None:
    """Asks for more than fits on the way, reads none of it, and breaks off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=1)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 500)
    async with asyncio.timeout(SECONDS):
        await reader.readexactly(1)
    writer.transport.abort()


async def test_whatever_the_world_sends_is_answered_within_bounds(tmp_path: Path) -> None:
    async with deployment(tmp_path, apis=0, gateways=0, workers=0) as running:
        hub = await running.add("serve")
        of = await tokens(running, hub)
        page, openapi = f"/l/p/{of.preferences}", "/openapi.json"
        slow = [asyncio.create_task(drip(hub, f"GET {page} HTTP/1.1\r\nHost: x\r\n".encode())) for _ in range(100)]
        await flood(hub, calls(of), 10, "10.1")
        await asyncio.gather(*(leave_unread(hub, path) for path in [page, openapi] * 5))
        await flood(hub, calls(of)[:6], 20, "10.2")

        async with aiohttp.ClientSession() as session:
            one = Call("GET", page, ())
            statuses = Counter(await asyncio.gather(*(ask(session, hub, one, f"2001:db8::{n:x}") for n in range(300))))
        assert statuses.keys() == {200, 429}, "addresses of one IPv6 network are one"

        for task in slow:  # cut after ten seconds, see test_heads.py
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        said = hub.said()
    assert not [line for line in said.splitlines() if _level(line) in ("error", "critical")]
    assert not any(token in said for token in of)


def _level(line: str) -> Any:
    try:
        return json.loads(line).get("level")
    except ValueError:
        return "error"  # what is no log line of ours has no place there
