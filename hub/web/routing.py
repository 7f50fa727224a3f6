"""Which handler answers: a tree over the decoded segments of the raw path.

A literal segment wins over a placeholder. Placeholders hold one segment, whatever it contains: `project%2F42` is one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from hub.exceptions import Refused
from hub.web.asgi import ASGIApp
from hub.web.query import Parameter
from hub.web.request import Request
from hub.web.response import Response
from hub.web.schema import Schema

Answer: TypeAlias = Response | ASGIApp
"""What a handler returns; an ASGI application streams its answer itself."""
Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]


class Guard(Protocol):
    """Who may call. One guard serves many routes; a route says which scopes it wants."""

    name: str
    """Of the security scheme in the OpenAPI document."""
    scheme: Mapping[str, Any]
    """The security scheme itself."""

    async def admit(self, request: Request, route: Route) -> None:
        """Authenticates, checks scopes, takes from the rate limit; sets `credential` and `allowance`.

        Raises:
            Unauthenticated, Forbidden, RateLimited, Unavailable.
        """


@dataclass(frozen=True)
class Reply:
    """One documented answer: what it means, and its body's schema for `media_type`."""

    description: str
    schema: Schema[Any] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()  # other media types of the same answer, by Accept
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # operation → its parameters from this answer


@dataclass(frozen=True, eq=False)
class Route:
    """One call of the HTTP API, with everything that its documentation needs.

    Attributes:
        path: With placeholders, each a whole segment: `/v1/users/{user}/tokens`.
        guard: None for a public call.
        scopes: Any one of them is enough; empty: any credential.
        ids: Placeholders that hold ids of ours (UUIDs); the others hold callers' names.
        idempotent: Whether an `Idempotency-Key` is honoured.
        errors: Statuses of refusals beside those every route of its kind has.
        stream: Answers with a stream: no HEAD.
        ignored_query: Parameters that the guard reads.
        refuse: Tells refusals to those who follow a link, and cannot read a problem document. Such a path takes any
            query: mail programs add parameters of theirs to links.
        tokens: Placeholders that hold signed tokens, longer than names; no log may show them.
        takes: The media type of a body that is no JSON.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    replies: Mapping[int, Reply]
    description: str = ""
    guard: Guard | None = None
    scopes: tuple[str, ...] = ()
    body: Schema[Any] | None = None
    body_required: bool = True
    body_limit: int | None = None
    query: Sequence[Parameter] = ()
    ids: frozenset[str] = frozenset()
    idempotent: bool = False
    errors: tuple[int, ...] = ()
    stream: bool = False
    hidden: bool = False
    ignored_query: frozenset[str] = frozenset()
    refuse: Callable[[Request, Refused], Response] | None = None
    tokens: frozenset[str] = frozenset()
    takes: str | None = None

    @cached_property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class _Node:
    __slots__ = ("literals", "methods", "placeholder")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.placeholder: _Node | None = None
        self.methods: dict[str, Route] = {}


class Router:
    """Routes by path and method.

    Raises:
        ValueError: two routes have one path and method.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self.routes: list[Route] = []
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for part in route.path.split("/")[1:]:
            if part.startswith("{"):
                if node.placeholder is None:
                    node.placeholder = _Node()
                node = node.placeholder
            else:
                node = node.literals.setdefault(part, _Node())
        if route.method in node.methods:
            raise ValueError(f"{route.method} {route.path} is routed twice")
        node.methods[route.method] = route
        self.routes.append(route)

    def find(self, segments: Sequence[str]) -> tuple[Mapping[str, Route], list[str]] | None:
        """The routes of a path by method, with the values of its placeholders in order; None: no such path."""
        node = self._root
        values: list[str] = []
        for segment in segments:
            literal = node.literals.get(segment)
            if literal is not None:
                node = literal
            elif node.placeholder is not None and segment:
                node = node.placeholder
                values.append(segment)
            else:
                return None
        return (node.methods, values) if node.methods else None


def allowed_methods(routes: Mapping[str, Route]) -> list[str]:
    """What `Allow` says of a path."""
    methods = set(routes)
    if "GET" in methods and not routes["GET"].stream:
        methods.add("HEAD")
    return sorted({*methods, "OPTIONS"})
