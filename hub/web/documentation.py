"""Routes of `/openapi.json` and `/docs`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

import msgspec

from hub.web.openapi import openapi_document
from hub.web.reference import PAGE_CSP, STYLE_PATH, reference_page
from hub.web.request import Request
from hub.web.response import HTML, Response
from hub.web.routing import Reply, Route


def hub_version() -> str:
    """The installed release."""
    try:
        return version("notification-hub")
    except PackageNotFoundError:
        return "0"


class Documentation:
    """Describes the routes that `described` names when it is first asked; every role describes api and gateway."""

    def __init__(self, described: Callable[[], Iterable[Route]], *, server_url: str | None = None) -> None:
        self._described = described
        self._server_url = server_url

    @cached_property
    def document(self) -> dict[str, Any]:
        return openapi_document(self._described(), version=hub_version(), server_url=self._server_url)

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self.document)

    @cached_property
    def _page(self) -> bytes:
        return reference_page(self.document)

    @cached_property
    def _style(self) -> bytes:
        return (files("hub.web") / "reference.css").read_bytes()

    def routes(self) -> list[Route]:
        data = Reply("OpenAPI 3.1.")
        page = Reply("A page to read.", media_type="text/html")
        style = Reply("Its style sheet.", media_type="text/css")
        return [
            Route("GET", "/openapi.json", self.openapi_json, "This document", "operation", {200: data}, hidden=True),
            Route("GET", "/docs", self.docs, "The reference", "operation", {200: page}, hidden=True),
            Route("GET", STYLE_PATH, self.docs_style, "Its style sheet", "operation", {200: style}, hidden=True),
        ]

    async def openapi_json(self, _request: Request) -> Response:
        return Response(200, self._json)

    async def docs(self, _request: Request) -> Response:
        return Response(200, self._page, media_type=HTML, headers=[(b"content-security-policy", PAGE_CSP)])

    async def docs_style(self, _request: Request) -> Response:
        return Response(
            200, self._style, media_type=b"text/css; charset=utf-8", headers=[(b"cache-control", b"max-age=3600")]
        )
