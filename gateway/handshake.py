"""The opening handshake of nearly everybody, read and answered in one go (RFC 6455 section 4).

What browsers and usual clients send is recognised here and answered by one digest. Whatever is not exactly that, odd or
wrong, is left to `websockets`, which knows all that may be said and what to answer.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Sequence
from hashlib import sha1
from typing import NamedTuple

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)
_KEY_BYTES = 16
_USUAL_BYTES = 8 * 1024  # the longest line that `websockets` takes


class Upgrade(NamedTuple):
    """A good request: its answer, and the values of the fields that decide on the rest."""

    answer: bytes
    origins: Sequence[str]
    hosts: Sequence[str]
    forwarded: Sequence[str]


def usual(data: bytes, path: bytes, subprotocol: bytes) -> Upgrade | None:
    """The handshake in `data`, if it is a usual one for `path`, offering just `subprotocol` or none.

    Args:
        data: A whole head, its field names in lower case, as uvicorn hands it over.
    """
    if len(data) > _USUAL_BYTES:
        return None
    lines = data.split(b"\r\n")
    method, _, rest = lines[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    if method != b"GET" or version != b"HTTP/1.1" or target.partition(b"?")[0] != path or lines[-2:] != [b"", b""]:
        return None
    fields: dict[bytes, bytes] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(b":")
        if not colon or name in fields:  # what a doubled field means is not for here
            return None
        fields[name] = value.strip(b" \t")
    offered = fields.get(b"sec-websocket-protocol")
    key = fields.get(b"sec-websocket-key", b"")
    if (
        fields.get(b"upgrade", b"").lower() != b"websocket"
        or fields.get(b"connection", b"").lower() not in (b"upgrade", b"keep-alive, upgrade")
        or fields.get(b"sec-websocket-version") != b"13"
        or offered not in (None, subprotocol)
        or b"content-length" in fields
        or b"transfer-encoding" in fields
        or not _is_key(key)
    ):
        return None
    accept = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    chosen = b"" if offered is None else b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol
    try:
        origins, hosts, forwarded = (_texts(fields.get(name)) for name in (b"origin", b"host", b"x-forwarded-for"))
    except UnicodeDecodeError:
        return None
    return Upgrade(_ANSWER % (accept, chosen), origins, hosts, forwarded)


def _is_key(key: bytes) -> bool:
    try:
        return len(a2b_base64(key, strict_mode=True)) == _KEY_BYTES
    except Error:
        return False


def _texts(value: bytes | None) -> Sequence[str]:
    return () if value is None else (value.decode("ascii"),)
