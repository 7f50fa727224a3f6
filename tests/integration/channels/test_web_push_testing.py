"""A push arrives at a receiver that somebody else wrote: npm web-push-testing, which verifies and decrypts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import aiohttp
import pytest

from hub.config import Settings
from hub.model.message import Address, Browser, Message
from hub.model.outcome import Rejected, Sent
from hub.model.reason import Reason
from hub.runtime import Hub
from hub.security.vapid import make_key
from tests.support.ports import free_port
from tests.support.system import ROOT
from workers.channels.web_push import WebPush

SERVER = ROOT / "web-widget/node_modules/web-push-testing/src/bin/server.js"
KEY = make_key()


@pytest.fixture
async def receiver() -> AsyncIterator[str]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "node", str(SERVER), str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert b"running" in await process.stdout.readline(), "cd web-widget && npm ci"
    yield f"http://localhost:{port}"
    process.kill()
    await process.wait()


async def test_it_verifies_and_decrypts_what_we_push(hub: Hub, settings: Settings, receiver: str) -> None:
    changes = {
        "vapid_private_key": settings.secret.__class__(KEY.private_text),
        "vapid_subject": "mailto:a@example.com",
    }
    channel = WebPush(settings.model_copy(update={**changes, "allow_private_push": True}), hub.db)
    async with aiohttp.ClientSession() as session:

        async def ask(path: str, **body: object) -> dict[str, object]:
            async with session.post(f"{receiver}/{path}", json=body) as answer:
                assert answer.status == 200, await answer.text()
                found: dict[str, object] = json.loads(await answer.text()) if "json" in answer.content_type else {}
                return found

        options = {"applicationServerKey": KEY.public_text, "userVisibleOnly": "true"}
        data: dict[str, object] = (await ask("subscribe", **options))["data"]  # type: ignore[assignment]
        keys: dict[str, str] = data["keys"]  # type: ignore[assignment]
        client, endpoint = str(data["clientHash"]), str(data["endpoint"])
        browser = Browser(UUID(int=3), endpoint, keys["p256dh"], keys["auth"])
        message = Message(
            UUID(int=1), UUID(int=2), 1, 7, "web_push", "step", 1, "general", Address("ada", browsers=(browser,)), {},
            {"title": "Grüße 👋", "body": "Es ist unterwegs", "url": "https://app.example.com/"},
        )  # fmt: skip
        assert isinstance(await channel.send(message), Sent)
        received: dict[str, list[str]] = (await ask("get-notifications", clientHash=client))["data"]  # type: ignore[assignment]
        (said,) = [json.loads(text) for text in received["messages"]]
        assert (said["title"], said["body"]) == ("Grüße 👋", "Es ist unterwegs")
        await ask(f"expire-subscription/{client}")
        assert await channel.send(message) == Rejected("no browser is left to push to", Reason.NO_ADDRESS)
    await channel.close()
