"""Refusing publishes for which there is no room, before anything else is done for them.

Whoever asks for twice of what can be written makes the API spend its CPU on refusals. One that went the whole way,
through routing, checking and composing, took 130 µs: of 8,500 requests a second some 400 of the 4,200 that there is
room for were still accepted, and critical ones waited for two seconds; now 3,500, and a quarter of a second
(`python -m benchmarks.sustained overload`, November 2026). Here it is a look at what the body says about its lane.
What is not plain at a look goes the whole way.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec

from hub.api.context import Api
from hub.api.guard import bearer
from hub.exceptions import Unavailable
from hub.model.notification import LANES
from hub.web.app import NO_STORE, SECURE, request_id
from hub.web.asgi import ASGIApp, Headers, Message, Receive, Scope, Send
from hub.web.eager import await_within
from hub.web.metrics import observe_http
from hub.web.problems import problem
from hub.web.request import BODY_LIMIT_BYTES, BODY_SECONDS

PATH = "/v1/notifications"


class _Lane(msgspec.Struct):
    """What of a publish says how urgent it is."""

    priority: Literal["critical", "normal", "bulk"] | None = None
    category: str = "general"


_lane = msgspec.json.Decoder(_Lane)
assert set(LANES) == {"critical", "normal", "bulk"}


class Shedding:
    """An ASGI application before the API's."""

    def __init__(self, api: Api, app: ASGIApp) -> None:
        self._api = api
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            not self._api.hub.publisher.crowded
            or scope["type"] != "http"
            or scope["method"] != "POST"
            or scope["path"] != PATH
        ):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            first = await await_within(receive(), asyncio.get_running_loop().time() + BODY_SECONDS)
        except TimeoutError:
            await self._app(scope, receive, send)  # which says that it was too slow
            return
        answer = self._refusal(scope, first)
        if answer is None:
            await self._app(scope, _after(first, receive), send)
            return
        refused, headers = answer
        response = problem(refused, headers[0][1].decode("latin-1"))
        headers += [(b"content-type", response.media_type), (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers + response.headers})
        await send({"type": "http.response.body", "body": response.body})
        observe_http("POST", PATH, response.status, time.perf_counter() - started)

    def _refusal(self, scope: Scope, message: Message) -> tuple[Unavailable, Headers] | None:
        """Why this is refused, and the headers that every answer has, the request's id first; None: ask the API."""
        body: bytes = message.get("body", b"")
        if message["type"] != "http.request" or message.get("more_body", False) or len(body) > BODY_LIMIT_BYTES:
            return None
        authorization: str | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"origin":
                return None
        token = bearer(authorization)
        key = None if token is None else self._api.authority.known_key(token)
        if key is None:
            return None
        try:
            wish = _lane.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        priority = wish.priority or self._api.known_priority(key, wish.category)
        refused = None if priority is None else self._api.hub.publisher.refusal(priority)
        if refused is None:
            return None
        allowance = self._api.guard.allowance(key)
        return refused, [
            (b"x-request-id", request_id(scope).encode("latin-1")),
            *SECURE,
            *allowance.headers(),
            NO_STORE,
        ]


def _after(first: Message, receive: Receive) -> Receive:
    """`receive` with a message before it that was taken already."""
    taken: list[Message] = [first]

    async def again() -> Message:
        return taken.pop() if taken else await receive()

    return again
