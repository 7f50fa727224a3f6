"""A push service that we wrote for tests: takes pushes, decrypts them, and answers as it is told."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import http_ece
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from uuid_utils.compat import uuid7

from hub.model.message import Browser
from hub.security.vapid import encode
from tests.support.ports import free_port

POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Push(NamedTuple):
    """One request, decrypted."""

    name: str
    headers: Mapping[str, str]
    said: dict[str, Any]
    size: int


class SinkBrowser(NamedTuple):
    """A browser that is subscribed at a sink, with the keys that only it has."""

    name: str
    endpoint: str
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes

    @property
    def json(self) -> dict[str, Any]:
        """What its page would send the hub."""
        point = encode(self.private_key.public_key().public_bytes(*POINT))
        return {
            "endpoint": self.endpoint,
            "expirationTime": None,
            "keys": {"p256dh": point, "auth": encode(self.auth)},
        }

    def stored(self) -> Browser:
        """As a message has it."""
        return Browser(uuid7(), self.endpoint, self.json["keys"]["p256dh"], self.json["keys"]["auth"])


class PushSink:
    """Answers each push with the next of `answers`, and with `always` when there is none.

    An answer is a status, (status, headers), or what makes one of the request.
    """

    always: int | tuple[int, dict[str, str]] | Script = 201

    def __init__(self, host: str, context: ssl.SSLContext | None) -> None:
        self._port = free_port()
        self._context = context
        self._runner: web.AppRunner | None = None
        self.url = f"{'http' if context is None else 'https'}://{host}:{self._port}"
        self.answers: deque[int | tuple[int, dict[str, str]] | Script] = deque()
        self.pushes: list[Push] = []
        self._browsers: dict[str, SinkBrowser] = {}
        self._came = asyncio.Event()
        self.ended = asyncio.Event()  # set when the sink closes: what scripts that hang wait for

    def browser(self) -> SinkBrowser:
        name = encode(os.urandom(12))
        key = ec.generate_private_key(ec.SECP256R1())
        self._browsers[name] = SinkBrowser(name, f"{self.url}/push/{name}", key, os.urandom(16))
        return self._browsers[name]

    async def start(self) -> None:
        """Listens; may be called twice."""
        if self._runner is None:
            app = web.Application()
            app.add_routes([web.post("/push/{name}", self.take)])
            self.ended = asyncio.Event()
            self._runner = web.AppRunner(app, shutdown_timeout=1)
            await self._runner.setup()
            await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._context).start()

    async def stop(self) -> None:
        """Nobody listens any more; may be called twice."""
        self.ended.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def wait_for(self, count: int) -> list[Push]:
        """All pushes, once so many came."""
        async with asyncio.timeout(30):
            while len(self.pushes) < count:
                self._came.clear()
                await self._came.wait()
        return self.pushes

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        browser = self._browsers[request.match_info["name"]]
        said = http_ece.decrypt(body, private_key=browser.private_key, auth_secret=browser.auth)
        self.pushes.append(Push(browser.name, dict(request.headers), msgspec.json.decode(said), len(body)))
        self._came.set()
        answer = self.answers.popleft() if self.answers else self.always
        if callable(answer):
            return await answer(request)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return web.Response(status=status, headers={"Location": f"{self.url}/message/1"} | headers)

    # Scripts

    async def reset(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def silent(self, _request: web.Request) -> web.StreamResponse:
        await self.ended.wait()
        return web.Response()

    async def dripping(self, request: web.Request) -> web.StreamResponse:
        """A status at once, and a body that never ends."""
        answer = web.StreamResponse(status=201)
        await answer.prepare(request)
        await answer.write(b"x")
        await self.ended.wait()
        return answer


@asynccontextmanager
async def push_sink(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[PushSink]:
    sink = PushSink(host, context)
    await sink.start()
    try:
        yield sink
    finally:
        await sink.stop()
