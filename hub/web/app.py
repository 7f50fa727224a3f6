"""One request from bytes to answer.

The order is: path, route, method, guard (credential, scopes, rate), then the handler reads query and body. Whatever
goes wrong becomes one problem document; nothing a client sends is a 500. What is our fault is logged once, with the
request's id, and the client learns the id only.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
import uuid_utils

from hub.exceptions import InternalError, Invalid, NotFound, Refused
from hub.web.asgi import ASGIApp, Headers, Message, Receive, Scope, Send
from hub.web.limits import RateLimiter
from hub.web.origins import Origins
from hub.web.paths import NAME, split_path
from hub.web.problems import problem, problem_document
from hub.web.request import ClientGone, Request
from hub.web.response import HTML, PROBLEM, Response, json_response
from hub.web.routing import Answer, Route, Router, allowed_methods
from hub.web.whole_answer import WholeAnswer, answer_at_once

REFUSALS_PER_SECOND = 20  # failed authentications an address may cause: a fleet with a wrong key, not a guesser
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_COMMON: Headers = [(b"x-content-type-options", b"nosniff")]
_NO_STORE = (b"cache-control", b"no-store")
_HTML_ONLY: Headers = [(b"referrer-policy", b"no-referrer"), (b"x-frame-options", b"DENY")]

log = structlog.get_logger("hub.web")

Translate = Callable[[Exception], Refused | None]
"""Makes a refusal of an exception that is an outage (a database that went away), or None when it is a bug."""
Observe = Callable[[str, str, int, float], None]
"""Hears of every answer: method, route's path (or ""), status, seconds."""


def refusal_limiter() -> RateLimiter:
    """Buckets for failed authentications, by address; five seconds' worth may come at once."""
    return RateLimiter(burst_seconds=5.0)


def no_outages(_error: Exception) -> Refused | None:
    """Every exception is a bug."""
    return None


def ignore(_method: str, _path: str, _status: int, _seconds: float) -> None:
    """Observes nothing."""


