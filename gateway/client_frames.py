"""What clients send: one struct per frame, the source of both the decoder and the AsyncAPI document.

A frame is refused by name, never by guess: unknown type, unknown field, wrong type, out of range. Whatever the bytes,
`decode` returns a frame or raises BadFrame.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from hub.model.mark import Action

MAX_FRAME_BYTES = 16 * 1024  # contract

Rev: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1, description="a revision of the person's inbox")]
Ref: TypeAlias = Annotated[
    int, Meta(ge=-(2**63), le=2**63 - 1, description="returned in the answer, so that it finds its question")
]
State: TypeAlias = Literal["active", "idle"]


class ClientFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all frames, client to hub."""


class Hello(ClientFrame, frozen=True, tag="hello"):
    """First, within `hello_seconds`, once."""

    token: str
    cursor: str | None = None
    state: State = "active"


class Ack(ClientFrame, frozen=True, tag="ack"):
    """I hold everything up to `rev`; at most every 500 ms; takes no rev; repeated after a reconnect."""

    rev: Rev


class Seen(ClientFrame, frozen=True, tag="seen"):
    """The person has seen all items with `seq` ≤ `rev`; comes back as `update`."""

    rev: Rev


class Mark(ClientFrame, frozen=True, tag="mark"):
    """As `POST /v1/inbox/mark`; answered `ok` or `error` with the same `ref`."""

    ref: Ref
    action: Action
    ids: Annotated[list[str], Meta(min_length=1, max_length=100)] | None = None
    all: Annotated[bool, Meta(extra_json_schema={"const": True})] | None = None
    upto: Rev | None = None
    category: str | None = None
    tag: str | None = None
    until: Annotated[str, Meta(description="RFC 3339; for snooze")] | None = None


class Sync(ClientFrame, frozen=True, tag="sync"):
    """Send `changes` after this cursor: a frame was missed."""

    cursor: str


class ChangeState(ClientFrame, frozen=True, tag="state"):
    """Whether the person is at it: a visible page with recent activity is `active`."""

    state: State


class Token(ClientFrame, frozen=True, tag="token"):
    """A fresh token of the same person, before the old one expires; answered `ok` or `error`."""

    ref: Ref
    token: str


class Ping(ClientFrame, frozen=True, tag="ping"):
    """Answered `pong`."""


class Pong(ClientFrame, frozen=True, tag="pong"):
    """Answer to `ping`."""


class MarkBody(msgspec.Struct, frozen=True):
    """A `mark` as it arrived; its body is checked where the REST call checks it (hub.model.mark)."""

    ref: int
    body: dict[str, Any]


Frame: TypeAlias = Hello | Ack | Seen | Sync | ChangeState | Token | Ping | Pong | MarkBody
FRAMES: tuple[type[ClientFrame], ...] = (Hello, Ack, Seen, Mark, Sync, ChangeState, Token, Ping, Pong)
_BY_TYPE: dict[str, type[Any]] = {str(frame.__struct_config__.tag): frame for frame in FRAMES}


class BadFrame(Exception):
    """A frame that is none: `code` and `ref` for the `error` frame, `detail` for the person who reads it."""

    def __init__(self, code: str, detail: str, ref: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.ref = ref


def decode(data: bytes) -> Frame:
    """The frame in the payload of a text message.

    Raises:
        BadFrame: `invalid_frame`, or `unknown_type` for a JSON object whose type is none of ours.
    """
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame("invalid_frame", f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadFrame("invalid_frame", "a frame is one JSON object with a type")
    ref = body.get("ref")
    if type(ref) is not int or not -(2**63) <= ref < 2**63:
        ref = None
    kind = body.get("type")
    if not isinstance(kind, str):
        raise BadFrame("invalid_frame", "type: is required and must be a string", ref)
    shape = _BY_TYPE.get(kind)
    if shape is None:
        raise BadFrame("unknown_type", f"there is no frame type {kind[:60]!r}; there are {', '.join(_BY_TYPE)}", ref)
    if shape is Mark:
        if ref is None:
            raise BadFrame("invalid_frame", "ref: is required and must be an integer of 64 bits")
        return MarkBody(ref, {name: value for name, value in body.items() if name not in ("type", "ref")})
    try:
        frame: Frame = msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise BadFrame("invalid_frame", _explain(str(error)), ref) from None
    return frame


def _explain(message: str) -> str:
    """msgspec's message, with the field first: `$.rev` becomes `rev`."""
    text, _, path = message.partition(" - at `$.")
    return f"{path.rstrip('`')}: {text}" if path else text
