"""An HTTP server on loopback that answers as it is told and keeps what it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
from aiohttp import web


class Got(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Receiver:
    """Answers with the next of `answers`, then 204; `None` says nothing until `release` is set."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[Got] = []
        self.answers: list[web.Response | None] = []
        self.always: Callable[[], web.Response | None] = lambda: web.Response(status=204)
        self.release = asyncio.Event()
        self.under_way = 0
        self.most = 0

    async def _handle(self, request: web.Request) -> web.Response:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.got.append(Got(request.path, headers, await request.read()))
            answer = self.answers.pop(0) if self.answers else self.always()
            if answer is None:
                await self.release.wait()
                answer = web.Response(status=204)
            return answer
        finally:
            self.under_way -= 1


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", found._handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield found
    finally:
        found.release.set()
        await runner.cleanup()
