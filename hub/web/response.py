"""Answers."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.web.asgi import Headers

JSON = b"application/json"
PROBLEM = b"application/problem+json"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"


class Response:
    """One complete answer: status, body and the headers beside content-type and content-length."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self, status: int, body: bytes = b"", *, media_type: bytes = JSON, headers: Headers | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.media_type = media_type
        self.headers: Headers = [] if headers is None else headers


def json_response(value: Any, status: int = 200, *, headers: Headers | None = None) -> Response:
    """`value` as JSON. Aware datetimes must be formatted before (hub.model.times)."""
    return Response(status, msgspec.json.encode(value), headers=headers)


NO_CONTENT = 204


def no_content() -> Response:
    """204."""
    return Response(NO_CONTENT)
