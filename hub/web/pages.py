"""Lists: pages with opaque cursors."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from hub.exceptions import Invalid
from hub.web.response import Response, json_response

R = TypeVar("R")


def page_response(
    rows: Sequence[R], limit: int, document: Callable[[R], Any], position: Callable[[R], Any]
) -> Response:
    """A page of `limit` entries.

    Args:
        rows: One more than `limit`, if there are so many.
        document: An entry as it is shown.
        position: What the list sorts by; goes into the cursor.
    """
    page = rows[:limit]
    following = encode_page_cursor(position(page[-1])) if len(rows) > limit else None
    return json_response({"items": [document(row) for row in page], "next_cursor": following})


def encode_page_cursor(*values: Any) -> str:
    """Where a page ended: the values that its last row sorts by."""
    return urlsafe_b64encode(msgspec.json.encode(values)).decode("ascii").rstrip("=")


def cursor_value(text: str | None, kind: type[R]) -> R | None:
    """The one value of a cursor that `page_response` made; see `decode_page_cursor`."""
    values = decode_page_cursor(text, kind)
    return None if values is None else values[0]


def decode_page_cursor(text: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """What `encode_page_cursor` was given, or None without a cursor.

    Args:
        kinds: The types its values must have, so that a cursor of another list cannot reach the store.

    Raises:
        Invalid: it is no cursor of this list.
    """
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        values: tuple[Any, ...] = msgspec.json.decode(raw, type=tuple[kinds], strict=True)  # type: ignore[valid-type]
        if not all(_is_storable(value) for value in values):
            raise ValueError
        return values
    except (ValueError, msgspec.MsgspecError):
        raise Invalid.field(
            "query.cursor", "invalid_cursor", "is not a cursor of this list; start again without it"
        ) from None


def _is_storable(value: Any) -> bool:
    """Whether Postgres can compare with it: anybody can write a cursor."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, str) or "\x00" not in value