class WebApp:
    """An ASGI application over routes.

    Args:
        routes: Everything it answers over HTTP.
        websockets: ASGI applications by path; another path is closed before it is accepted.
        origins: For CORS.
        translate, observe: See their types.
        refusals: Buckets by address that the guards take from when they refuse a credential.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        websockets: Mapping[str, ASGIApp] | None = None,
        origins: Origins | None = None,
        translate: Translate = no_outages,
        observe: Observe = ignore,
        refusals: RateLimiter | None = None,
    ) -> None:
        self._router = Router(routes)
        self._websockets = dict(websockets or {})
        self._origins = origins or Origins()
        self._translate = translate
        self._observe = observe
        self.refusals = refusals or refusal_limiter()
        self.requests_open = 0

    @property
    def routes(self) -> list[Route]:
        return self._router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "websocket":
            application = self._websockets.get(scope["path"])
            if application is None:
                await receive()
                await send({"type": "websocket.close", "code": 4503, "reason": "there is no WebSocket at this path"})
            else:
                await application(scope, receive, send)
        elif kind == "lifespan":
            await _lifespan(receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive, request_id(scope))
        answer_started = False
        status = 0

        async def watched(message: Message) -> None:
            nonlocal answer_started, status
            if message["type"] == "http.response.start":
                answer_started = True
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self._headers(request)]
            await send(message)

        self.requests_open += 1
        try:
            answer = await self._answer(request)
            if isinstance(answer, Response):
                status = answer.status
                await self.send(request, answer, send)
            else:
                await answer(scope, receive, watched)
        except ClientGone:
            status = 499  # nginx's number for it; never sent
        except Exception as error:
            self._log(request, error)
            if not answer_started:  # a stream that broke can only be cut, which the server does when we return
                response = self._failure(request, error)
                status = response.status
                await self.send(request, response, send)
        finally:
            self.requests_open -= 1
            path = request.route.path if request.route else ""
            self._observe(request.method, path, status, time.perf_counter() - started)
            if 400 <= status < 429:  # what a caller asks about by its id; 429 and later are counted, or logged with why
                log.info("refused", request_id=request.id, method=request.method, route=path, status=status)

    async def _answer(self, request: Request) -> Answer:
        try:
            route = self._route(request)
            if isinstance(route, Response):
                return route
            if route.guard is not None:
                await route.guard.admit(request, route)
            if route.refuse is None:
                _ = request.query  # refuses unknown parameters also where the handler wants none
            return await route.handler(request)
        except Refused as refused:
            return _refusal(request, refused)

    def _route(self, request: Request) -> Route | Response:
        segments = split_path(request.raw_path)
        found = self._router.find(segments)
        if found is None:
            raise NotFound("There is nothing at this path. /docs lists what there is.")
        methods, values = found
        method = request.method
        if method == "OPTIONS":
            return self._options(request, methods)
        route = methods.get(method)
        if route is None and method == "HEAD":
            route = methods.get("GET")
            if route is not None and route.stream:
                route = None
        if route is None:
            return _method_not_allowed(request, methods)
        request.route = route
        for name, value in zip(route.placeholders, values, strict=True):
            if name in route.ids:
                if _UUID.fullmatch(value) is None:
                    raise NotFound(
                        f"There is no {name} {value[:80]!r}: ours look like 01a21926-9c1e-7a1e-8000-000000000000."
                    )
            elif name not in route.tokens and NAME.fullmatch(value) is None:
                raise Invalid.field(
                    f"path.{name}", "invalid_name", "must be 1 to 255 characters without control characters"
                )
            request.params[name] = value
        return route

    def _options(self, request: Request, methods: Mapping[str, Route]) -> Response:
        allowed = allowed_methods(methods)
        headers: Headers = [(b"allow", ", ".join(allowed).encode("ascii"))]
        origin = request.header(b"origin")
        if origin is not None and self._origins.allows(origin, request.header(b"host")):
            headers += self._origins.preflight_headers(allowed)
        return Response(204, headers=headers)

    def _failure(self, request: Request, error: Exception) -> Response:
        refused = self._translate(error)
        if refused is not None:
            return _refusal(request, refused)
        if request.route is not None and request.route.refuse is not None:
            return request.route.refuse(request, InternalError("The hub failed."))
        detail = "The hub failed. It is not your fault; tell its operator the request id."
        return json_problem(500, "Internal error", "internal_error", detail, request.id)

    def _log(self, request: Request, error: Exception) -> None:
        path = request.route.path if request.route else ""
        if (refused := self._translate(error)) is not None:
            log.warning(
                "unavailable", request_id=request.id, route=path, cause=type(error).__name__, detail=refused.detail
            )
        else:
            log.error("request failed", request_id=request.id, method=request.method, route=path, exc_info=error)

    def _headers(self, request: Request) -> Headers:
        allowance = request.allowance
        if allowance is None:
            allowance = self.refusals.peek(request.address, REFUSALS_PER_SECOND)
        headers: Headers = [*_COMMON, (b"x-request-id", request.id.encode("latin-1")), *allowance.headers()]
        origin = request.header(b"origin")
        if origin is not None:
            headers += self._origins.cors_headers(origin, request.header(b"host"))
        return headers

    def whole(self, request: Request, response: Response) -> WholeAnswer:
        """An answer as it is sent, with the headers that all have."""
        headers = self._headers(request)
        if any(name == b"access-control-allow-origin" for name, _ in response.headers):  # open to everybody: said once
            headers = [header for header in headers if header[0] != b"access-control-allow-origin"]
        if response.media_type == HTML:
            headers += _HTML_ONLY
        elif request.allowance is not None:
            headers.append(_NO_STORE)
        bodyless = response.status in (204, 304)
        if not bodyless:
            headers.append((b"content-type", response.media_type))
            headers.append((b"content-length", b"%d" % len(response.body)))
        headers += response.headers
        if request.body_cut:
            headers.append((b"connection", b"close"))
        return response.status, headers, b"" if bodyless or request.method == "HEAD" else response.body

    async def send(self, request: Request, response: Response, send: Send) -> None:
        """Sends an answer, with the headers that all have."""
        status, headers, body = answer = self.whole(request, response)
        if not answer_at_once(send, answer):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def json_problem(
    status: int, title: str, code: str, detail: str, request_id: str, headers: Headers | None = None
) -> Response:
    """A problem that is no Refused: our own failures, and methods that a path does not have."""
    response = json_response(problem_document(status, title, code, detail, request_id), status, headers=headers)
    response.media_type = PROBLEM
    return response


def _refusal(request: Request, refused: Refused) -> Response:
    route = request.route
    return problem(refused, request.id) if route is None or route.refuse is None else route.refuse(request, refused)


def _method_not_allowed(request: Request, methods: Mapping[str, Route]) -> Response:
    allowed = ", ".join(allowed_methods(methods))
    detail = f"{request.method[:20]} is not possible here; {allowed} are."
    headers: Headers = [(b"allow", allowed.encode("ascii"))]
    return json_problem(405, "Method not allowed", "method_not_allowed", detail, request.id, headers)


def request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if REQUEST_ID.fullmatch(text):
                return text
            break
    return uuid_utils.uuid7().hex


async def _lifespan(receive: Receive, send: Send) -> None:
    """Whoever runs the server opens and closes what the application needs; there is nothing to do here."""
    while True:
        message: dict[str, Any] = dict(await receive())
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
