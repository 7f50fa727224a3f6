"""Refusing publishes for which there is no room, before anything else is done for them.

Whoever asks for twice of what can be written makes the API spend its CPU on refusals. One that went the whole way,
through routing, checking and composing, took 130 µs: of 8,500 requests a second some 400 of the 4,200 that there is
room for were still accepted, and critical ones waited for two seconds (`python -m benchmarks.sustained overload`,
November 2026). Here it is a look at what the body says about its lane, before the request is parsed, and an answer of
which all but a few numbers is ready: 26 µs, where the parser's work and an answer made anew took 45, and 1.5 times as
many normal ones accepted under twice the load. What is not plain at a look goes the whole way.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any, Literal

import msgspec
import uuid_utils

from hub.api.context import Api
from hub.api.guard import bearer
from hub.exceptions import RateLimited
from hub.model.notification import LANES
from hub.publish.publisher import count_refused, overloaded
from hub.security import allows
from hub.store.categories import GENERAL
from hub.store.keys import KeyRow
from hub.web.app import REQUEST_ID, WebApp
from hub.web.asgi import Message
from hub.web.limits import Allowance
from hub.web.metrics import observe_http
from hub.web.problems import problem
from hub.web.request import Request
from hub.web.usual import Usual

PATH = "/v1/notifications"
SCOPES = ("notifications:write",)


class _Lane(msgspec.Struct):
    """What of a publish says how urgent it is."""

    priority: Literal["critical", "normal", "bulk"] | None = None
    category: str | None = None
    template: Any = None  # may bring a category of its own


_lane = msgspec.json.Decoder(_Lane)
assert set(LANES) == {"critical", "normal", "bulk"}

# Stand in an answer for what differs from one to the next.
_ID = "0" * 32
_NUMBERS = Allowance(1_000_000_001, 1_000_000_002, 1_000_000_003)


class Shedding:
    """Knows which requests are refused at a look. See hub.web.http.Shed."""

    line = f"POST {PATH} HTTP/1.1\r\n".encode("ascii")

    def __init__(self, api: Api, app: WebApp) -> None:
        self._api = api
        self._app = app
        self._form = cache(self._make_form)

    @property
    def busy(self) -> bool:
        """See hub.web.http.Shed."""
        return self._api.hub.publisher.full("bulk")

    def __call__(self, request: Usual) -> tuple[int, bytes] | None:
        """See hub.web.http.Shed."""
        started = time.perf_counter()
        key = self._caller(request)
        priority = None if key is None else self._priority(key, request.body)
        if key is None or priority is None or not self._api.hub.publisher.full(priority):
            return None
        request_id = request.fields.get(b"x-request-id")
        if request_id is None:
            request_id = uuid_utils.uuid7().hex.encode("ascii")
        elif REQUEST_ID.fullmatch(request_id.decode("ascii")) is None:
            return None
        try:
            allowance = self._api.guard.take(key)
        except RateLimited:
            return None
        count_refused(priority)
        status, length, form = self._form(priority)
        answer = form % {
            b"id": request_id,
            b"length": length - len(_ID) + len(request_id),
            b"limit": allowance.limit,
            b"remaining": allowance.remaining,
            b"reset": allowance.reset_seconds,
        }
        observe_http("POST", PATH, status, time.perf_counter() - started)
        return status, answer

    def _caller(self, request: Usual) -> KeyRow | None:
        """Whose plain publish this is; None for whom the API would refuse or look up, and for pages of a browser."""
        authorization = request.fields.get(b"authorization")
        if authorization is None or b"origin" in request.fields:
            return None
        token = bearer(authorization.decode("ascii"))
        key = None if token is None else self._api.authority.known_key(token)
        if key is None or key.categories is not None or not allows(key.scopes, SCOPES):
            return None
        return key

    def _priority(self, key: KeyRow, body: bytes) -> str | None:
        """How urgent a publish is, where that is plain."""
        try:
            lane = _lane.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if lane.priority is None and (lane.template is None or lane.category is not None):
            return self._api.known_priority(key, lane.category or GENERAL)
        return lane.priority

    def _make_form(self, priority: str) -> tuple[int, int, bytes]:
        """The API's own answer to what is refused of this lane: status, the body's length, and headers and body with
        gaps.
        """
        request = Request({"method": "POST", "path": PATH, "headers": []}, _nothing, _ID)
        request.allowance = _NUMBERS
        status, headers, body = self._app.whole(request, problem(overloaded(priority), request.id))
        lines = [name + b": " + value for name, value in headers if name != b"content-length"]
        form = b"\r\n".join([*lines, b"", body]).replace(b"%", b"%%").replace(_ID.encode("ascii"), b"%(id)b")
        for number, name in zip(_NUMBERS, (b"limit", b"remaining", b"reset"), strict=True):
            form = form.replace(b"%d" % number, b"%%(%b)d" % name)
        return status, len(body), b"content-length: %(length)d\r\n" + form


async def _nothing() -> Message:
    """Nobody reads a request that is refused at a look."""
    raise AssertionError("unreachable")
