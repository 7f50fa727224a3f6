"""One frame on its way to any number of connections, in every spelling a transport needs, each built once."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from hub.bus.announce import HEADER_BYTES, frame_of, read_header
from hub.model import frames

_TYPE_AT = len(b'{"type":"')
_EVENT_BYTES = len(b"event: \ndata: \n\n")
_ID_BYTES = len(b"\nid: ")


class Message(msgspec.Struct, gc=False, eq=False):
    """A frame, hub to client. Immutable but for its caches.

    A struct, because one is made for every message of a gateway: made in C, and of no interest to the collector.

    Attributes:
        payload: The frame's JSON, `type` first, without line breaks. Empty when the store has to be read for it.
        cursor: Where a client stands after it, ASCII, or None for frames without a revision.
        rev, epoch: The same as numbers; 0 without a cursor.
        framed, chunk: What `ws` and `chunked` have built, if they were asked.
    """

    payload: bytes
    cursor: bytes | None = None
    rev: int = 0
    epoch: int = 0
    framed: bytes | None = None
    chunk: bytes | None = None

    @property
    def type(self) -> str:
        """The frame's type."""
        return self.payload[_TYPE_AT : self.payload.index(b'"', _TYPE_AT)].decode("ascii")

    @property
    def ws(self) -> bytes:
        """The whole WebSocket frame: unmasked, one piece, text."""
        if self.framed is None:
            self.framed = frames.websocket(self.payload)
        return self.framed

    @property
    def chunked(self) -> bytes:
        """The server-sent event as one chunk of an HTTP/1.1 body (RFC 9112 section 7.1)."""
        if self.chunk is None:
            self.chunk = _chunk(self.payload, self.cursor)
        return self.chunk

    @property
    def sse(self) -> bytes:
        """The whole server-sent event; `id` is the cursor, so that a browser resumes by itself."""
        chunk = self.chunked
        return chunk[chunk.index(b"\r\n") + 2 : -2]


def heard(announcement: bytes, epoch: int) -> Message:
    """The frame of an announcement, whose cursor is of `epoch`; without payload where it has none."""
    _, rev, cursor = read_header(announcement)
    payload = frame_of(announcement)
    return Message(payload, cursor, rev, epoch, announcement[HEADER_BYTES:] if payload else None)


def chunk_of(announcement: bytes) -> bytes:
    """`heard(announcement, …).chunked` of one that has a frame, without a message that nobody else needs."""
    return _chunk(frames.out_of_websocket(announcement, HEADER_BYTES), read_header(announcement)[2])


def _chunk(payload: bytes, cursor: bytes | None) -> bytes:
    name = payload[_TYPE_AT : payload.index(b'"', _TYPE_AT)]
    if cursor is None:
        return b"%b\ndata: %b\n\n\r\n" % (_chunk_head(name, len(payload)), payload)
    head = _chunk_head(name, len(payload) + len(cursor) + _ID_BYTES)
    return b"".join((head, b"\nid: ", cursor, b"\ndata: ", payload, b"\n\n\r\n"))


@lru_cache(maxsize=1024)
def _chunk_head(name: bytes, size: int) -> bytes:
    """As far as the event's name; `size` is that of the lines that differ. To format a number takes longest of all."""
    return b"%x\r\nevent: %b" % (size + len(name) + _EVENT_BYTES, name)
