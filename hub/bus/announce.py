"""Announcements: what Redis carries from whoever changed an inbox to the gateways that hold its person.

One PUBLISH (in a cluster SPUBLISH) per person and change. The payload is a fixed header and the client's frame as a
WebSocket has it, so that a gateway writes a slice of what it heard and builds nothing:

    offset  0  kind     1 byte   i item, u update, r removed, c changes, s sync (no body), x revoked (no body)
            1  rev      8 bytes  big endian
            9  cursor  32 bytes  ASCII, see hub.model.cursor
           41  frame    RFC 6455: text, whole, unmasked; to the end

An announcement is at most once and only ever a hint: the outbox repeats what was not accepted by Redis, sessions notice
a hole in the revisions, and gateways compare heads with the store. Losing all of them costs milliseconds, not items.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hub.model import frames
from hub.model.cursor import CURSOR_LENGTH, STEM_LENGTH, Cursor

if TYPE_CHECKING:
    from hub.bus.client import Bus

ITEM, UPDATE, REMOVED, CHANGES, SYNC, REVOKED = "i", "u", "r", "c", "s", "x"
JOBS, DELIVERIES = b"j", b"d"
FRAME_LIMIT_BYTES = 8 * 1024  # larger frames are read from the store: Redis buffers per subscriber stay small
_HEADER = struct.Struct(f">cQ{CURSOR_LENGTH}s")
HEADER_BYTES = _HEADER.size
read_header = _HEADER.unpack_from
"""`(kind, rev, cursor)` of a payload of at least HEADER_BYTES, kind and cursor as ASCII."""
read_place = struct.Struct(f">xQ{STEM_LENGTH}s").unpack_from
"""`(rev, stem of its cursor)` of such a payload: for whoever reads many."""
_NO_CURSOR = Cursor(0, 0, 0).encode().encode("ascii")


class Announcement(NamedTuple):
    """One change of one person's inbox, as gateways hear of it."""

    kind: str
    rev: int
    cursor: str
    frame: bytes


def pack(kind: str, rev: int, cursor: str, frame: bytes) -> bytes:
    """The payload; a frame over FRAME_LIMIT_BYTES becomes `sync`."""
    if len(frame) > FRAME_LIMIT_BYTES:
        kind, frame = SYNC, b""
    header = _HEADER.pack(kind.encode("ascii"), rev, cursor.encode("ascii"))
    return header + frames.websocket(frame) if frame else header


def pack_revoked() -> bytes:
    """The payload that says: tokens issued before now are void."""
    return _HEADER.pack(REVOKED.encode("ascii"), 0, _NO_CURSOR)


def unpack(payload: bytes) -> Announcement | None:
    """The announcement in `payload`, or None when it is none (another version, or somebody else's PUBLISH)."""
    if len(payload) < HEADER_BYTES:
        return None
    kind, rev, cursor = read_header(payload)
    if len(payload) > HEADER_BYTES and not has_frame(payload):
        return None
    try:
        return Announcement(kind.decode("ascii"), rev, cursor.decode("ascii"), frame_of(payload))
    except UnicodeDecodeError:
        return None


def has_frame(payload: bytes) -> bool:
    """Whether there is a frame, as this version writes it. What there is instead only says that something changed."""
    return len(payload) > HEADER_BYTES + 1 and payload[HEADER_BYTES] == frames.WEBSOCKET_TEXT


def frame_of(payload: bytes) -> bytes:
    """The JSON of a payload that has a frame; empty of any other."""
    return frames.out_of_websocket(payload, HEADER_BYTES) if has_frame(payload) else b""


def channel(installation: str, project_id: int, user: str) -> str:
    """The person's channel. Base64url, because user ids may hold anything."""
    name = urlsafe_b64encode(user.encode("utf-8")).decode("ascii").rstrip("=")
    return f"hub:{installation}:{project_id}:{name}"


def project_channel(installation: str, project_id: int) -> str:
    """What concerns a whole project: `b` a new broadcast, `p` changed configuration."""
    return f"hub:{installation}:{project_id}:!"


def fleet_channel(installation: str) -> str:
    """What concerns every process: JOBS and DELIVERIES, that some are due."""
    return f"hub:{installation}:!"


class Announcer:
    """Publishes to Redis in one pipeline per batch."""

    def __init__(self, redis: Bus, installation: str) -> None:
        self._redis = redis
        self.installation = installation

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> list[int]:
        """Sends `(channel, payload)` pairs, at most once each; the places of those that were not accepted.

        Raises:
            redis.RedisError, OSError: As Bus.publish_all.
        """
        return await self._redis.publish_all(messages) if messages else []
