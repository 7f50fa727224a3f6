"""Announcements: what Redis carries from whoever changed an inbox to the gateways that hold its person.

One PUBLISH per person and change. The payload is a fixed header and the client's frame, ready to forward:

    offset  0  kind     1 byte   i item, u update, r removed, c changes, s sync (no body), x revoked (no body)
            1  rev      8 bytes  big endian
            9  cursor  32 bytes  ASCII, see hub.model.cursor
           41  frame    JSON, to the end

An announcement is at most once and only ever a hint: the outbox repeats what was not accepted by Redis, sessions notice
a hole in the revisions, and gateways compare heads with the store. Losing all of them costs milliseconds, not items.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hub.model.cursor import CURSOR_LENGTH, Cursor

if TYPE_CHECKING:
    from redis.asyncio import Redis

ITEM, UPDATE, REMOVED, CHANGES, SYNC, REVOKED = "i", "u", "r", "c", "s", "x"
JOBS, DELIVERIES = b"j", b"d"
FRAME_LIMIT_BYTES = 8 * 1024  # larger frames are read from the store: Redis buffers per subscriber stay small
_HEADER = struct.Struct(f">cQ{CURSOR_LENGTH}s")
HEADER_BYTES = _HEADER.size
read_header = _HEADER.unpack_from
"""`(kind, rev, cursor)` of a payload of at least HEADER_BYTES, kind and cursor as ASCII: for whoever reads many."""
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
    return _HEADER.pack(kind.encode("ascii"), rev, cursor.encode("ascii")) + frame


def pack_revoked() -> bytes:
    """The payload that says: tokens issued before now are void."""
    return _HEADER.pack(REVOKED.encode("ascii"), 0, _NO_CURSOR)


def unpack(payload: bytes) -> Announcement | None:
    """The announcement in `payload`, or None when it is none (another version, or somebody else's PUBLISH)."""
    if len(payload) < HEADER_BYTES:
        return None
    kind, rev, cursor = read_header(payload)
    try:
        return Announcement(kind.decode("ascii"), rev, cursor.decode("ascii"), payload[HEADER_BYTES:])
    except UnicodeDecodeError:
        return None


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


# One script for many messages: of a pipeline of PUBLISH the answers took more of the publisher's CPU than the messages
# (12 % and 8 % of a publish to a hundred people), and nobody reads how many subscribers there were.
_PUBLISH = "for at = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[at], ARGV[at + 1]) end"
SCRIPT_MESSAGES = 250  # Redis does nothing else meanwhile: a quarter of a millisecond


class Announcer:
    """Publishes to Redis in one pipeline per batch."""

    def __init__(self, redis: Redis, installation: str) -> None:
        self._redis = redis
        self.installation = installation

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Sends `(channel, payload)` pairs, at most once each.

        Raises:
            redis.RedisError, OSError: Redis did not accept them all; some may have gone out.
        """
        if not messages:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for start in range(0, len(messages), SCRIPT_MESSAGES):
            arguments = [part for message in messages[start : start + SCRIPT_MESSAGES] for part in message]
            pipeline.eval(_PUBLISH, 0, *arguments)
        await pipeline.execute()
