"""Answers that are written in one piece say what uvicorn's would, and those that are not plain are uvicorn's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from hub.web.app import WebApp
from hub.web.asgi import Message, Receive, Scope, Send
from hub.web.http import WholeAnswer, answer_at_once
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route
from tests.support.asgi_server import listening

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
async def test_an_answer_in_one_piece_is_what_uvicorn_would_write(port: int, path: str, method: str) -> None:
    last = request("/nothing", "GET", "Connection: close")
    alone = await ask(port, request(path, method, "Connection: close"))
    both = await ask(port, request(path, method), last)
    assert both == alone.replace(b"connection: close\r\n", b"") + await ask(port, last)


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
        assert answer_at_once(send, (204, [(b"connection", b"close")], b"")) is False
        assert answer_at_once(send, (204, [(b"x", b"fine\ttoo")], b"")) is True
        assert answer_at_once(send, (204, [], b"")) is False  # there is one

    async with listening(app, ws="none") as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/").encode("ascii"))
        assert await reader.readline() == b"HTTP/1.1 204 No Content\r\n"
        writer.close()
    assert raised == ["a header holds a control character"] * 2


async def test_shed_is_asked_only_about_requests_that_are_there_and_the_connection_goes_on() -> None:
    asked: list[bytes] = []
    entered: list[bool] = []

    class App:
        def shed(self, scope: Scope, body: bytes) -> WholeAnswer | None:
            asked.append(body)
            return (503, [(b"content-length", b"3")], b"no\n") if body == b"full" else None

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            entered.append(True)
            body = b""
            message: Message = {"more_body": True}
            while message["more_body"]:
                message = await receive()
                body += message["body"]
            answer_at_once(send, (200, [(b"content-length", b"%d" % len(body))], body))

    async with listening(App(), ws="none") as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def answer() -> bytes:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            return head.split()[1] + b" " + await reader.readexactly(int(length[1]))

        def post(body: bytes) -> bytes:
            return b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

        writer.write(post(b"full") + post(b"free") + post(b"full"))
        assert [await answer() for _ in range(2)] == [b"503 no\n", b"200 free"]
        # The third came while the second was under way, and had its turn after it.
        assert await answer() == b"200 full"
        entered.clear()
        whole = post(b"in pieces")
        writer.write(whole[:-4])
        while not entered:
            await asyncio.sleep(0)
        writer.write(whole[-4:])
        assert await answer() == b"200 in pieces"
        assert asked == [b"full", b"free"]
        writer.close()
