"""One frame on its way to any number of connections, in every spelling a transport needs, each built once."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode

from hub.bus.announce import Announcement
from hub.model.cursor import Cursor

_TEXT = 0x81  # FIN and opcode 1 (RFC 6455 section 5.2)
_TYPE_AT = len(b'{"type":"')
_POSITION = struct.Struct(">QQQ")


class Message:
    """A frame, hub to client. Immutable but for its caches.

    Attributes:
        payload: The frame's JSON, `type` first, without line breaks. Empty when the store has to be read for it.
        cursor: Where a client stands after it, or None for frames without a revision.
        rev, epoch: The same as numbers; 0 without a cursor.
    """

    __slots__ = ("_sse", "_ws", "cursor", "epoch", "payload", "rev")

    def __init__(self, payload: bytes, cursor: str | None = None, *, rev: int = 0, epoch: int = 0) -> None:
        self.payload = payload
        self.cursor = cursor
        self.rev = rev
        self.epoch = epoch
        self._ws: bytes | None = None
        self._sse: bytes | None = None

    @property
    def type(self) -> str:
        """The frame's type."""
        return self.payload[_TYPE_AT : self.payload.index(b'"', _TYPE_AT)].decode("ascii")

    @property
    def ws(self) -> bytes:
        """The whole WebSocket frame: unmasked, one piece, text."""
        if self._ws is None:
            size = len(self.payload)
            if size < 126:
                header = bytes((_TEXT, size))
            elif size < 65536:
                header = struct.pack("!BBH", _TEXT, 126, size)
            else:
                header = struct.pack("!BBQ", _TEXT, 127, size)
            self._ws = header + self.payload
        return self._ws

    @property
    def sse(self) -> bytes:
        """The whole server-sent event; `id` is the cursor, so that a browser resumes by itself."""
        if self._sse is None:
            place = b"" if self.cursor is None else b"id: %b\n" % self.cursor.encode("ascii")
            self._sse = b"event: %b\n%bdata: %b\n\n" % (self.type.encode("ascii"), place, self.payload)
        return self._sse


def from_announcement(announced: Announcement) -> Message | None:
    """The message an announcement carries, or None when its cursor is none of ours."""
    try:
        position = Cursor(*_POSITION.unpack(urlsafe_b64decode(announced.cursor)))
    except (ValueError, struct.error):
        return None
    return Message(announced.frame, announced.cursor, rev=announced.rev, epoch=position.epoch)
