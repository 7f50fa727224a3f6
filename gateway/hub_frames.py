"""What the hub sends: the shapes of the frames that hub.model.frames builds.

Frames are built as bytes, without objects; these shapes describe them for the AsyncAPI document, and a test holds what
is built against them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from hub.api.inboxes import InboxCounts as Counts
from hub.api.inboxes import Item

_EXACT = ConfigDict(extra="forbid")
Rev: TypeAlias = Annotated[int, Field(ge=0, description="The revision that this frame brings a client to.")]
Cursor: TypeAlias = Annotated[str, Field(description="Where to go on after it.")]


@with_config(_EXACT)
class Welcome(TypedDict):
    """Answer to `hello`. With a cursor only the first three; then `changes` or `reset` follow."""

    type: Literal["welcome"]
    connection: str
    heartbeat_seconds: float
    expires_at: Annotated[str, Field(description="When the token expires.")]
    rev: NotRequired[Rev]
    cursor: NotRequired[Cursor]
    counts: NotRequired[Counts]
    items: NotRequired[Annotated[list[Item], Field(max_length=50)]]
    next_cursor: NotRequired[str | None]


class Change(TypedDict):
    """One entry of `changes.updates`."""

    rev: Rev
    ids: NotRequired[list[str]]
    all: NotRequired[Literal[True]]
    upto: NotRequired[int]
    category: NotRequired[str]
    tag: NotRequired[str]
    set: Annotated[
        dict[str, str | None], Field(description="A time applies where the field is null; `snoozed_until` always.")
    ]


@with_config(_EXACT)
class Changes(TypedDict):
    """What happened after `since`: `items`, then `updates`, then `removed`."""

    type: Literal["changes"]
    since: Annotated[int, Field(ge=0, description="Apply when it is at most the own rev.")]
    rev: Rev
    cursor: Cursor
    updates: list[Change]
    items: Annotated[list[Item], Field(max_length=200)]
    removed: list[str]
    more: Annotated[bool, Field(description="Another page follows unasked.")]
    counts: NotRequired[Annotated[Counts, Field(description="On the last page.")]]


@with_config(_EXACT)
class Reset(TypedDict):
    """Discard everything; a `welcome` with items follows."""

    type: Literal["reset"]


@with_config(_EXACT)
class ItemFrame(TypedDict):
    """A new item, with what it collapsed, or one changed."""

    type: Literal["item"]
    rev: Rev
    cursor: Cursor
    item: Item
    removed: NotRequired[list[str]]
    counts: Counts


@with_config(_EXACT)
class UpdateFrame(Change):
    """Marks, one's own too."""

    type: Literal["update"]
    cursor: Cursor
    counts: Counts


@with_config(_EXACT)
class RemovedFrame(TypedDict):
    """Deleted, cancelled or expired items."""

    type: Literal["removed"]
    rev: Rev
    cursor: Cursor
    ids: list[str]
    counts: Counts


@with_config(_EXACT)
class Ok(TypedDict):
    """A `mark` or `token` was carried out. Its rev never advances a client."""

    type: Literal["ok"]
    ref: int
    rev: int
    changed: int


@with_config(_EXACT)
class Error(TypedDict):
    """A frame was not carried out; the connection stays."""

    type: Literal["error"]
    ref: NotRequired[int]
    code: Literal[
        "invalid_frame", "unknown_type", "forbidden", "not_found", "rate_limited", "token_refused", "unavailable"
    ]
    detail: str


@with_config(_EXACT)
class HubPing(TypedDict):
    """Answer `pong`."""

    type: Literal["ping"]


@with_config(_EXACT)
class HubPong(TypedDict):
    """Answer to a client's `ping`."""

    type: Literal["pong"]


FRAMES: dict[str, type[Any]] = {
    "welcome": Welcome,
    "changes": Changes,
    "reset": Reset,
    "item": ItemFrame,
    "update": UpdateFrame,
    "removed": RemovedFrame,
    "ok": Ok,
    "error": Error,
    "ping": HubPing,
    "pong": HubPong,
}
