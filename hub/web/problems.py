"""Refusals as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.exceptions import Refused
from hub.web.asgi import Headers
from hub.web.response import PROBLEM, Response

MAX_ERRORS = 50  # wrong fields told at once; a caller mends those first, and an answer stays small
MAX_DETAIL = 2_000  # characters
MAX_MESSAGE = 1_000  # characters of what is said of one field: the longest names all reasons
_SHOWN_CHARACTERS = 60  # of a wrong value, in the sentence about it


def given(value: Any, message: str) -> str:
    """The end of a sentence that says what a value must be: `, not 'high'`; nothing where it is long, or said already.

    Only the caller sees it; it is never logged.
    """
    if not message.startswith("must"):
        return ""
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return f", not {len(value)}" if message.endswith("characters") else ""
    if value is None or isinstance(value, bool):
        return f", not {msgspec.json.encode(value).decode()}"
    shown = repr(value) if isinstance(value, str | int | float) else ""
    return f", not {shown}" if shown and shown not in message else ""


def problem(refused: Refused, request_id: str, headers: Headers | None = None) -> Response:
    """The answer to a refused request."""
    extra: Headers = [] if headers is None else headers
    if refused.status == 401:
        extra = [*extra, (b"www-authenticate", b"Bearer")]
    if refused.retry_after is not None:
        extra = [*extra, (b"retry-after", b"%d" % refused.retry_after)]
    document = problem_document(
        refused.status, refused.title, refused.code, refused.detail, request_id, refused.errors[:MAX_ERRORS]
    )
    return Response(refused.status, msgspec.json.encode(document), media_type=PROBLEM, headers=extra)


def problem_document(
    status: int, title: str, code: str, detail: str, request_id: str, errors: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """The members of a problem. `type` is a URN: stable, without promising a page (RFC 9457, section 3.1.1)."""
    document: dict[str, Any] = {
        "type": f"urn:hub:problem:{code}",
        "title": title,
        "status": status,
        "detail": scrub(detail[:MAX_DETAIL]),
        "code": code,
        "request_id": request_id,
    }
    document["errors"] = [
        {"path": scrub(path[:300]), "code": error_code, "message": scrub(message[:MAX_MESSAGE])}
        for path, error_code, message in errors
    ]
    return document


def scrub(text: str) -> str:
    """`text` without lone surrogates, which cannot be sent as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
