"""A real API on a free port, and a caller for it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from hub.api.app import ApiApp, create_api
from hub.runtime import Hub
from hub.store.keys import create_key
from tests.support.asgi_server import listening


class Answer:
    """What a call was answered: status, headers, and the decoded body (None when there is none)."""

    def __init__(self, status: int, headers: Mapping[str, str], raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def code(self) -> str | None:
        """The problem's code, if it is one."""
        kind = self.headers.get("Content-Type", "")
        return self.json["code"] if kind == "application/problem+json" else None

    def __repr__(self) -> str:
        return f"{self.status} {self.raw[:500]!r}"


class Caller:
    """Calls a hub as a backend does."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str | None) -> None:
        self.session = session
        self.url = url
        self.key = key

    def with_key(self, key: str | None) -> Caller:
        """The same with another API key."""
        return Caller(self.session, self.url, key)

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; `path` goes over the wire as it is, `body` as JSON, `raw` as it is: bytes, or chunks."""
        given = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        data: Any = io.BytesIO(raw) if isinstance(raw, bytes) else raw
        if body is not None:
            data = msgspec.json.encode(body)
            given["Content-Type"] = "application/json"
        given |= headers or {}
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=given, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.read())


@asynccontextmanager
async def serve_api(hub: Hub, project_id: int, **options: Any) -> AsyncIterator[tuple[ApiApp, Caller]]:
    """The API of an open runtime, and a caller whose key may do everything."""
    app = create_api(hub, **options)
    _, key = await create_key(hub.db, project_id, scopes=["admin"])
    async with listening(app, ws="none") as (port, _), aiohttp.ClientSession() as session:
        try:
            yield app, Caller(session, f"http://127.0.0.1:{port}", key)
        finally:
            app.drain()
            await app.close()
