"""One frame on its way to any number of connections, in every spelling a transport needs, each built once."""

from __future__ import annotations

import msgspec

from hub.bus import announce
from hub.bus.announce import HEADER_BYTES, read_header
from hub.model import frames

_TYPE_AT = len(b'{"type":"')
_EVENT_BYTES = len(b"event: \ndata: \n\n")
# By the kind of an announcement: an event's chunk without size, cursor and frame, and how long the rest of it is.
_CHUNKS = {
    ord(kind): (b"%%x\r\nevent: %b\nid: %%b\ndata: %%b\n\n\r\n" % name, len(b"event: \nid: \ndata: \n\n" + name))
    for kind, name in (
        (announce.ITEM, b"item"),
        (announce.UPDATE, b"update"),
        (announce.REMOVED, b"removed"),
        (announce.CHANGES, b"changes"),
    )
}


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
            payload = self.payload
            name = payload[_TYPE_AT : payload.index(b'"', _TYPE_AT)]
            place = b"" if self.cursor is None else b"id: %b\n" % self.cursor
            size = len(name) + len(place) + len(payload) + _EVENT_BYTES
            self.chunk = b"%x\r\nevent: %b\n%bdata: %b\n\n\r\n" % (size, name, place, payload)
        return self.chunk

    @property
    def sse(self) -> bytes:
        """The whole server-sent event; `id` is the cursor, so that a browser resumes by itself."""
        chunk = self.chunked
        return chunk[chunk.index(b"\r\n") + 2 : -2]


def heard(announcement: bytes, epoch: int) -> Message:
    """The frame of an announcement, whose cursor is of `epoch`; without payload where it has none."""
    _, rev, cursor = read_header(announcement)
    framed = announcement[HEADER_BYTES:]
    if not framed or framed[0] != frames.WEBSOCKET_TEXT or len(framed) < 2:  # none, or of another version: it is read
        return Message(b"", cursor, rev, epoch)
    return Message(frames.out_of_websocket(framed), cursor, rev, epoch, framed)


def chunk_of(announcement: bytes) -> bytes:
    """`heard(announcement, …).chunked` for one that has a frame, in half the time."""
    known = _CHUNKS.get(announcement[0])
    if known is None:  # of a later version
        return heard(announcement, 0).chunked
    shape, length = known
    _, _, cursor = read_header(announcement)
    frame = frames.out_of_websocket(announcement, HEADER_BYTES)
    return shape % (length + len(cursor) + len(frame), cursor, frame)
