"""Answers that are written in one piece say what uvicorn's would; requests that are refused before there is a task."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hub.web import http
from hub.web.app import WebApp
from hub.web.asgi import Message, Receive, Scope, Send
from hub.web.http import HttpProtocol
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from hub.web.usual import Usual
from hub.web.whole_answer import answer_at_once
from tests.support.asgi_server import answer, listening, turns
from tests.support.garbage import left_in_cycles
from tests.support.gateway import until

OWN = re.compile(rb"(?i)((?:date|ratelimit-[a-z]+): )[^\r]*")  # what two answers do not have in common


async def hello(request: Request) -> Response:
    return json_response({"hello": "you"})


async def nothing(request: Request) -> Response:
    return Response(204, headers=[(b"x-mine", b"1")])


ROUTES = [
    Route("GET", "/hello", hello, "Says hello", "test", {200: Reply("It.")}),
    Route("GET", "/nothing", nothing, "Says nothing", "test", {204: Reply("Nothing.")}),
]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with listening(WebApp(ROUTES), ws="none") as (port, _):
        yield port


@pytest.fixture
async def uvicorns_port() -> AsyncIterator[int]:
    """The same with a `send` that is not the server's own, so that nothing is written past it."""
    ours = WebApp(ROUTES)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def passing(message: Message) -> None:
            await send(message)

        await ours(scope, receive, passing)

    async with listening(app, ws="none") as (port, _):
        yield port


async def ask(port: int, *requests: str) -> bytes:
    """Everything that comes back for these requests, sent at once; the last must end the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(requests).encode("ascii"))
    try:
        return OWN.sub(rb"\1-", await reader.read())
    finally:
        writer.close()


def request(path: str, method: str = "GET", *headers: str) -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: hub", "X-Request-Id: mine", *headers, "", ""])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/hello", "/nothing", "/elsewhere"])
async def test_an_answer_in_one_piece_is_what_uvicorn_would_write(
    port: int, uvicorns_port: int, path: str, method: str
) -> None:
    last = request(path, method, "Connection: close")
    for requests in ([last], [request(path, method), last], [last.replace("HTTP/1.1", "HTTP/1.0")]):
        told = await ask(port, *requests)
        assert told == await ask(uvicorns_port, *requests)
        assert told.count(b"HTTP/1.1 ") == len(requests)
        assert told.count(b"connection: close\r\n") == 1


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    paths = ["/hello", "/elsewhere", "/nothing"] * 20
    told = await ask(port, *map(request, paths), request("/hello", "GET", "Connection: close"))
    wanted = {"/hello": b"200", "/elsewhere": b"404", "/nothing": b"204"}
    assert re.findall(rb"HTTP/1\.1 (\d+)", told) == [*(wanted[path] for path in paths), b"200"]


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b=c", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb"])
async def test_a_header_that_would_become_two_is_not_sent(value: bytes) -> None:
    raised: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for headers in ([(b"x", value)], [(value, b"x")]):
            try:
                answer_at_once(send, (204, headers, b""))
            except RuntimeError as error:
                raised.append(str(error))
        assert answer_at_once(send, (204, [(b"x", b"fine\ttoo")], b"")) is True
        assert answer_at_once(send, (204, [], b"")) is False  # there is one

    async with listening(app, ws="none") as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/").encode("ascii"))
        assert await reader.readline() == b"HTTP/1.1 204 No Content\r\n"
        writer.close()
    assert raised == ["a header holds a control character"] * 2


class Shedding:
    """Refuses the body `full` while it is busy; the application answers any other with itself."""

    line = b"POST / HTTP/1.1\r\n"

    def __init__(self) -> None:
        self.busy = True
        self.asked: list[bytes] = []
        self.entered = 0

    def __call__(self, request: Usual) -> tuple[int, bytes] | None:
        self.asked.append(request.body)
        if request.body == b"broken":
            raise ValueError(request.body)
        return (503, b"content-length: 3\r\n\r\nno\n") if request.body == b"full" else None


class App:
    def __init__(self) -> None:
        self.shed = Shedding()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.shed.entered += 1
        body = b""
        message: Message = {"more_body": True}
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        answer_at_once(send, (200, [(b"content-length", b"%d" % len(body))], body))


def post(body: bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"POST / HTTP/" + version, b"Host: hub", b"Content-Length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


@asynccontextmanager
async def connected(app: App) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with listening(app, ws="none") as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def test_what_is_shed_reaches_no_application_and_the_connection_goes_on() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        told = []
        for body in (b"full", b"full", b"free", b"full"):
            writer.write(post(body))
            told.append(await answer(reader))
        assert told == [b"503 no\n", b"503 no\n", b"200 free", b"503 no\n"]
        assert app.shed.asked == [b"full", b"full", b"free", b"full"]
        assert app.shed.entered == 1
        app.shed.busy = False
        writer.write(post(b"full"))
        assert await answer(reader) == b"200 full"
        assert len(app.shed.asked) == 4


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (post(b"full", b"Connection: close"), [b"200 full"]),
        (post(b"full", version=b"1.0"), [b"200 full"]),
        (post(b"full") + post(b"full"), [b"200 full", b"200 full", b"503 no\n"]),
        (post(b"full").replace(b"POST / ", b"POST /x "), [b"200 full", b"503 no\n"]),
    ],
    ids=["close", "1.0", "pipelined", "elsewhere"],
)
async def test_what_is_not_usual_is_not_asked_about(first: bytes, told: list[bytes]) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(first)
        for expected in told:
            if expected.startswith(b"503"):
                assert app.shed.asked == []
                writer.write(post(b"full"))
            assert await answer(reader) == expected


async def test_a_body_after_its_head_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        head, body = post(b"full")[:-4], b"full"
        for data in (head, body[:2], body[2:]):  # as http.client and others send it
            writer.write(data)
            await turns()
        assert await answer(reader) == b"503 no\n"
        assert app.shed.entered == 0
        monkeypatch.setattr(http, "HOLD_SECONDS", 0.0)
        writer.write(head)
        await until(lambda: app.shed.entered == 1)
        writer.write(body)
        assert await answer(reader) == b"200 full"
        monkeypatch.setattr(http, "HOLD_SECONDS", 3600.0)
        writer.write(post(b"full", b"Expect: 100-continue")[:-4])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert await answer(reader) == b"200 full"
        assert app.shed.asked == [b"full"]


async def test_a_shed_that_fails_refuses_nothing() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(post(b"broken"))
        assert await answer(reader) == b"200 broken"


async def test_connections_that_were_shed_last_leave_no_cycles() -> None:
    app = App()
    async with listening(app, ws="none") as (port, server):

        async def come_and_go() -> None:
            for end in (b"", post(b"free")[:-2]):  # the second leaves in the middle of a request that is held
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(post(b"full"))
                assert await answer(reader) == b"503 no\n"
                writer.write(end)
                await turns()
                writer.close()
                await writer.wait_closed()
            await until(lambda: not server.server_state.connections)

        left = await left_in_cycles(come_and_go)
    assert not left & {HttpProtocol, RequestResponseCycle}
