"""What comes before there is a request: heads too large, too slow, or no HTTP at all."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from hub.web.http import HttpProtocol
from tests.support.gateway import SECONDS, RunningGateway, until

UPGRADE = (
    b"GET /v1/inbox/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


async def _ask(port: int, *parts: bytes) -> tuple[int, dict[str, object]]:
    """Status and document of what comes before the connection ends; nothing came: 0."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(SECONDS):
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        except ConnectionError:
            return 0, {}
        finally:
            writer.close()
    if not head:
        return 0, {}
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"\x00\xff nonsense\r\n\r\n", 400, "malformed_request"),
        (b"GET /v1/users/\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed_request"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, "head_too_large"),
        (GET + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n", 431, "head_too_large"),
        (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "malformed_request"),
        (UPGRADE + b"".join(b"X%d: a\r\n" % n for n in range(124)) + b"\r\n", 431, "head_too_large"),
        (UPGRADE + b"Content-Length: 2\r\n\r\n{}", 400, "bad_handshake"),
        (UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_handshake"),
        (UPGRADE + b"Cookie: " + b"a" * 9_000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" + UPGRADE + b"\r\n", 400, "bad_handshake"),
    ],
)
async def test_heads_that_are_refused(gateway: RunningGateway, request_: bytes, status: int, code: str) -> None:
    found, problem = await _ask(gateway.port, request_)
    assert (found, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"]


async def test_a_head_without_end_is_not_kept(gateway: RunningGateway) -> None:
    status, _ = await _ask(gateway.port, GET, *(b"X: " + b"a" * 10_000 + b"\r\n" for _ in range(100)))
    assert status in (431, 0)  # 0: the reset for what was still on its way overtook the answer


async def test_heads_that_take_too_long(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.web.http.HEAD_SECONDS", 0.2)
    refused, silent, second, body = await asyncio.gather(
        _ask(gateway.port, GET),
        _ask(gateway.port),
        _after_a_request(gateway.port, GET),
        _after_a_request(gateway.port, b"POST /v1/inbox/mark HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", b"x"),
    )
    assert (refused[0], refused[1]["code"]) == (408, "request_timeout")
    assert silent == (0, {})
    assert b" 408 " in second
    assert body.startswith(b"HTTP/1.1 401 ")


async def _after_a_request(port: int, *parts: bytes) -> bytes:
    """What follows the answer to a whole request, until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(SECONDS):
        writer.write(GET + b"\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.05)  # so that the answer to the first is out before the rest
        answer = await reader.read()
        writer.close()
        return answer


async def test_a_connection_is_used_again_after_any_time(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two requests only keep-alive counts."""
    monkeypatch.setattr("hub.web.http.HEAD_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    async with asyncio.timeout(SECONDS):
        for _ in range(2):
            writer.write(GET + b"\r\n")
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.2)
    writer.close()


@asynccontextmanager
async def _slow_reader(gateway: RunningGateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that asked for 40 MB, and for whose reading the server waits."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", gateway.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=1_024)
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    try:
        await until(
            lambda: any(
                one.flow.write_paused for one in cast(set[HttpProtocol], gateway.server.server_state.connections)
            )
        )
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_a_client_that_does_not_read_its_answers_is_cut(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.http.UNREAD_SECONDS", 0.2)
    async with _slow_reader(gateway):
        await until(lambda: not gateway.server.server_state.connections)
        await until(lambda: gateway.app.app.requests_open == 0)


async def test_a_client_that_reads_slowly_is_waited_for(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.http.UNREAD_SECONDS", 0.7)
    async with _slow_reader(gateway) as (reader, _):
        ends_at = asyncio.get_running_loop().time() + 2
        while asyncio.get_running_loop().time() < ends_at:
            await reader.readexactly(10_000)
            await asyncio.sleep(0.05)
        assert gateway.app.app.requests_open == 1
