"""Refusing publishes for which there is no room, before anything else is done for them.

Whoever asks for twice of what can be written makes the API spend its CPU on refusals. One that went the whole way,
through routing, checking and composing, took 130 µs: of 8,500 requests a second some 400 of the 4,200 that there is
room for were still accepted, and critical ones waited for two seconds (`python -m benchmarks.sustained overload`,
November 2026). Here it is a look at what the body says about its lane, in the turn in which it was read. What is not
plain at a look goes the whole way.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from hub.api.context import Api
from hub.api.guard import bearer
from hub.exceptions import RateLimited, Unavailable
from hub.model.notification import LANES
from hub.publish.publisher import overloaded
from hub.security import allows
from hub.store.categories import GENERAL
from hub.store.keys import KeyRow
from hub.web.app import WebApp, request_id
from hub.web.asgi import Message, Scope
from hub.web.limits import Allowance
from hub.web.metrics import observe_http
from hub.web.problems import problem
from hub.web.request import BODY_LIMIT_BYTES, Request
from hub.web.whole_answer import WholeAnswer

PATH = "/v1/notifications"
PLAIN = ("POST", PATH.encode("ascii"), b"")
SCOPES = ("notifications:write",)


class _Lane(msgspec.Struct):
    """What of a publish says how urgent it is."""

    priority: Literal["critical", "normal", "bulk"] | None = None
    category: str | None = None
    template: Any = None  # may bring a category of its own


_lane = msgspec.json.Decoder(_Lane)
assert set(LANES) == {"critical", "normal", "bulk"}


class Shedding:
    """Knows which requests are refused at a look."""

    def __init__(self, api: Api, app: WebApp) -> None:
        self._api = api
        self._app = app

    @property
    def busy(self) -> bool:
        """See hub.web.http.Shed."""
        return self._api.hub.publisher.full("bulk")

    def __call__(self, scope: Scope, body: bytearray) -> WholeAnswer | None:
        """See hub.web.http.Shed."""
        started = time.perf_counter()
        key = self._caller(scope)
        refused = None if key is None else self._refusal(key, body)
        if refused is None:
            return None
        refusal, allowance = refused
        request = Request(scope, _nothing, request_id(scope))
        request.allowance = allowance
        answer = self._app.whole(request, problem(refusal, request.id))
        observe_http("POST", PATH, answer[0], time.perf_counter() - started)
        return answer

    def _caller(self, scope: Scope) -> KeyRow | None:
        """Whose plain publish this is; None for everything else, and for whom the API would refuse or look up."""
        if scope["type"] != "http" or (scope["method"], scope["raw_path"], scope["query_string"]) != PLAIN:
            return None
        authorization: str | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if authorization is not None:
                    return None
                authorization = value.decode("latin-1")
            elif name == b"expect":  # 100-continue: whoever reads the body gives leave to send it
                return None
        token = bearer(authorization)
        key = None if token is None else self._api.authority.known_key(token)
        if key is None or key.categories is not None or not allows(key.scopes, SCOPES):
            return None
        return key

    def _refusal(self, key: KeyRow, body: bytearray) -> tuple[Unavailable, Allowance] | None:
        """Why this is refused, and what is left of the key's rate, of which it has taken its part."""
        if len(body) > BODY_LIMIT_BYTES:
            return None
        try:
            lane = _lane.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        priority: str | None = lane.priority
        if priority is None:
            if lane.template is not None and lane.category is None:
                return None
            priority = self._api.known_priority(key, lane.category or GENERAL)
        if priority is None or not self._api.hub.publisher.full(priority):
            return None
        try:
            allowance = self._api.guard.take(key)
        except RateLimited:
            return None
        return overloaded(priority), allowance


async def _nothing() -> Message:
    """Nobody reads a request that is refused at a look."""
    raise AssertionError("unreachable")
