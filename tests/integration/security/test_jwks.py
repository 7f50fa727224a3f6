"""Key sets from a real server: rotation, outages, and what is never fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.exceptions import Unavailable
from hub.security.jwks import FRESH_SECONDS, MAX_BYTES, RETRY_SECONDS, STALE_SECONDS, KeySets
from tests.support.logs import captured_logs


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class KeyServer:
    """Somebody's JWKS URL; `answer` is what it says next."""

    def __init__(self) -> None:
        self.asked = 0
        self.url = ""
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.answer: web.StreamResponse | None = None

    def add(self, kid: str) -> None:
        self.keys[kid] = Ed25519PrivateKey.generate()

    async def handle(self, _request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.answer is not None:
            return self.answer
        entries: list[Any] = [
            {**jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}
            for kid, key in self.keys.items()
        ]
        return web.json_response({"keys": entries})


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    app = web.Application()
    app.router.add_get("/jwks.json", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}/jwks.json"
    server.add("a")
    yield server
    await runner.cleanup()


async def kids(sets: KeySets, server: KeyServer, kid: str | None) -> list[str | None]:
    return [key.kid for key in await sets.find(server.url, "EdDSA", kid)]


async def test_a_set_is_fetched_once_and_again_for_an_unknown_key(server: KeyServer) -> None:
    clock = Clock()
    sets = KeySets(allow_private=True, clock=clock)
    assert await asyncio.gather(*(kids(sets, server, "a") for _ in range(20))) == [["a"]] * 20
    assert server.asked == 1
    assert await kids(sets, server, None) == ["a"]
    assert [key.kid for key in await sets.find(server.url, "RS256", "a")] == []
    server.add("b")
    assert await kids(sets, server, "b") == []  # asked a moment ago: a flood of unknown ids fetches nothing
    clock.now += RETRY_SECONDS + 1
    assert await kids(sets, server, "b") == ["b"]
    assert server.asked == 2
    del server.keys["a"]
    clock.now += FRESH_SECONDS + 1
    assert await kids(sets, server, "a") == ["a"]  # the old set is good until the new one is there
    async with asyncio.timeout(20):
        while await kids(sets, server, "a"):
            await asyncio.sleep(0.01)
    await sets.close()
    await sets.close()


async def test_an_old_set_outlives_its_server_for_a_day(server: KeyServer) -> None:
    clock = Clock()
    sets = KeySets(allow_private=True, clock=clock)
    assert await kids(sets, server, "a") == ["a"]
    server.answer = web.Response(status=500)
    clock.now += FRESH_SECONDS + 1
    with captured_logs() as logs:
        assert await kids(sets, server, "a") == ["a"]
        async with asyncio.timeout(20):
            while not logs:
                await asyncio.sleep(0.01)
    assert logs[0]["event"] == "jwks.fetch_failed"
    clock.now = STALE_SECONDS + 2
    with pytest.raises(Unavailable) as refusal:
        await kids(sets, server, "a")
    assert refusal.value.retry_after is not None
    await sets.close()


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        web.Response(status=404),
        web.Response(body=b" " * (MAX_BYTES + 1)),
        web.Response(body=b"[" * 50_000),
        web.Response(body=b'{"keys": 5}'),
        web.Response(body=b"\xff"),
    ],
    ids=["redirect", "missing", "too large", "nested", "no set", "not UTF-8"],
)
async def test_what_is_no_key_set_is_an_outage(server: KeyServer, answer: web.Response) -> None:
    server.answer = answer
    sets = KeySets(allow_private=True)
    with pytest.raises(Unavailable):
        await kids(sets, server, "a")
    assert server.asked == 1
    await sets.close()


async def test_a_server_that_dawdles_is_given_up(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.security.jwks.TIMEOUT_SECONDS", 0.2)
    hold = asyncio.Event()

    async def dawdle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        await hold.wait()
        writer.close()

    listener = await asyncio.start_server(dawdle, "127.0.0.1", 0)
    sets = KeySets(allow_private=True)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable):
        await sets.find(f"http://127.0.0.1:{port}/", "EdDSA", None)
    hold.set()
    await sets.close()
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.0.0.1.", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_private_addresses_are_never_connected_to(host: str) -> None:
    met = asyncio.Event()

    async def meet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        writer.close()

    listener = await asyncio.start_server(meet, None, 0)
    port = listener.sockets[0].getsockname()[1]
    sets = KeySets()
    with pytest.raises(Unavailable):
        await sets.find(f"https://{host}:{port}/jwks.json", "EdDSA", None)
    assert not met.is_set()
    await sets.close()
    listener.close()
    await listener.wait_closed()
