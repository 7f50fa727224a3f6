"""One request from bytes to answer, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from hub.exceptions import Refused, Unavailable
from hub.web.app import WebApp
from hub.web.asgi import Message, Receive, Scope, Send
from hub.web.documentation import Documentation
from hub.web.fields import Name
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Reply, Route, Router
from hub.web.schema import Schema
from tests.support.logs import captured_logs


@with_config(ConfigDict(extra="forbid"))
class Greeting(TypedDict):
    name: Name


GREETING = Schema(Greeting)
OK = {200: Reply("Fine.")}


async def greet(request: Request) -> Response:
    body = await request.read(GREETING, 1_000)
    return json_response({"greeted": body["name"], "by": request.params.get("user")})


async def fail(_request: Request) -> Response:
    raise ZeroDivisionError("secret detail")


async def lose(_request: Request) -> Response:
    raise ConnectionError("database")


async def stream(_request: Request) -> Any:
    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        raise ZeroDivisionError("in the middle")

    return answer


ROUTES = [
    Route("POST", "/v1/greet/{user}", greet, "Greet", "users", OK, body=GREETING),
    Route("POST", "/v1/greet/all", greet, "Greet all", "users", OK, body=GREETING),
    Route("GET", "/v1/fail", fail, "Fail", "users", OK),
    Route("GET", "/v1/lose", lose, "Lose", "users", OK),
    Route("GET", "/v1/stream", stream, "Stream", "users", OK, stream=True),
]


def outage(error: Exception) -> Refused | None:
    return Unavailable("away", retry_after=3) if isinstance(error, ConnectionError) else None


class Told(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def ask(
    app: WebApp,
    method: str,
    path: bytes,
    chunks: Sequence[bytes] = (b"",),
    headers: Iterable[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),),
) -> Told:
    raw_path, _, query = path.partition(b"?")
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "query_string": query,
        "headers": list(headers),
        "client": ("192.0.2.1", 5),
    }
    waiting = list(chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        if not waiting:
            return {"type": "http.disconnect"}
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message["body"] for message in sent[1:])
    return Told(sent[0]["status"], dict(sent[0]["headers"]), body)


async def test_a_literal_segment_wins_and_its_methods_are_its_own() -> None:
    app = WebApp(ROUTES)
    one = await ask(app, "POST", b"/v1/greet/a%2Fb", [b'{"na', b'me": "x"}'])
    assert one.json == {"greeted": "x", "by": "a/b"}
    everybody = await ask(app, "POST", b"/v1/greet/al%6c", [b'{"name": "x"}'])
    assert everybody.json == {"greeted": "x", "by": None}
    assert (await ask(app, "GET", b"/v1/greet/all")).headers[b"allow"] == b"OPTIONS, POST"
    assert (await ask(app, "HEAD", b"/v1/stream")).status == 405


async def test_a_bug_is_logged_once_and_told_nobody() -> None:
    with captured_logs() as logs:
        told = await ask(WebApp(ROUTES, translate=outage), "GET", b"/v1/fail")
    assert (told.status, told.json["code"]) == (500, "internal_error")
    assert b"secret" not in told.body
    (entry,) = logs
    assert entry["log_level"] == "error"
    assert entry["request_id"] == told.json["request_id"]
    assert isinstance(entry["exc_info"], ZeroDivisionError)


async def test_an_outage_is_a_503() -> None:
    with captured_logs() as logs:
        told = await ask(WebApp(ROUTES, translate=outage), "GET", b"/v1/lose")
    assert (told.status, told.headers[b"retry-after"]) == (503, b"3")
    assert [entry["log_level"] for entry in logs] == ["warning"]


async def test_a_stream_that_breaks_is_cut_not_repeated() -> None:
    with captured_logs() as logs:
        told = await ask(WebApp(ROUTES), "GET", b"/v1/stream")
    assert (told.status, told.body) == (200, b"first")
    assert b"x-request-id" in told.headers
    assert len(logs) == 1


async def test_a_client_that_hangs_up_costs_nothing() -> None:
    statuses: list[int] = []
    app = WebApp(ROUTES, observe=lambda _method, _path, status, _seconds: statuses.append(status))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"10")]
    scope = {"type": "http", "method": "POST", "path": "/v1/greet/a", "raw_path": b"/v1/greet/a", "headers": headers}
    await app(scope, receive, send)
    assert (sent, statuses, app.requests_open) == ([], [499], 0)


@pytest.mark.parametrize("chunks", [[b" " * 1_001], [b" " * 600, b" " * 401], [b" "] * 1_001])
async def test_the_limit_holds_however_the_body_comes(chunks: list[bytes]) -> None:
    told = await ask(WebApp(ROUTES), "POST", b"/v1/greet/a", chunks)
    assert told.status == 413
    assert told.json["detail"] == "The body is 1001 bytes large; at most 1000 are allowed."


async def test_every_answer_is_observed_by_route() -> None:
    seen: list[tuple[str, str, int]] = []
    app = WebApp(ROUTES, observe=lambda method, path, status, _seconds: seen.append((method, path, status)))
    await ask(app, "POST", b"/v1/greet/someone", [b'{"name": "x"}'])
    await ask(app, "GET", b"/nowhere")
    assert seen == [("POST", "/v1/greet/{user}", 200), ("GET", "", 404)]


async def test_a_foreign_websocket_is_closed_and_lifespan_is_answered() -> None:
    app = WebApp(ROUTES)
    sent: list[Message] = []
    messages = asyncio.Queue[Message]()
    for kind in ("lifespan.startup", "lifespan.shutdown"):
        messages.put_nowait({"type": kind})

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, messages.get, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    sent.clear()
    messages.put_nowait({"type": "websocket.connect"})
    await app({"type": "websocket", "path": "/nowhere"}, messages.get, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]),
    st.binary(max_size=40),
    st.binary(max_size=60),
    st.lists(
        st.tuples(
            st.sampled_from([b"content-type", b"content-length", b"x-request-id", b"origin"]), st.binary(max_size=20)
        )
    ),
)
def test_nothing_a_client_sends_is_a_500(
    method: str, path: bytes, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    app = WebApp(ROUTES[:2])

    async def run() -> None:
        for target in (b"/" + path, b"/v1/greet/" + path):
            told = await ask(app, method, target, [body], headers)
            assert told.status < 500

    asyncio.run(run())


def test_two_routes_of_one_path_and_method_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="routed twice"):
        Router([*ROUTES, ROUTES[0]])


def test_the_document_holds_every_route_and_no_two_of_one_name() -> None:
    with pytest.raises(ValueError, match="two operations are called greet"):
        _ = Documentation(lambda: ROUTES).document
    document = Documentation(lambda: ROUTES[1:]).document
    assert set(document["paths"]) == {"/v1/greet/all", "/v1/fail", "/v1/lose", "/v1/stream"}
    assert document["components"]["schemas"]["Greeting"]["additionalProperties"] is False
