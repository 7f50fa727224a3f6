"""The frames of the client protocol, hub to client, as bytes: one JSON object each, `type` first.

Items and updates come in as ready JSON and are spliced, never parsed. The shapes are the contract's; gateway and
publishers build them here and nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hub.model.counts import Counts

_encode = msgspec.json.encode

PING = b'{"type":"ping"}'
PONG = b'{"type":"pong"}'
RESET = b'{"type":"reset"}'
WEBSOCKET_TEXT = 0x81  # FIN and opcode 1 (RFC 6455 section 5.2)
_HEADERS = {126: 4, 127: 10}  # bytes before the text, by the second of them; of short ones 2


def websocket(frame: bytes) -> bytes:
    """`frame` as the bytes of a WebSocket: text, whole, unmasked (RFC 6455 section 5.2)."""
    size = len(frame)
    if size < 126:
        return b"\x81%c%b" % (size, frame)
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + frame
    return struct.pack("!BBQ", WEBSOCKET_TEXT, 127, size) + frame


def out_of_websocket(data: bytes, start: int = 0) -> bytes:
    """The frame in what `websocket` made, which begins at `start` and ends with `data`."""
    return data[start + _HEADERS.get(data[start + 1], 2) :]


def counts_json(counts: Counts) -> bytes:
    return b'{"unseen":%d,"unread":%d,"total":%d}' % counts


def _list(parts: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def welcome(
    connection: str,
    heartbeat_seconds: float,
    expires_at: str,
    *,
    rev: int | None = None,
    cursor: str | None = None,
    counts: Counts | None = None,
    items: Sequence[bytes] = (),
    next_cursor: str | None = None,
) -> bytes:
    """Answer to `hello`; without `rev` the short form that is followed by `changes` or `reset`."""
    head = b'{"type":"welcome","connection":%b,"heartbeat_seconds":%b,"expires_at":%b' % (
        _encode(connection),
        _encode(heartbeat_seconds),
        _encode(expires_at),
    )
    if rev is None or cursor is None or counts is None:
        return head + b"}"
    return b'%b,"rev":%d,"cursor":"%b","counts":%b,"items":%b,"next_cursor":%b}' % (
        head,
        rev,
        cursor.encode("ascii"),
        counts_json(counts),
        _list(items),
        _encode(next_cursor),
    )


def changes(
    since: int,
    rev: int,
    cursor: str,
    *,
    updates: Iterable[bytes] = (),
    items: Iterable[bytes] = (),
    removed: Sequence[str] = (),
    more: bool = False,
    counts: Counts | None = None,
) -> bytes:
    """What happened after `since`, up to `rev`; `counts` only on the last page."""
    return b'{"type":"changes","since":%d,"rev":%d,"cursor":"%b","updates":%b,"items":%b,"removed":%b,"more":%b%b}' % (
        since,
        rev,
        cursor.encode("ascii"),
        _list(updates),
        _list(items),
        _encode(removed),
        b"true" if more else b"false",
        b"" if counts is None else b',"counts":' + counts_json(counts),
    )


def item(rev: int, cursor: str, body: bytes, counts: Counts, removed: Sequence[str] = ()) -> bytes:
    """A new item, with what it collapsed, or a changed one."""
    gone = b',"removed":' + _encode(removed) if removed else b""
    return b'{"type":"item","rev":%d,"cursor":"%b","item":%b%b,"counts":%b}' % (
        rev,
        cursor.encode("ascii"),
        body,
        gone,
        counts_json(counts),
    )


def removed(rev: int, cursor: str, ids: Sequence[str], counts: Counts) -> bytes:
    """Items that are deleted, cancelled or expired."""
    return b'{"type":"removed","rev":%d,"cursor":"%b","ids":%b,"counts":%b}' % (
        rev,
        cursor.encode("ascii"),
        _encode(ids),
        counts_json(counts),
    )


def update(rev: int, cursor: str, scope: Mapping[str, Any], fields: Mapping[str, Any], counts: Counts) -> bytes:
    """Marks. `scope` is `{"ids": […]}` or `{"all": true, "upto": S, "category"?, "tag"?}`; `fields` what is set."""
    return b'{"type":"update","rev":%d,"cursor":"%b",%b,"set":%b,"counts":%b}' % (
        rev,
        cursor.encode("ascii"),
        _encode(scope)[1:-1],
        _encode(fields),
        counts_json(counts),
    )


def update_body(rev: int, scope: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
    """One entry of `changes.updates`: an `update` without type, cursor and counts."""
    return b'{"rev":%d,%b,"set":%b}' % (rev, _encode(scope)[1:-1], _encode(fields))


def ok(ref: int, rev: int, changed: int) -> bytes:
    return b'{"type":"ok","ref":%d,"rev":%d,"changed":%d}' % (ref, rev, changed)


def error(code: str, detail: str, ref: int | None = None) -> bytes:
    """A frame that was not carried out; the connection stays."""
    reference = b"" if ref is None else b'"ref":%d,' % ref
    return b'{"type":"error",%b"code":%b,"detail":%b}' % (reference, _encode(code), _encode(detail))
