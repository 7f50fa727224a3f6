"""Web push keeps the contract of channels, over a push service that does what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from pydantic import SecretStr

from hub.config import Settings
from hub.model.message import Message
from hub.runtime import Hub
from hub.security.vapid import make_key
from tests.integration.channels.contract import ChannelContract, Does, Rig
from tests.integration.channels.test_web_push import message
from tests.support.push_sink import PushSink, Script, push_sink
from workers.channels import web_push
from workers.channels.web_push import WebPush

SHORT_SECONDS = 0.5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    key = {"vapid_private_key": SecretStr(make_key().private_text), "vapid_subject": "mailto:ops@example.com"}
    return settings.model_copy(update={**key, "allow_private_push": True})


async def drip(request: web.Request) -> web.StreamResponse:
    """The beginning of an answer, a byte at a time."""
    transport = request.transport
    assert transport is not None
    transport.write(b"HTTP/1.1 201 Created\r\nX-Drip: ")
    while not transport.is_closing():
        transport.write(b"x")
        await asyncio.sleep(0.05)
    return web.Response()


class WebPushRig:
    can = frozenset(Does) - {Does.NOT_GREET}
    hidden: Sequence[str] = ("/push/", "ada", "secret")

    def __init__(self, sink: PushSink, channel: WebPush, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sink = sink
        self.channel = channel
        self._patch = monkeypatch
        self._normal = web_push.TIMEOUT_SECONDS

    async def does(self, what: Does) -> None:
        waits = what in (Does.DRIP, Does.NOT_ANSWER)
        self._patch.setattr(web_push, "TIMEOUT_SECONDS", SHORT_SECONDS if waits else self._normal)
        await self.channel.close()  # its session is made anew, with these time-outs
        answers: dict[Does, int | Script] = {
            Does.REJECT: 413,
            Does.FAIL: 503,
            Does.THROTTLE: 429,
            Does.RESET: self.sink.reset,
            Does.DRIP: drip,
            Does.NOT_ANSWER: self.sink.silent,
        }
        self.sink.always = answers.get(what, 201)
        if what is Does.REFUSE_CONNECTIONS:
            await self.sink.stop()
        else:
            await self.sink.start()

    def message(self) -> Message:
        return message(self.sink.browser())

    async def ids(self) -> Sequence[str]:
        return [push.headers["Topic"] for push in self.sink.pushes]


class TestWebPush(ChannelContract):
    @pytest.fixture
    async def rig(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
        async with push_sink() as sink:
            channel = WebPush(hub.settings, hub.db)
            try:
                yield WebPushRig(sink, channel, monkeypatch)
            finally:
                await channel.close()
