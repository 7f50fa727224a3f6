"""What a request may bring: a wish for another protocol, trailers, a large body; and who reads no answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import uvicorn

from hub.web.asgi import Message, Receive, Scope, Send
from hub.web.http import HEAD_BYTES, HEAD_FIELDS, HttpProtocol
from hub.web.usual import BODY_BYTES, Usual, read_usual
from hub.web.whole_answer import answer_at_once
from tests.support.asgi_server import answer, listening, turns
from tests.support.gateway import SECONDS, until

CHUNKED = b"POST / HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n"  # Java's default


class Echo:
    """Answers with the method, the names of headers that begin with x-, and the body."""

    def __init__(self, shed: Shed | None = None) -> None:
        self.shed = shed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        names = [name for name, _ in scope["headers"] if name.startswith(b"x-")]
        told = b" ".join([scope["method"].encode(), *names, body])
        answer_at_once(send, (200, [(b"content-length", b"%d" % len(told))], told))


class Shed:
    """Refuses nothing, and asks for every body."""

    line = b"POST / HTTP/1.1\r\n"
    busy = True
    asked = 0

    def __call__(self, request: Usual) -> tuple[int, bytes] | None:
        self.asked += 1
        return None


Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter, uvicorn.Server]


@asynccontextmanager
async def connected(app: Echo) -> AsyncIterator[Connected]:
    async with asyncio.timeout(SECONDS), listening(app, ws="none") as (port, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer, server
        finally:
            writer.close()


def post(body: bytes, headers: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: hub\r\n%bContent-Length: %d\r\n\r\n%b" % (headers, len(body), body)


async def test_a_request_that_would_like_another_protocol_is_served_as_it_stands() -> None:
    inner = post(b"never a request of its own")
    async with connected(Echo()) as (reader, writer, _):
        writer.write(post(b"whole", H2C) + post(b"next"))
        assert [await answer(reader) for _ in range(2)] == [b"200 POST whole", b"200 POST next"]
        head = post(inner, H2C).removesuffix(inner)
        writer.write(head)
        await turns()  # so that the body comes by itself
        writer.write(inner)
        assert await answer(reader) == b"200 POST " + inner
        writer.write(CHUNKED + H2C + b"\r\n3\r\nabc\r\n0\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: hub\r\n" + H2C + b"\r\n")
        assert [await answer(reader) for _ in range(2)] == [b"200 POST abc", b"200 GET "]
        writer.write((b"GET / HTTP/1.1\r\n" + H2C + b"\r\n") * 2_000)
        assert {await answer(reader) for _ in range(2_000)} == {b"200 GET "}
        writer.write(b"GET / HTTP/1.0\r\n" + H2C + b"\r\n")
        assert (await reader.read()).endswith(b"GET ")  # which ends the connection


async def test_trailers_are_no_headers() -> None:
    async with connected(Echo()) as (reader, writer, _):
        writer.write(
            CHUNKED + b"X-Head: a\r\n\r\n2\r\n{}\r\n0\r\nX-Tail: b\r\nIdempotency-Key: b\r\n\r\n" + post(b"next")
        )
        assert [await answer(reader) for _ in range(2)] == [b"200 POST x-head {}", b"200 POST next"]


@pytest.mark.parametrize(
    "rest",
    [
        b"0\r\n" + b"a:\r\n" * (HEAD_FIELDS + 2),
        b"0\r\nX: " + b"a" * HEAD_BYTES,
        b"5;x=" + b"a" * HEAD_BYTES,
    ],
    ids=["many", "long", "extension"],
)
async def test_what_stands_beside_a_body_has_an_end(rest: bytes) -> None:
    async with connected(Echo()) as (reader, writer, _):
        writer.write(CHUNKED + b"\r\n2\r\n{}\r\n")
        await turns()
        for start in range(0, len(rest), HEAD_BYTES):
            writer.write(rest[start : start + HEAD_BYTES])
            await turns()  # each by itself
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 ")


async def test_a_body_in_small_chunks_is_taken() -> None:
    async with connected(Echo()) as (reader, writer, _):
        writer.write(CHUNKED + b"\r\n" + b"1;some=extension\r\na\r\n" * 20_000 + b"0\r\n\r\n")
        assert await answer(reader) == b"200 POST " + b"a" * 20_000


async def test_what_may_be_refused_is_held_whole_and_a_larger_body_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hub.web.http.HOLD_SECONDS", 1_000.0)
    shed = Shed()
    async with connected(Echo(shed)) as (reader, writer, _):
        for size, asked in ((BODY_BYTES, 1), (BODY_BYTES + 1, 1), (900_000, 1), (BODY_BYTES, 2)):
            data = post(b"a" * size)
            for start in range(0, len(data), 10_000):
                writer.write(data[start : start + 10_000])
                await turns()
            assert await answer(reader) == b"200 POST " + b"a" * size
            assert shed.asked == asked


async def test_what_comes_in_crumbs_is_not_read_anew_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def noting(data: bytes, line: bytes) -> Usual | None:
        read.append(len(data))
        return read_usual(data, line)

    monkeypatch.setattr("hub.web.http.read_usual", noting)
    shed = Shed()
    async with connected(Echo(shed)) as (reader, writer, _):
        data = post(b"a" * 100)
        for start, end in ((0, -100), *((place, place + 1) for place in range(-100, -1)), (-1, None)):
            writer.write(data[start:end])
            await turns()
        assert await answer(reader) == b"200 POST " + b"a" * 100
        assert (read, shed.asked) == ([len(data) - 100, len(data)], 1)


async def test_an_empty_line_keeps_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(Echo()) as (reader, writer, _):
        writer.write(post(b"body"))
        assert await answer(reader) == b"200 POST body"
        monkeypatch.setattr("hub.web.http.HEAD_SECONDS", 0.05)
        writer.write(b"\r\n")
        assert await reader.read() == b""


async def test_a_connection_that_was_handed_over_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over: list[HttpProtocol] = []
    hand_over = HttpProtocol.handle_websocket_upgrade

    def noting(self: HttpProtocol) -> None:
        handed_over.append(self)
        hand_over(self)

    async def accepting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    monkeypatch.setattr(HttpProtocol, "handle_websocket_upgrade", noting)
    async with asyncio.timeout(SECONDS), listening(accepting, ws="websockets-sansio") as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        [connection] = handed_over
        assert connection._deadline is None
        writer.close()


async def test_what_is_held_is_served_by_a_server_that_stops() -> None:
    async with asyncio.timeout(SECONDS), listening(Echo(Shed()), ws="none") as (port, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"body")[:-2])
        await turns()
        [connection] = cast(set[HttpProtocol], server.server_state.connections)
        connection.shutdown()
        writer.write(b"dy")
        assert await answer(reader) == b"200 POST body"
        assert await reader.read() == b""
        writer.close()


async def test_who_reads_no_answer_is_cut_though_little_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little for the transport to ask for a pause; a connection that is closed waits for it all the same."""
    monkeypatch.setattr("hub.web.http.UNREAD_SECONDS", 0.2)
    async with asyncio.timeout(SECONDS), listening(Echo(), ws="none", timeout_keep_alive=1) as (port, server):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        _, writer = await asyncio.open_connection(sock=client, limit=1_024)
        await until(lambda: bool(server.server_state.connections))
        [connection] = cast(set[HttpProtocol], server.server_state.connections)
        asked = 0
        while not connection.transport.get_write_buffer_size():
            asked += 1
            writer.write(post(b"a" * 30_000))
            await until(lambda: server.server_state.total_requests == asked)  # noqa: B023
        assert not connection.flow.write_paused
        await until(lambda: not server.server_state.connections)
        writer.transport.abort()
