"""Shapes of the client's REST calls, beside those that backends use too (hub.api.inboxes)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.documents import STRICT
from hub.api.inboxes import InboxCounts, Item
from hub.web.query import Parameter, one_of
from hub.web.schema import Schema

MAX_REV = 2**63 - 1
MAX_CURSOR = 1_000  # characters; ours have 32, and whatever is longer is none of them


class CountsAt(InboxCounts):
    """Counts with the revision they belong to; older ones are ignored."""

    rev: int


@with_config(STRICT)
class Receipt(TypedDict):
    """What a client without a way up says: `ack` and `seen` as the frames of those names, `state` as in `hello`."""

    connection: Annotated[str, Field(min_length=1, max_length=100, description="Of `welcome`.")]
    ack: NotRequired[Annotated[int, Field(ge=0, le=MAX_REV)]]
    seen: NotRequired[Annotated[int, Field(ge=0, le=MAX_REV)]]
    state: NotRequired[Literal["active", "idle"]]


ITEM: Schema[Any] = Schema(Item)
COUNTS_AT: Schema[Any] = Schema(CountsAt)
RECEIPT: Schema[Any] = Schema(Receipt)


def _read_cursor(text: str) -> str:
    if len(text) > MAX_CURSOR:
        raise ValueError(f"must have at most {MAX_CURSOR} characters")
    return text


STREAM_QUERY: tuple[Parameter, ...] = (
    Parameter(
        "since",
        _read_cursor,
        {"type": "string", "maxLength": MAX_CURSOR},
        "A cursor to go on from; `Last-Event-ID` wins over it.",
    ),
    Parameter(
        "state",
        one_of("active", "idle"),
        {"type": "string", "enum": ["active", "idle"], "default": "active"},
        "As in `hello`.",
        "active",
    ),
)
