"""Pushes of one worker process, into a push service that takes everything; each person has keys of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from benchmarks.sending import Figures, channel_alone, project_of, running, sink, whole_worker
from hub.model.message import Address, Browser, Message
from hub.runtime import Hub
from hub.security.vapid import encode, make_key
from hub.store import push_subscriptions
from hub.store.inbox import open_inbox
from hub.store.push_subscriptions import Subscription
from workers.channels.web_push import WebPush

BODY = "Grüße, your order is on its way. " * 6


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


async def _subscribe(hub: Hub, wanted: Sequence[Message]) -> None:
    project_id = await project_of(hub)
    for message in wanted:
        head = await open_inbox(hub.db, project_id, message.user)
        (browser,) = message.to.browsers
        given = Subscription(browser.endpoint, browser.p256dh, browser.auth)
        async with hub.db.acquire() as conn:
            await push_subscriptions.put(conn, project_id, head.person_id, given)


async def measure(count: int) -> dict[str, Figures]:
    """The channel alone, and a worker's whole way."""
    key = make_key().private_text
    with sink(_Service) as port:
        wanted = messages(f"http://127.0.0.1:{port}", count)
        async with running(
            vapid_private_key=key, vapid_subject="mailto:ops@example.com", allow_private_push=True
        ) as hub:
            alone = await channel_alone(WebPush(hub.settings, hub.db), wanted)
            await _subscribe(hub, wanted)
            people = [message.user for message in wanted]
            whole = await whole_worker(hub, "web_push", people, title="Grüße: it is on its way", body=BODY)
    return {"pushes_channel": alone, "pushes": whole}
